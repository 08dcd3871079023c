"""What a client asks for after the question mark, read strictly (TX-48 to TX-67)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from cert import stix
from cert.errors import Refused
from cert.stix import Micros
from cert.store.pages import EVERY, LAST, Versions, Wanted

MOST_VALUES = 500  # of one match; beyond that a client asks twice
MOST_FIELDS = 50
AFTER = "x_puente_after"
_PLAIN = {"added_after", "limit", "next", AFTER}
_PLACE = {"added_after", "limit", "next"}
HELD = "2.1"  # the one version of STIX that the door lets in
_OF_DELETE = {"match[version]", "match[spec_version]"}
_MATCH = re.compile(r"match\[[A-Za-z0-9_-]+\]")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_WHOLE = re.compile(r"[0-9]{1,18}")
_SPEC = re.compile(r"[0-9]\.[0-9]")


@dataclass(frozen=True, slots=True)
class Query:
    """A question to a collection. `filters` is its text without what says where a page begins and ends.

    `held` says whether it asks for STIX 2.1 among others; if not, nothing that we hold is wanted.
    """

    wanted: Wanted
    held: bool
    added_after: Micros | None
    limit: int | None
    next: str | None
    filters: str
    after: int = 0  # on a border log: the number to go on from


def read_query(query_string: bytes) -> Query:
    """The filters of a request. An unknown parameter is ignored; raises `Refused` for one that cannot be meant."""
    given = _parameters(query_string)
    held = _is_held(given)
    return Query(
        Wanted(_several("match[id]", given) if held else (), _versions(given), _several("match[type]", given)),
        held,
        _moment("added_after", given["added_after"]) if "added_after" in given else None,
        _limit(given["limit"]) if "limit" in given else None,
        given.get("next"),
        "&".join(f"{name}={value}" for name, value in sorted(given.items()) if name not in _PLACE),
        _number(given.get(AFTER, "0")),
    )


def narrowed(query: Query, stix_id: str, versions: Versions | None = None) -> Query:
    """The same question about one object only; a match on ids or types is ignored, as the standard has none there.

    `versions` are those to look for, where the standard has no match on versions either.
    """
    ids = (stix_id,) if query.held else ()
    return replace(query, wanted=Wanted(ids, versions or query.wanted.versions))


def read_deletion(query_string: bytes, stix_id: str) -> Wanted:
    """What a DELETE of an object means: these of its versions, or every one (TX-112).

    Raises `Refused` for any other filter: whoever writes one wants less to be deleted than would be.
    """
    given = _parameters(query_string)
    other = sorted(given.keys() - _OF_DELETE)
    if other:
        raise Refused("query", f"A DELETE takes match[version] and match[spec_version], not {other[0]}. Leave it out.")
    versions = _versions(given) if "match[version]" in given else EVERY
    return Wanted((stix_id,) if _is_held(given) else (), versions)


def _parameters(query_string: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _pairs(query_string):
        if name.startswith("match") and not _MATCH.fullmatch(name):
            raise Refused("query", "A filter is written match[field]=value. Check the brackets.")
        if name in found:
            raise Refused("query", f"{name} is given twice. Put several values into one, with commas between.")
        if name in _PLAIN or name.startswith("match"):
            found[name] = value
    return found


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    refusal = Refused("query", "The query after the question mark cannot be read. Write name=value, percent-encoded.")
    if _BROKEN_ESCAPE.search(query_string):
        raise refusal
    try:
        text = query_string.decode("ascii")
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise refusal from None
    if any("\0" in text for pair in pairs for text in pair):
        raise refusal
    return pairs


def _several(name: str, given: Mapping[str, str]) -> tuple[str, ...] | None:
    return _values(name, given[name]) if name in given else None


def _is_held(given: Mapping[str, str]) -> bool:
    """Whether objects of the one version of STIX that we hold are asked for."""
    values = _values("match[spec_version]", given.get("match[spec_version]", HELD))
    if not all(map(_SPEC.fullmatch, values)):
        raise Refused("match", "match[spec_version] takes versions of STIX, such as 2.1.")
    return HELD in values


def _versions(given: Mapping[str, str]) -> Versions:
    if "match[version]" not in given:
        return LAST
    values = _values("match[version]", given["match[version]"])
    if "all" in values and len(values) > 1:
        raise Refused("match", "match[version]=all already means every version. Give it alone.")
    exact = tuple(_moment("match[version]", value) for value in values if value not in {"all", "first", "last"})
    return Versions(last="last" in values, first="first" in values, every="all" in values, exact=exact)


def _values(name: str, text: str) -> tuple[str, ...]:
    values = text.split(",")
    if "" in values:
        raise Refused("match", f"{name} has an empty value. Write values with one comma between, without spaces.")
    if len(set(values)) != len(values):
        raise Refused("match", f"{name} names a value twice. Name each once.")
    if len(values) > MOST_VALUES:
        raise Refused("match", f"{name} takes at most {MOST_VALUES} values. Ask in several requests.")
    return tuple(values)


def _limit(text: str) -> int:
    if not _WHOLE.fullmatch(text) or int(text) == 0:
        raise Refused("limit", "limit is a whole number, 1 or more.")
    return int(text)


def _number(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise Refused("query", f"{AFTER} is the number of an entry.")
    return int(text)


def _moment(name: str, text: str) -> Micros:
    """A timestamp with any number of decimals, cut downwards after the sixth, so that nothing is skipped (TX-51)."""
    try:
        return stix.parse_timestamp(text)
    except Refused:
        raise Refused("timestamp", f"{name} takes a time in UTC like 2026-05-04T09:30:00.000000Z.") from None
