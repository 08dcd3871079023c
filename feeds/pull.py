"""SYNC: fetch what we lack of what a peer released to us, and mirror it, entry for entry.

The mirror judges no object: same numbers, same bytes, `admit` reads it afterwards. What is judged is the chain. Every
page must go on where our mirror ends, and every checkpoint in it must fit what came before and be signed. Where we
stand is what we hold, sealed, in the same transaction as the entries: so a crash at any point repeats a page at most.
What no checkpoint has closed yet is not kept, so that nobody who is in between can spoil the mirror for good.

Whoever was told of a fork, a gap or a bad signature cannot go on by himself: the direction freezes, what was seen is
kept, and people are told. A log that has become shorter is waited for: its owner was restored from an older copy, and
takes back from our mirror what he lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cert import door, stix
from cert.errors import PeerUnreachable, Refused, msgid
from cert.stix import Micros
from cert.store import log
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import Statement
from feeds import ledger, seal, store, wire
from feeds.close import keys_of, start_in
from feeds.ledger import IN, Contact
from feeds.line import Line, Page
from feeds.seal import KeyList, Seal
from feeds.store import Peer

NOTED_EVERY: Micros = 10_000_000
LONGEST = 2_000  # entries of one batch; ours have some 500
PAGES = 20  # after so many a process looks whether it should stop; the next turn goes on from what is mirrored


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the mirror of a peer's log ends, sealed, up to where it is closed, and which keys may sign what follows."""

    start: bytes
    last: Seal
    closed: int
    keys: KeyList


@dataclass(frozen=True, slots=True)
class _Entries:
    """Entries of his log in their order, with a salt each, and when the last of them was added there."""

    objects: Sequence[Any]
    salts: Sequence[bytes]
    last_added: str


EMPTY = _Entries((), (), "")


class _Fault(Refused):
    """A fault of the chain."""


def pull(db: Engine, peer: Peer, line: Line, clock: Callable[[], Micros]) -> bool:
    """Fetch and mirror what a peer has for us, at most `PAGES` pages a turn. Gives whether there was anything.

    Raises `PeerUnreachable`, after keeping what came whole, if he does not answer, or while this direction is frozen.
    """
    anything, tail = False, EMPTY
    stands: Seal | None = None
    for _ in range(PAGES):
        with reading(db) as c:
            if ledger.paused(c, peer.name, IN):
                break
            _demand_going(c, peer)
            place = _place(c, peer)
        if stands != place.last:
            tail = EMPTY  # somebody let us begin again: what came last does not follow where we stand now
        stands = place.last
        after = place.last.number + len(tail.objects)
        page = line.page(after)
        note_contact(db, peer, line, page.head.number, clock())
        try:
            _demand_same_log(peer, place, page)
            if not page.objects:
                _demand_all(peer, place, page, after)
                break
            _demand_next(peer, page, after)
            closed, tail = _parted(tail, page)
            if closed.objects:
                stands = _mirror(db, peer, place, closed, clock())
        except _Fault as fault:
            _freeze(db, peer, fault, page, clock())
        anything = anything or bool(closed.objects)
        if page.numbers[-1] >= page.head.number:  # whatever `more` says
            _demand_closed(peer, tail, place.closed)
            break
    return anything


def note_contact(db: Engine, peer: Peer, line: Line, head: int, now: Micros) -> None:
    """Note that he has answered, and what one could see of him; an idle line is not noted every time."""
    with reading(db) as c:
        before = ledger.contact(c, peer.name)
    if before is None or before.head != head or now - before.at > NOTED_EVERY:
        with writing(db) as c:
            skew_ms = None if line.skew_s is None else round(line.skew_s * 1000)
            ledger.note_contact(c, peer.name, Contact(now, head, skew_ms, line.certificate_until))


def _place(c: Connection, peer: Peer) -> _Place:
    start = start_in(c, peer)
    last = ledger.last_seal(c, peer.inbound, start)
    return _Place(start, last, log.cursor(c, peer.closed), keys_of(c, peer.name, peer.root))


def _demand_going(c: Connection, peer: Peer) -> None:
    found = ledger.frozen(c, peer.name, IN)
    if found is not None:
        raise PeerUnreachable(
            "%(peer)s: nothing is taken from him since his log was found broken. %(why)s Talk to his operators by "
            "another way, then run `puente peer resume %(peer)s`.",
            peer=peer.name,
            why=found.why,
        )


def _demand_same_log(peer: Peer, place: _Place, page: Page) -> None:
    """See to it that his log is the one that we have mirrored so far."""
    if page.head.number < place.last.number:
        raise PeerUnreachable(
            "%(peer)s: his log ends at entry %(theirs)d, our mirror of it at %(ours)d. He was restored from an older "
            "copy, and takes back from us what he lost; then it goes on by itself.",
            peer=peer.name,
            theirs=page.head.number,
            ours=place.last.number,
        )
    if page.head.number == place.last.number > 0 and page.head.link != place.last.link:
        sentence = msgid("His log holds other entries than we have mirrored, up to number %(last)d.")
        raise _Fault("fork", sentence, last=place.last.number)


