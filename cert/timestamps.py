"""STIX timestamps: text to instant and back, and one spelling to compare them by."""

import re
from datetime import UTC, datetime, timedelta

from cert.errors import Refused, msgid

Micros = int
"""Microseconds since 1970-01-01T00:00:00Z."""

_EPOCH = datetime(1970, 1, 1)  # naive on purpose: the text was checked to be UTC, and this is faster
_TIMESTAMP = re.compile(
    r"([0-9]{4}-(?:0[1-9]|1[012])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:)([0-5][0-9]|60)"
    r"(?:\.([0-9]+))?Z"
)


def parse_timestamp(text: str) -> Micros:
    """The instant that a STIX timestamp names; digits beyond the sixth are cut. `Refused` if it is none (SX-06)."""
    return instant(text)[0]


def instant(text: str) -> tuple[Micros, str]:
    """The instant at full precision, to be compared: microseconds, and the further digits without trailing zeros."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise _no_timestamp(text)
    minute, second, digits = match.groups(default="")
    try:
        since = datetime.fromisoformat(minute + "00") - _EPOCH
    except ValueError as fault:
        sentence = msgid("There is no such day as %(day)s. Correct the date.")
        raise Refused("no-such-day", sentence, day=text[:10], value=text[:80]) from fault
    whole = since.days * 86_400 + since.seconds + int(second)
    return whole * 1_000_000 + int(digits[:6].ljust(6, "0")), digits[6:].rstrip("0")


def format_timestamp(moment: Micros, digits: int = 3) -> str:
    """A STIX timestamp with as many digits (0 to 6) of the second; we write three (SX-07). What is finer is cut."""
    stamp = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)
    whole = f"{stamp:%Y-%m-%dT%H:%M:%S}".rjust(19, "0")
    return f"{whole}.{stamp.microsecond:06d}"[: 20 + digits].rstrip(".") + "Z"


def _no_timestamp(text: str) -> Refused:
    sentence = msgid('"%(text)s" is no STIX timestamp. Write UTC as in 2026-01-31T10:02:07.000Z.')
    return Refused("bad-timestamp", sentence, text=text[:40], value=text[:80])


def respell(text: str) -> str:
    """A timestamp in the spelling we compare by: at least three digits, no zero beyond them. Other text stays."""
    if len(text) == 24 and text[19] == ".":
        return text
    if _TIMESTAMP.fullmatch(text) is None:
        return text
    digits = text[20:-1].rstrip("0").ljust(3, "0")
    return f"{text[:19]}.{digits}Z"
