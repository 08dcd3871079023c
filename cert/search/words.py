"""How text becomes words to search by: the same for what is indexed and for what is asked.

A word is folded (no marks, no case) and cut down to one light stem that serves Spanish and English alike. Anything
with punctuation inside (an address, a domain, an incident number) falls into pieces, and is found as a phrase of them.
"""

import re
import unicodedata
from functools import lru_cache

from cert import values

WORDS_MAX = 20_000  # of one object; what comes later in a text is not found by its words
_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile(r"[\u0300-\u036f\u00ad\u200b-\u200f\u2060\ufeff]+")
_STEM_MAX = 40  # longer is a hash or a token, not a word
_CACHED = 1 << 15  # words: an agency's whole working vocabulary, some 4 MB


def folded(text: str) -> str:
    """The text in lower case, without accents and defanging: `Telecomunicación [.] mx` is `telecomunicacion.mx`."""
    text = values.refang(text)
    if text.isascii():
        return text.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))


def tokens(text: str) -> list[str]:
    """The words of a text in their order, folded and not stemmed; at most `WORDS_MAX`."""
    found = _WORD.findall(folded(text))
    return found[:WORDS_MAX]


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