def _demand_all(peer: Peer, place: _Place, page: Page, after: int) -> None:
    """See to it that a peer who gives nothing more keeps nothing back, and has closed what he gave."""
    if page.head.number > after:
        sentence = msgid("%(peer)s: his log ends at entry %(theirs)d, but he gives nothing after %(ours)d.")
        raise PeerUnreachable(sentence, peer=peer.name, theirs=page.head.number, ours=after)
    if place.closed < after:
        raise _open(peer, place.closed)


def _demand_closed(peer: Peer, tail: _Entries, closed: int) -> None:
    """See to it that the last thing he gave is a checkpoint."""
    if tail.objects:
        raise _open(peer, closed)


def _open(peer: Peer, closed: int) -> PeerUnreachable:
    sentence = msgid("%(peer)s: no checkpoint closes his log after entry %(last)d, so what follows cannot be admitted.")
    return PeerUnreachable(sentence, peer=peer.name, last=closed)


def _demand_next(peer: Peer, page: Page, after: int) -> None:
    if page.numbers[0] <= after:
        sentence = msgid("%(peer)s: asked for entries after %(last)d, it gives older ones again.")
        raise PeerUnreachable(sentence, peer=peer.name, last=after)
    if page.numbers[0] != after + 1:
        sentence = msgid("His log goes on at entry %(theirs)d, but the next one we lack is %(ours)d.")
        raise _Fault("gap", sentence, theirs=page.numbers[0], ours=after + 1)


def _parted(tail: _Entries, page: Page) -> tuple[_Entries, _Entries]:
    """What came so far and this page, parted after the last checkpoint.

    A batch that is longer than `LONGEST` is what an older version left open: it is taken before it is closed.
    """
    objects, salts = [*tail.objects, *page.objects], [*tail.salts, *page.salts]
    ends = [n for n, obj in enumerate(objects, 1) if wire.kind(obj) == wire.CHECKPOINT]
    at = ends[-1] if ends else len(objects) if len(objects) > LONGEST else 0
    last = page.last_added
    return _Entries(objects[:at], salts[:at], last), _Entries(objects[at:], salts[at:], last)


def _mirror(db: Engine, peer: Peer, place: _Place, page: _Entries, now: Micros) -> Seal:
    """Mirror entries that follow on a place, if the mirror still ends there. Gives where it ends, as far as we know."""
    came = [received(obj, peer.org, now) for obj in page.objects]
    bodies = [said.body if isinstance(said, Statement) else said for said in came]
    seals = seal.chained(place.last, zip(page.salts, bodies, strict=True))
    lists, closed = _checked(peer, place, seals, page.objects)
    with writing(db, bulk=True) as c:
        if ledger.last_seal(c, peer.inbound, place.start) != place.last:
            return place.last
        held = _held_already(c, peer, seals, bodies)
        log.mirror(c, peer.inbound, came[held:], now)
        ledger.add_seals(c, peer.inbound, seals)
        for version, body in lists:
            ledger.add_key_list(c, peer.name, version, body)
        if closed:
            log.move_cursor(c, peer.closed, log.cursor(c, peer.closed), closed)
        store.set_mirrored_until(c, peer.name, page.last_added)
    return seals[-1]


def _checked(
    peer: Peer, place: _Place, seals: Sequence[Seal], objects: Sequence[Any]
) -> tuple[list[tuple[int, bytes]], int]:
    """The key lists in a page, and the number of its last checkpoint, 0 if it has none. Raises for a bad one."""
    keys, closed, before = place.keys, 0, place.last
    lists: list[tuple[int, bytes]] = []
    for at, obj in zip(seals, objects, strict=True):
        try:
            match wire.kind(obj):
                case wire.KEYS:
                    found = seal.read_list(obj, peer.root)
                    if found.version > keys.version:
                        keys = found
                        lists.append((found.version, seal.list_text(obj)))
                case wire.CHECKPOINT:
                    seal.demand_checkpoint(keys, place.start, before, obj)
                    closed = at.number
        except Refused as refusal:
            raise _Fault(refusal.code, refusal.sentence, **refusal.data) from refusal
        before = at
    return lists, closed


def _held_already(c: Connection, peer: Peer, seals: Sequence[Seal], bodies: Sequence[bytes]) -> int:
    """How many of these entries the mirror holds already, not sealed yet; they must be the same."""
    overlap = min(log.head(c, peer.inbound) - seals[0].number + 1, len(seals))
    entries = log.after(c, peer.inbound, seals[0].number - 1, overlap) if overlap > 0 else []
    for entry, body in zip(entries, bodies, strict=False):
        if entry.body != body:
            sentence = msgid("Entry %(number)d of his log is another one than we have mirrored.")
            raise _Fault("fork", sentence, number=entry.number)
    return len(entries)


def _freeze(db: Engine, peer: Peer, fault: _Fault, page: Page, now: Micros) -> None:
    with writing(db) as c:
        ledger.freeze(c, peer.name, IN, fault, page.raw, now)
    with reading(db) as c:  # what is raised in a write transaction would undo it
        _demand_going(c, peer)


def received(obj: Any, origin: int, now: Micros) -> Statement | bytes:
    """A received object as the peer's statement, or its bare bytes where the door would not let it in."""
    try:
        return log.statement(door.check(obj, now), origin)
    except Refused:
        return stix.canonical(obj)
