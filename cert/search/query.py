"""The query language: words, "quoted words", observables in any spelling, and filters such as `nation:mx`.

Whatever somebody types means something: an unknown field is just a word, and nothing here raises.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cert import values
from cert.keys import value_keys
from cert.search.documents import FIELD_MAX, id_key
from cert.search.words import stem, tokens
from cert.stix import Micros

FIELDS = ("nation", "type", "handling", "system", "rsit", "severity")
"""The fields that can be filtered by and counted, as one types them."""

_TEXT_MAX = 4_000  # characters of a query that are read
_TERMS_MAX = 50
_PHRASE_MAX = 64  # words
_PART = re.compile(r'(?:(?P<field>[a-z]+):)?(?:"(?P<quoted>[^"]*+)"?|(?P<bare>[^\s"]++))', re.IGNORECASE)
_EDGES = ".,;:!?()[]{}<>'«»“”¿¡"
_STIX_ID = re.compile(r"[a-z][a-z0-9-]+--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]+")
_HASH_NAME = {32: "md5", 40: "sha-1", 64: "sha-256", 128: "sha-512"}
_CVE = re.compile(r"cve-\d{4}-\d{4,19}", re.ASCII)
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.)+[\w-]{2,63}\.?")


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that a match must have: a word with this stem, or these words side by side, or one of these keys.

    `stem` is "" unless the term is one plain word; `words` are folded and not stemmed.
    """

    words: tuple[str, ...]
    stem: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: every term, and for every filtered field one of its values. An empty query matches everything.

    `since` leaves out what is older.
    """

    terms: tuple[Term, ...] = ()
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    since: Micros | None = None


def parse(text: str, chosen: Mapping[str, Iterable[str]] | None = None, since: Micros | None = None) -> Query:
    """What somebody typed, with the filters chosen beside the box; a field outside `FIELDS` among these is left out."""
    filters: dict[str, dict[str, None]] = {}
    for field, wanted in (chosen or {}).items():
        for value in wanted:
            _add_filter(filters, field, value)
    terms = []
    for part in _PART.finditer(values.refang(text[:_TEXT_MAX])):
        quoted = part["quoted"] is not None
        value = part["quoted"] if quoted else part["bare"]
        if not (part["field"] and _add_filter(filters, part["field"].lower(), value)):
            term = _term(value if quoted else part[0], quoted)
            terms += [term] if term else []
    unique = tuple(dict.fromkeys(terms))[:_TERMS_MAX]
    return Query(unique, tuple((field, tuple(found)) for field, found in sorted(filters.items())), since)


def _add_filter(filters: dict[str, dict[str, None]], field: str, value: str) -> bool:
    wanted = value.strip().lower().removeprefix("tlp:")[:FIELD_MAX]
    if field not in FIELDS or not wanted:
        return False
    filters.setdefault(field, {})[wanted] = None
    return True


def _term(text: str, quoted: bool) -> Term | None:
    bare = text.strip(_EDGES)
    words = tuple(tokens(bare)[:_PHRASE_MAX])
    if not words:
        return None
    if quoted:
        return Term(words)
    plain = len(words) == 1 and bare.isalnum()
    return Term(words, stem(words[0]) if plain else "", _observable(bare))


def _observable(text: str) -> tuple[str, ...]:
    """The key of a word that looks like an observable or a STIX id. Its parts, such as a URL's host, are not meant."""
    lower = text.lower()
    if _STIX_ID.fullmatch(lower):
        return (id_key(lower),)
    if _HASH.fullmatch(lower) and len(lower) in _HASH_NAME:
        return (f"file:{_HASH_NAME[len(lower)]}:{lower}",)
    if _CVE.fullmatch(lower):
        return (f"vulnerability:{text.upper()}",)
    kind = _kind(lower)
    return (next(value_keys(kind, text)),) if kind else ()


def _kind(text: str) -> str:
    if "://" in text:
        return "url"
    if "@" in text:
        return "email-addr"
    found = values.address(text)
    if found:
        return found[0]
    return "domain-name" if _DOMAIN.fullmatch(text) else ""
