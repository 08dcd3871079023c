"""How text becomes words to search by: the same for what is indexed and for what is asked.

A word is folded (no marks, no case) and cut down to one light stem that serves Spanish and English alike. Anything
with punctuation inside (an address, a domain, an incident number) falls into pieces, and is found as a phrase of them.
"""

import re
import unicodedata
from functools import lru_cache

from cert import values

WORDS_MAX = 20_000  # of one object; what comes later in a text is not found by its words
WORD_MAX = 100  # characters; a longer word is known by its first ones, for no engine takes a word of any length
_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile(r"[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufeff]+")
_STEM_MAX = 40  # longer is a hash or a token, not a word
_CACHED = 1 << 15  # words: an agency's whole working vocabulary, some 4 MB
_LETTERS = 24  # of other alphabets than ASCII's that are worth replacing one by one
_ASCII = bytes(range(128))
_PARTED = bytes(n if chr(n).isalnum() else ord(" ") for n in range(128)) + bytes(128)  # what parts words is a blank


def tokens(text: str) -> list[str]:
    """The words of a text in their order, folded and not stemmed; at most `WORDS_MAX`, each cut at `WORD_MAX`."""
    text = _folded(values.refang(text))
    found = text.encode().translate(_PARTED).decode().split() if text.isascii() else _WORD.findall(text)
    if max(map(len, found), default=0) > WORD_MAX:
        found = [word[:WORD_MAX] for word in found]
    return found[:WORDS_MAX]


def _folded(text: str) -> str:
    """A text in lower case without accents, and with letters for what is made of them: `año ﬁn` is `ano fin`."""
    if text.isascii():
        return text.lower()
    # Folding looks at one character at a time, so the few of a Spanish text are quicker replaced than all looked at.
    letters = set(text.encode().translate(None, _ASCII).decode())
    plain = {letter: _plain(letter) for letter in letters}
    if len(letters) > _LETTERS or None in plain.values():
        return _fold(text)
    for letter, spelt in plain.items():
        text = text.replace(letter, spelt or "")
    return text.lower()


@lru_cache(maxsize=_CACHED)
def _plain(letter: str) -> str | None:
    """What a letter is in ASCII, a blank for what parts words, None if it is a letter that ASCII does not have."""
    folded = _fold(letter)
    if folded and not _WORD.search(folded):
        return " "
    return folded if folded.isascii() and folded == folded.lower() else None


def _fold(text: str) -> str:
    return _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))


def fold(text: str) -> list[str]:
    """The stems of the words of a text, in their order: what plain words are found by."""
    return [stem(word) for word in tokens(text)]


@lru_cache(maxsize=_CACHED)
def stem(word: str) -> str:
    """One stem for singular and plural, Spanish and English: `redes` is `red`, `incidentes` and `incidents` `incident`.

    The plural and the last vowel go, z counts as c and y as i (`luces` and `luz`, `companies` and `company`), after
    J. Savoy's light Spanish stemmer (as in Lucene) and his English S-stemmer. Anything with a digit stays as it is.
    """
    if not 4 <= len(word) <= _STEM_MAX or not word.isalpha():
        return _one_letter(word) if word.isalpha() else word
    if word[-1] == "s" and word[-2] not in "sui":
        word = word[:-1]
    if len(word) >= 4 and word[-1] in "aeio":
        word = word[:-1]
    return _one_letter(word)


def _one_letter(word: str) -> str:
    match word[-1:]:
        case "z":
            return word[:-1] + "c"
        case "y" if len(word) >= 4:
            return word[:-1] + "i"
        case _:
            return word
