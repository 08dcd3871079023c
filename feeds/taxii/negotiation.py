"""Media types: what a client may ask for, and what it may send (TX-01 to TX-11).

Types and parameter names compare without regard to case, a quoted value equals the bare one, and a missing version
means our highest. A request without Accept is served.
"""

from flask import request
from werkzeug.exceptions import NotAcceptable, UnsupportedMediaType
from werkzeug.http import parse_options_header

TAXII = "application/taxii+json"
VERSION = "2.1"
MEDIA_TYPE = f"{TAXII};version={VERSION}"
STIX_MEDIA_TYPE = "application/stix+json;version=2.1"
_WILDCARDS = ("*/*", "application/*")


def demand_accept() -> None:
    """Refuse with 406 a request whose Accept excludes TAXII 2.1."""
    if not accepts(request.headers.get("Accept")):
        raise NotAcceptable(f"This server answers in {MEDIA_TYPE}. Ask for that, or leave the Accept header out.")


def accepts(header: str | None) -> bool:
    """Whether an Accept header admits TAXII 2.1: the most specific range that covers it decides, `q=0` excludes."""
    if not header or not header.strip():
        return True
    ranked = [rank for rank in map(_rank, header.split(",")) if rank]
    best = max((specific for specific, _ in ranked), default=None)
    return any(weight > 0 for specific, weight in ranked if specific == best)


def demand_content_type() -> None:
    """Refuse with 415 a body that does not say that it is TAXII 2.1 in UTF-8, or that is compressed."""
    kind, options = parse_options_header(request.headers.get("Content-Type"))
    fits = kind.lower() == TAXII and options.get("version", VERSION) == VERSION
    if not fits or options.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(f"Send the envelope as {MEDIA_TYPE}, in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body uncompressed, without Content-Encoding.")


def _rank(media_range: str) -> tuple[int, float] | None:
    """How specifically one range covers TAXII 2.1 and its weight; None if it does not cover it."""
    kind, options = parse_options_header(media_range.strip())
    kind = kind.lower()
    weight = _weight(options.get("q", "1"))
    if kind in _WILDCARDS:
        return _WILDCARDS.index(kind), weight
    if kind != TAXII or options.get("version", VERSION) != VERSION:
        return None
    return 2 + ("version" in options), weight


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
