"""Compares both logs with the peer's copies of them, and names the first entry that differs."""

from collections.abc import Callable
from dataclasses import dataclass

from cert.store.engine import Connection, Engine, reading
from feeds import ledger
from feeds.close import start_in, start_out
from feeds.line import Head, Line
from feeds.store import Peer


@dataclass(frozen=True, slots=True)
class Compared:
    """One log on both sides: where it ends here and there, and the number of the first entry that differs, or None.

    A copy that is merely shorter does not differ.
    """

    log: str
    ours: Head
    theirs: Head
    differs_at: int | None


def reconcile(db: Engine, peer: Peer, mirror: Line, released: Line) -> list[Compared]:
    """Compare what we give with his `mirror` of it, and what we mirror with what he has `released`.

    Links are compared, each of which stands for all entries before it: so it takes some twenty questions, however long
    the logs are. Raises `PeerUnreachable`.
    """
    with reading(db) as c:
        starts = (start_out(c, peer), start_in(c, peer))
    logs = zip((peer.outbound, peer.inbound), starts, (mirror, released), strict=True)
    return [_compare(db, name, start, line) for name, start, line in logs]


def _compare(db: Engine, name: str, start: bytes, line: Line) -> Compared:
    with reading(db) as c:
        last = ledger.last_seal(c, name, start)
    ours, theirs = Head(last.number, last.link), line.page(last.number, 1).head

    def equal(number: int) -> bool:
        with reading(db) as c:
            return _ours(c, name, start, number) == line.page(number - 1, 1).last.link

    common = min(ours.number, theirs.number)
    return Compared(name, ours, theirs, None if not common or equal(common) else _first(common, equal))


def _first(last: int, equal: Callable[[int], bool]) -> int:
    """The smallest number up to `last` at which the logs are not equal; they are not at `last`."""
    low, high = 1, last
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if equal(middle) else (low, middle)
    return low


def _ours(c: Connection, name: str, start: bytes, number: int) -> bytes:
    return ledger.link_at(c, name, start, number)
