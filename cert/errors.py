"""What can go wrong, in a duty officer's words.

Everything Puente refuses is a `Refused`: a stable code for machines, a sentence for people that says what to do,
and the data behind it. Nothing here knows a status code or a page; each edge maps the class to its own answer.
"""

import re
from collections.abc import Mapping
from typing import Any

_BLANK = re.compile(r"%\((\w+)\)[sd]")


def msgid(sentence: str) -> str:
    """The sentence itself: marks one that stands alone in the code, so that translators find it."""
    return sentence


def filled(sentence: str, data: Mapping[str, Any]) -> str:
    """The sentence with its blanks, such as `%(peer)s`, filled; what looks like a blank and is none stays as it is."""
    return _BLANK.sub(lambda blank: str(data.get(blank[1], blank[0])), sentence)


class Refused(Exception):
    """Something was not done, for a reason the asker can act on.

    `sentence` is English and what a page translates; where it has blanks, such as `%(peer)s`, `data` fills them.
    `str()` of it is the whole English sentence.
    """

    def __init__(self, code: str, sentence: str, **data: Any) -> None:
        super().__init__(filled(sentence, data))
        self.code = code
        self.sentence = sentence
        self.data = data


class NotFound(Refused):
    """There is no such thing, or the asker may not know that there is: both look alike."""


class NotAllowed(Refused):
    """The asker may know of the thing, but may not do this to it."""


class Conflict(Refused):
    """Somebody else was faster, or the same version exists with other content."""


class Missing(Refused):
    """A part of the node is not set up, or has gone; the sentence names the command that mends it."""


class PeerUnreachable(Exception):
    """The other side did not answer as it should; trying again later is right."""
