"""JSON text, in and out: strict on the way in (I-JSON, RFC 7493), one spelling on the way out (RFC 8785)."""

import hashlib
import json
import re
from itertools import pairwise
from math import inf
from typing import Any, NoReturn

import orjson
import rfc8785

from cert.errors import Refused, msgid

WHOLE_MAX = 2**53 - 1
"""The largest whole number every JSON reader keeps exactly (RFC 7493, section 2.2)."""

_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_MAYBE_DEEP = re.compile(rb"[\[{]{200}")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_ONLY_JSON = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER | _ONLY_JSON
_INDENTED = orjson.OPT_INDENT_2 | orjson.OPT_STRICT_INTEGER | _ONLY_JSON


def parse_json(raw: bytes, *, max_depth: int = 64) -> Any:
    """The value that a JSON text states, or `Refused` where two readers could understand it differently.

    Refused: text that is not UTF-8, a name given twice in one object, NaN and infinity, numbers beyond what a double
    holds exactly, lone surrogates, NUL, and nesting deeper than `max_depth` (RFC 7493). The standard library's scanner
    with a hook for pairs is as fast as orjson here, and orjson alone cannot see that a name came twice.
    """
    if _MAYBE_DEEP.search(raw.translate(None, _ALL_BUT_BRACKETS)):
        _refuse_depth_beyond_the_stack(raw, max_depth)
    try:
        value = _STRICT.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as fault:
        raise Refused("not-json", "This is not UTF-8 text. Send JSON in UTF-8.", at=fault.start) from fault
    except json.JSONDecodeError as fault:
        sentence = msgid("This is not JSON: it breaks at line %(line)d, column %(column)d. Send it again, complete.")
        raise Refused("not-json", sentence, line=fault.lineno, column=fault.colno) from fault
    except RecursionError as fault:
        raise _too_deep(max_depth) from fault
    _refuse_hidden_faults(value, max_depth)
    return value


def _refuse_depth_beyond_the_stack(raw: bytes, max_depth: int) -> None:
    """orjson counts its depth; Python's scanner would go down until the stack ends, and cleaning up there may fail."""
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise _too_deep(max_depth) from fault


def canonical(obj: Any) -> bytes:
    """The one spelling of a JSON value (RFC 8785, UTF-8): equal values give equal bytes. `Refused` if it has none."""
    return canonical_plain(obj) if is_plain(obj) else _canonical_slowly(obj)


def canonical_plain(obj: Any) -> bytes:
    """The same bytes as `canonical`, for a value the caller knows to be plain (see `is_plain`)."""
    try:
        return orjson.dumps(obj, option=_SORTED)
    except TypeError as fault:
        raise _no_spelling(fault) from fault


def sha256(raw: bytes) -> bytes:
    """The 32 bytes of SHA-256."""
    return hashlib.sha256(raw).digest()


def is_plain(value: Any) -> bool:
    """Whether sorting by code point and orjson's numbers give RFC 8785's bytes: no float, all names ASCII."""
    kind = type(value)
    if kind is dict:
        return all(type(key) is str and key.isascii() and is_plain(item) for key, item in value.items())
    if kind is list:
        return all(map(is_plain, value))
    return kind is str or kind is int or kind is bool or value is None


def has_nul(text: bytes) -> bool:
    """Whether JSON bytes without superfluous escapes hold the character NUL, U+0000, in a text or a name."""
    return _NUL.search(text) is not None


def _canonical_slowly(obj: Any) -> bytes:
    try:
        return rfc8785.dumps(obj)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as fault:
        raise _no_spelling(fault) from fault


def _no_spelling(fault: Exception) -> Refused:
    return Refused("not-i-json", "This cannot be written as exact JSON (%(why)s). Correct the value.", why=fault)


def _refuse_hidden_faults(value: Any, max_depth: int) -> None:
    """What the scanner lets through, found in one fast rewrite of the value: indentation hints at the depth."""
    try:
        text = orjson.dumps(value, option=_INDENTED)
    except TypeError as fault:
        if "Recursion" in str(fault):
            raise _too_deep(max_depth) from fault
        raise _no_spelling(fault) from fault
    if b"\n" + b"  " * max_depth in text and _depth(value) > max_depth:
        raise _too_deep(max_depth)
    if b"\\u0000" in text and has_nul(text):
        raise Refused("nul", "A text holds the character NUL, which STIX cannot carry. Take it out.")


def _depth(value: Any) -> int:
    inner = value.values() if type(value) is dict else value if type(value) is list else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _too_deep(max_depth: int) -> Refused:
    return Refused("too-deep", "This JSON is nested more than %(most)d levels deep. Send it flatter.", most=max_depth)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = sorted(name for name, _ in pairs)
    twice = next(name for name, after in pairwise(names) if name == after)
    sentence = msgid('The property "%(twice)s" stands twice in one object. Keep one of them.')
    raise Refused("duplicate-key", sentence, property=twice, twice=twice[:80])


def _whole(text: str) -> int:
    if len(text) > 17 or not -WHOLE_MAX <= (number := int(text)) <= WHOLE_MAX:
        raise _inexact(text)
    return number


def _real(text: str) -> float:
    number = float(text)
    # RFC 8785 writes a whole number below 1e21 without exponent, where the next strict reader would refuse it.
    if number in (inf, -inf) or (WHOLE_MAX < abs(number) < 1e21):
        raise _inexact(text)
    return number


def _constant(text: str) -> NoReturn:
    raise _inexact(text)


def _inexact(text: str) -> Refused:
    return Refused("not-i-json", "The number %(number)s cannot be kept exactly. Send it as text.", number=text[:40])


_STRICT = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_whole, parse_float=_real, parse_constant=_constant)
