"""Whether our log to a peer is whole, and how it becomes so again from his mirror of it.

A node that was restored from an older copy would give numbers out a second time, for other entries: a fork. So before
a process appends to a peer's log, it asks the peer how far his mirror goes. If it goes further than our log, our own
entries are taken back from it: same numbers, bytes and salts, up to the last checkpoint, each proved by a signature of
our own. What was never released, nobody else has: it is lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cert import acts
from cert.errors import PeerUnreachable, Refused, msgid
from cert.stix import Micros
from cert.store import log, people
from cert.store.engine import Connection, Engine, OperationalError, reading, writing
from cert.store.log import RECORD, Statement
from feeds import ledger, receipts, seal, wire
from feeds.close import keys_of, start_out
from feeds.ledger import GAVE, OUT
from feeds.line import Line, Page
from feeds.pull import received
from feeds.seal import KeyList, Seal
from feeds.store import Peer

PAGES = 40  # in which a checkpoint must come; only what an older version left open has more than two


@dataclass(slots=True)
class Whole:
    """Sees to it, once for each process, that our log to a peer is whole. `line` leads to his mirror of it."""

    db: Engine
    peer: Peer
    line: Line
    clock: Callable[[], Micros]
    known: bool = field(default=False)

    def then(self, turn: Callable[[], bool]) -> bool:
        """Do a turn of what appends to that log, if it is whole. Raises `PeerUnreachable` while that is not known."""
        while not self.known:
            self._look()
        try:
            return turn()
        except OperationalError:
            self.known = False  # the database may come back as an older copy
            raise

    def _look(self) -> None:
        with reading(self.db) as c:
            _demand_going(c, self.peer)
            last = ledger.last_seal(c, self.peer.outbound, start_out(c, self.peer))
        page = self.line.page(last.number)
        try:
            if page.head.number > last.number:
                self._take_back(last, page)
            else:
                self._demand_same(page)
                self.known = True
        except Refused as refusal:
            with writing(self.db) as c:
                ledger.freeze(c, self.peer.name, OUT, refusal, page.raw, self.clock())
            with reading(self.db) as c:
                _demand_going(c, self.peer)

    def _demand_same(self, page: Page) -> None:
        """His mirror must be the beginning of our log."""
        with reading(self.db) as c:
            ours = ledger.link_at(c, self.peer.outbound, start_out(c, self.peer), page.head.number)
        if page.head.number and ours != page.head.link:
            sentence = msgid("His mirror of our log holds other entries, at or before number %(last)d.")
            raise Refused("fork", sentence, last=page.head.number)

    def _take_back(self, last: Seal, page: Page) -> None:
        """Take back what lies between our last entry and the next checkpoints that his mirror holds."""
        now, objects, salts = self.clock(), list(page.objects), list(page.salts)
        for _ in range(PAGES):
            if any(wire.kind(obj) == wire.CHECKPOINT for obj in objects) or not page.more:
                break
            page = self.line.page(last.number + len(objects))
            objects, salts = objects + page.objects, salts + page.salts
        with reading(self.db) as c:
            orgs = people.all_organisations(c).values()
            home, known = people.our_cert(c).n, {org.identity_id: org.n for org in orgs if org.ours}
            start, keys = start_out(c, self.peer), keys_of(c, ledger.OURS, "")
        came = [received(obj, known.get(_author(obj), home), now) for obj in objects]
        seals = seal.chained(last, zip(salts, map(_body, came), strict=True))
        proved = _proved(keys, start, [last, *seals], objects)
        with writing(self.db, bulk=True) as c:
            log.mirror(c, self.peer.outbound, came[:proved], now)
            ledger.add_seals(c, self.peer.outbound, seals[:proved])
            _remember(c, self.peer, objects[:proved], came[:proved], now)
            acts.add(c, "restore", "border", now, peer=self.peer.name, first=last.number + 1, last=last.number + proved)


def _proved(keys: KeyList, start: bytes, seals: Sequence[Seal], objects: Sequence[Any]) -> int:
    """How many of these objects, the first ones, are closed by a checkpoint of ours. Raises `Refused` for a bad one.

    `seals` begins with the one before the first object.
    """
    proved = 0
    for count, (before, obj) in enumerate(zip(seals, objects, strict=False), 1):
        match wire.kind(obj):
            case wire.KEYS:
                found = seal.read_list(obj, seal.fingerprint(keys.root))
                keys = max(keys, found, key=lambda one: one.version)
            case wire.CHECKPOINT:
                seal.demand_checkpoint(keys, start, before, obj)
                proved = count
    if not proved:
        raise Refused("chain", "His mirror of our log holds entries that no checkpoint of ours closes.")
    return proved


def _remember(
    c: Connection, peer: Peer, objects: Sequence[Any], came: Sequence[Statement | bytes], now: Micros
) -> None:
    """Put our own objects back into the record, and the receipts we gave back among the receipts."""
    said = [one for one, obj in zip(came, objects, strict=True) if isinstance(one, Statement) and not wire.kind(obj)]
    for start in range(0, len(said), log.BATCH):
        log.append(c, RECORD, said[start : start + log.BATCH], now)
    for obj in objects:
        if wire.kind(obj) == wire.RECEIPT and (receipt := receipts.read(obj, now)).last >= receipt.first:
            ledger.add_receipt(c, peer.name, GAVE, receipt)


def _author(obj: Any) -> str:
    return str(obj.get("created_by_ref")) if isinstance(obj, dict) else ""


def _body(said: Statement | bytes) -> bytes:
    return said.body if isinstance(said, Statement) else said


def _demand_going(c: Connection, peer: Peer) -> None:
    found = ledger.frozen(c, peer.name, OUT)
    if found is not None:
        raise PeerUnreachable(
            "%(peer)s: nothing is given to him since our logs were found to differ. %(why)s Talk to his operators by "
            "another way, then run `puente peer resume %(peer)s`.",
            peer=peer.name,
            why=found.why,
        )
