"""SYNC: fetch what we lack of what a peer released to us, and mirror it, entry for entry.

The mirror judges nothing: same numbers, same bytes. `admit` reads it afterwards. Where we stand is a date that the
peer's own server gave us, kept in the same transaction as the entries, so a crash at any point repeats a page at most.
"""

from collections.abc import Callable
from typing import Any

from cert import door, stix
from cert.errors import PeerUnreachable, Refused
from cert.stix import Micros
from cert.store import log
from cert.store.engine import Engine, reading, writing
from cert.store.log import Statement
from feeds import store
from feeds.line import Line, Page
from feeds.store import Peer

PAGES = 20  # after so many a process looks whether it should stop; the next turn goes on from what is mirrored


def pull(db: Engine, peer: Peer, line: Line, clock: Callable[[], Micros]) -> bool:
    """Fetch and mirror what a peer has for us, at most `PAGES` pages a turn. Gives whether there was anything.

    Raises `PeerUnreachable`, after keeping what came whole, if he does not answer or his log has a gap.
    """
    with reading(db) as c:
        since = store.mirrored_until(c, peer.name)
    page = line.page(since, "")
    anything = bool(page.objects)
    for _ in range(PAGES):
        if not page.objects:
            break
        _mirror(db, peer, page, clock())
        if not page.next:
            break
        page = line.page(since, page.next)
    return anything


def _mirror(db: Engine, peer: Peer, page: Page, now: Micros) -> None:
    received = [_received(obj, peer.org, now) for obj in page.objects]
    with writing(db, bulk=True) as c:
        expected = log.head(c, peer.inbound) + 1
        if page.numbers[0] != expected:
            raise PeerUnreachable(
                f"{peer.name}: its log goes on at {page.numbers[0]}, but the next entry we lack is {expected}. "
                "Nothing was taken; call its operators."
            )
        log.mirror(c, peer.inbound, received, now)
        store.set_mirrored_until(c, peer.name, page.last_added)


def _received(obj: Any, origin: int, now: Micros) -> Statement | bytes:
    """A received object as the peer's statement, or its bare bytes where the door would not let it in."""
    try:
        return log.statement(door.check(obj, now), origin)
    except Refused:
        return stix.canonical(obj)
