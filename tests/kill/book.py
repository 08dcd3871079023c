"""What two nations have decided and said, written down outside both, and what must be so when they have settled."""

from collections.abc import Sequence, Set
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from cert.intake import WORKBENCH
from cert.store import aside, log
from cert.store.engine import reading
from cert.store.log import RECORD
from config.node import IMPORT
from feeds import ledger, store, wire
from feeds.ledger import GAVE, GOT, IN, OUT
from tests.feeds.border import Both, Nation

BENCH = WORKBENCH + IMPORT


@dataclass
class Given:
    """The ids of what one nation gave: what must be with the other once, what he refused, and what was held back."""

    taken: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)


@dataclass
class Book:
    """What was given, by nation; what was posted at Mexico's workbench; what Mexico's gate could not read; and what a
    scene needs to know later."""

    given: dict[str, Given] = field(default_factory=lambda: {"mx": Given(), "us": Given()})
    posted: set[str] = field(default_factory=set)
    unreadable: int = 0
    kept: dict[str, Any] = field(default_factory=dict)

    def copy(self) -> "Book":
        """A book of one's own, to write into."""
        return deepcopy(self)


def check(both: Both, book: Book) -> None:
    """Both nodes hold what the book says, once, and prove it to each other."""
    for giver, taker in ((both.mx, both.us), (both.us, both.mx)):
        _same_logs(giver, taker)
        _all_taken(giver, taker, book.given[giver.settings.nation])
        _all_receipted(giver, taker)
        _nothing_waits(giver, book.unreadable if giver is both.mx else 0)
    for name in (BENCH, RECORD) if book.posted else ():
        ids = [entry.id for entry in both.mx.entries(name)]
        assert _counts(ids, book.posted) == dict.fromkeys(book.posted, 1), name


def _same_logs(giver: Nation, taker: Nation) -> None:
    out, mirror = giver.entries(giver.peer.outbound), taker.entries(taker.peer.inbound)
    assert [entry.body for entry in mirror] == [entry.body for entry in out]
    assert [entry.number for entry in mirror] == [entry.number for entry in out] == list(range(1, len(out) + 1))
    seals = giver.seals(giver.peer.outbound)
    assert taker.seals(taker.peer.inbound) == seals
    assert [number for number, _ in seals] == [entry.number for entry in out]


def _all_taken(giver: Nation, taker: Nation, given: Given) -> None:
    sent = [entry.id for entry in giver.entries(giver.peer.outbound)]
    theirs = [entry.id for entry in taker.entries() if entry.origin == taker.peer.org]
    crossed = given.taken | given.refused
    assert _counts(sent, crossed | given.held) == dict.fromkeys(crossed, 1) | dict.fromkeys(given.held, 0)
    stayed = given.refused | given.held
    assert _counts(theirs, given.taken | stayed) == dict.fromkeys(given.taken, 1) | dict.fromkeys(stayed, 0)
    with reading(taker.db) as c:
        waiting = [one.stix_id for one in aside.all_aside(c, 99, f"admit:{taker.peer.name}")]
    assert sorted(waiting) == sorted(given.refused)
    with reading(giver.db) as c:
        numbers = [one.number for one in store.all_held(c, 1000)]
        held = [entry.id for entry in log.entries_numbered(c, RECORD, numbers)]
    assert _counts(held, given.held) == dict.fromkeys(given.held, 1)


def _counts(found: Sequence[str], ids: Set[str]) -> dict[str, int]:
    return {one: found.count(one) for one in ids}


def _receipts(nation: Nation, way: str) -> list[tuple[int, int, bytes]]:
    asked = select(ledger.receipts.c.first, ledger.receipts.c.last, ledger.receipts.c.link)
    with reading(nation.db) as c:
        rows = c.execute(asked.where(ledger.receipts.c.way == way).order_by(ledger.receipts.c.last))
        return [(row.first, row.last, row.link) for row in rows]


def _all_receipted(giver: Nation, taker: Nation) -> None:
    """Receipts cover each object given from the first to the last, without gap or overlap, and both have the same."""
    got = _receipts(giver, GOT)
    assert got == _receipts(taker, GAVE)
    assert [first for first, _, _ in got] == [1, *(last + 1 for _, last, _ in got[:-1])]
    assert all(one[1] < other[1] for one, other in pairwise(got))
    links = dict(giver.seals(giver.peer.outbound))
    assert all(links[last] == link for _, last, link in got)
    told: list[dict[str, Any]] = [e.obj() for e in taker.entries(taker.peer.outbound) if wire.kind(e.obj())]
    assert [(one["first"], one["last"]) for one in told if wire.kind(one) == wire.RECEIPT and _covers(one)] == [
        (first, last) for first, last, _ in got
    ]
    objects = [entry.number for entry in giver.entries(giver.peer.outbound) if not wire.kind(entry.obj())]
    assert objects[-1] <= got[-1][1]


def _covers(said: dict[str, Any]) -> bool:
    return bool(said["last"] >= said["first"])


def _nothing_waits(nation: Nation, unreadable: int) -> None:
    peer = nation.peer
    assert (nation.frozen(IN), nation.frozen(OUT)) == ("", "")
    with reading(nation.db) as c:
        assert log.cursor(c, f"release:{peer.name}") == log.head(c, RECORD)
        assert log.cursor(c, f"admit:{peer.name}") == log.cursor(c, peer.closed) == log.head(c, peer.inbound)
        assert aside.count_aside(c).get(f"release:{peer.name}", 0) == unreadable
