"""Paging without a memory: a `next` token says where to go on, sealed to who asks what (TX-70 to TX-76, TX-25).

A token is the position and a MAC over account, address, filters and position. It serves on any process of the node,
after any restart, as often as wanted; for another account, collection or question it is worth nothing.
`limit` is left out of the seal, as taxii2-client changes it between pages. So is `added_after`, which the
position says too: OpenCTI's connector sends it with the first page only, or a later one with an old token.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from flask import request

from cert.errors import Refused
from cert.stix import Micros, format_timestamp
from cert.store import pages
from cert.store.engine import Connection
from cert.store.pages import Span
from feeds.taxii import border
from feeds.taxii.query import Query
from feeds.taxii.service import Service
from feeds.taxii.signin import account

_POSITION_BYTES = 8
_MAC_BYTES = 16


def span(c: Connection, service: Service, log: str, query: Query) -> Span:
    """Where the page that is asked for starts, and how much it may hold."""
    limit = min(query.limit or service.page_limit, service.page_limit)
    return Span(_after(c, service, log, query), limit, service.page_bytes)


def next_token(service: Service, query: Query, position: int) -> str:
    """The token for the page after this position."""
    place = position.to_bytes(_POSITION_BYTES, "big")
    return base64.urlsafe_b64encode(place + _mac(service, query, place)).decode("ascii")


def date_headers(added: Sequence[Micros]) -> dict[str, str]:
    """X-TAXII-Date-Added-First and -Last of a page; none for an empty one, as nothing true can be said (TX-75)."""
    if not added:
        return {}
    first, last = format_timestamp(added[0], 6), format_timestamp(added[-1], 6)
    return {"X-TAXII-Date-Added-First": first, "X-TAXII-Date-Added-Last": last}


def _after(c: Connection, service: Service, log: str, query: Query) -> int:
    if query.next is None and query.after and border.is_border(log):
        return query.after
    since = 0 if query.added_after is None else pages.number_at(c, log, query.added_after)
    return since if query.next is None else max(since, _position(service, query, query.next))


def _position(service: Service, query: Query, token: str) -> int:
    try:
        opened = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        opened = b""
    place, mac = opened[:_POSITION_BYTES], opened[_POSITION_BYTES:]
    if not hmac.compare_digest(mac, _mac(service, query, place)):
        raise Refused(
            "next", "This next token belongs to another question. Send it with the filters it came from, or start anew."
        )
    return int.from_bytes(place, "big")


def _mac(service: Service, query: Query, place: bytes) -> bytes:
    sealed = "\0".join((str(account().n), request.path, query.filters)).encode() + b"\0" + place
    return hmac.digest(service.secret_key, b"taxii next\0" + sealed, hashlib.sha256)[:_MAC_BYTES]
