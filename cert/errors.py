"""What can go wrong, in a duty officer's words.

Everything Puente refuses is a `Refused`: a stable code for machines, a sentence for people that says what to do,
and the data behind it. Nothing here knows a status code or a page; each edge maps the class to its own answer.

A sentence stands in the code in English, with blanks: so it is translated whole, and filled afterwards. A `Phrase` is a
sentence with what fills it; a table can keep one, so that a page says it in the reader's language later.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_BLANK = re.compile(r"%\((\w+)\)[sd]")


def msgid(sentence: str) -> str:
    """The sentence itself: marks one that stands alone in the code, so that translators find it."""
    return sentence


def filled(sentence: str, data: Mapping[str, Any]) -> str:
    """The sentence with its blanks, such as `%(peer)s`, filled; what looks like a blank and is none stays as it is."""
    return _BLANK.sub(lambda blank: str(data.get(blank[1], blank[0])), sentence)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence for people: English, with blanks such as `%(peer)s`, and what fills them, sentences among that.

    `str()` of it is the whole English sentence, for logs and machines.
    """

    sentence: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return filled(self.sentence, self.data)

    def values(self) -> str:
        """What fills the blanks, as JSON: a table keeps it beside the sentence."""
        return json.dumps(self._plain())

    def _plain(self) -> dict[str, Any]:
        wanted = {blank: self.data[blank] for blank in _BLANK.findall(self.sentence) if blank in self.data}
        return {
            name: [value.sentence, value._plain()] if isinstance(value, Phrase) else _shown(value)
            for name, value in wanted.items()
        }


NOTHING = Phrase()
"""Where there is nothing to say."""


def kept(sentence: str, values: str) -> Phrase:
    """A sentence as it was, from what a table kept of it."""
    return _phrase(sentence, json.loads(values))


def _phrase(sentence: str, plain: Mapping[str, Any]) -> Phrase:
    # Nothing but a sentence becomes a list in `values`.
    return Phrase(
        sentence, {name: _phrase(*value) if isinstance(value, list) else value for name, value in plain.items()}
    )


def _shown(value: Any) -> int | str:
    return value if isinstance(value, int) else str(value)


class Spoken(Exception):
    """Something went wrong, and a sentence tells people what.

    `sentence` is English and what a page translates; where it has blanks, such as `%(peer)s`, `data` fills them.
    `str()` of it is the whole English sentence.
    """

    def __init__(self, sentence: str, **data: Any) -> None:
        super().__init__(filled(sentence, data))
        self.sentence = sentence
        self.data = data

    @property
    def phrase(self) -> Phrase:
        """The sentence with what fills it."""
        return Phrase(self.sentence, self.data)


class Refused(Spoken):
    """Something was not done, for a reason the asker can act on."""

    def __init__(self, code: str, sentence: str, **data: Any) -> None:
        super().__init__(sentence, **data)
        self.code = code


class NotFound(Refused):
    """There is no such thing, or the asker may not know that there is: both look alike."""


class NotAllowed(Refused):
    """The asker may know of the thing, but may not do this to it."""


class Conflict(Refused):
    """Somebody else was faster, or the same version exists with other content."""


class Missing(Refused):
    """A part of the node is not set up, or has gone; the sentence names the command that mends it."""


class PeerUnreachable(Spoken):
    """The other side did not answer as it should; trying again later is right.

    `wait_s` says for how many seconds that is of no use, where he asked for it or refuses us; else it is 0.
    """

    wait_s: float = 0.0
