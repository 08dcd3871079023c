"""How the exchange goes: for each peer and direction what flows, what waits, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from cert import follow
from cert.errors import Phrase
from cert.stix import Micros
from cert.store import aside, log
from cert.store.engine import Connection, Engine
from cert.store.log import RECORD
from feeds import ledger, receipts, release, store
from feeds.errands import AGAIN
from feeds.ledger import GAVE, GOT, IN, OUT, Contact, Evidence, Pause
from feeds.store import Errand, Peer

FLOWS, WAITS, BROKEN, FROZEN, PAUSED = "flows", "waits", "broken", "frozen", "paused"
"""The states of a direction, from good to bad; a pause is neither."""
LATE: Micros = 15_000_000
"""After this long, what waits is late."""
LOOKED_AT = 1_000  # entries at most, to find the first that waits


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of an exchange.

    `waiting` counts entries that the receiver has not acknowledged (out), or that we know of and have not admitted
    (in); `lag` is for how long the oldest of them has waited, in microseconds. `total` counts all that stand in the log
    here, waiting or not. `refused` were given and not taken.
    `trouble` is what the border process last said was wrong, None if nothing is, and `next_try` when it tries again.
    """

    way: str
    state: str
    waiting: int
    lag: Micros
    total: int
    last: Micros | None
    refused: int
    trouble: Phrase | None
    trouble_since: Micros | None
    next_try: Micros | None
    evidence: Evidence | None
    pause: Pause | None


@dataclass(frozen=True, slots=True)
class PeerHealth:
    """How it goes with one peer. `held` waits for a rule of ours, `quarantine` are entries of his that we refused.

    `errands` are what people asked of the border process last, by kind.
    """

    peer: Peer
    out: Direction
    into: Direction
    contact: Contact | None
    held: int
    quarantine: int
    errands: Mapping[str, Errand]


def look(c: Connection, now: Micros) -> list[PeerHealth]:
    """How it goes with every peer, by name."""
    parts = {part.name: part for part in aside.all_health(c)}
    counted = aside.count_aside(c)
    held = store.count_held_by_peer(c)
    found = []
    for peer in store.all_peers(c):
        asked = {errand.kind: errand for errand in store.all_errands(c, peer.name)}
        out, into = _out(c, peer, counted.get(f"post:{peer.name}", 0)), _into(c, peer, asked.get(AGAIN))
        found.append(
            PeerHealth(
                peer,
                _direction(c, peer, OUT, out, parts, now),
                _direction(c, peer, IN, into, parts, now),
                ledger.contact(c, peer.name),
                held.get(peer.name, 0),
                counted.get(receipts.follower_name(peer), 0),
                asked,
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _Count:
    """What is counted of a direction, as `Direction` has it; `oldest` is since when the oldest entry waits."""

    waiting: int
    oldest: Micros | None
    total: int
    last: Micros | None
    refused: int


def _out(c: Connection, peer: Peer, not_posted: int) -> _Count:
    waiting, since = _owed(c, peer.outbound, ledger.receipted(c, peer.name, GOT)) if peer.seals else (0, None)
    times = [at for at in (_oldest_act(c, peer), since) if at is not None]
    refused = ledger.count_excepted(c, peer.name, GOT).get(receipts.REFUSED, 0) + not_posted
    last = ledger.last_receipt(c, peer.name, GOT)
    return _Count(waiting, min(times, default=None), log.head(c, peer.outbound), last, refused)


def _into(c: Connection, peer: Peer, again: Errand | None) -> _Count:
    contact, admitted = ledger.contact(c, peer.name), log.cursor(c, receipts.follower_name(peer))
    here = log.head(c, peer.inbound)
    known = max(here, contact.head if contact and peer.seals else 0)
    fresh = log.after(c, peer.inbound, admitted, 1)
    oldest = fresh[0].date_added if fresh else contact.at if contact and known > admitted else None
    if oldest is not None and again is not None:
        oldest = max(oldest, again.done or 0)  # what is fetched again has waited since then, however old it is
    refused = ledger.count_excepted(c, peer.name, GAVE).get(receipts.REFUSED, 0)
    return _Count(known - admitted, oldest, here, contact.at if contact else None, refused)


def is_worked_on(db: Engine, peer: Peer, way: str) -> bool:
    """Whether a border process works on a direction just now: it holds the lock of what moves it.

    It does not where none runs, and where none was told where the peer is.
    """
    lock = follow.take_lock(db, f"{_PARTS[way][0]}:{peer.name}")
    if lock is not None:
        lock.close()
    return lock is None


_PARTS = {OUT: ("release", "post"), IN: ("pull", "admit")}


def _direction(
    c: Connection, peer: Peer, way: str, counted: _Count, parts: Mapping[str, aside.Health], now: Micros
) -> Direction:
    told = [parts.get(f"{part}:{peer.name}") for part in _PARTS[way]]
    trouble = next((part for part in told if part is not None and not part.ok), None)
    evidence, pause = ledger.frozen(c, peer.name, way), ledger.paused(c, peer.name, way)
    lag = max(0, now - counted.oldest) if counted.oldest is not None else 0
    bad = (PAUSED, pause), (FROZEN, evidence), (BROKEN, trouble), (WAITS, lag > LATE)
    state = next((state for state, is_so in bad if is_so), FLOWS)
    return Direction(
        way=way,
        state=state,
        waiting=counted.waiting,
        lag=lag,
        total=counted.total,
        last=counted.last,
        refused=counted.refused,
        trouble=trouble.why if trouble else None,
        trouble_since=trouble.since if trouble else None,
        next_try=trouble.next_try if trouble and state == BROKEN else None,  # else it waits for people
        evidence=evidence,
        pause=pause,
    )


def _oldest_act(c: Connection, peer: Peer) -> Micros | None:
    """When the oldest release that waits was decided; what was only filed at home is nobody's business here."""
    new = log.after(c, RECORD, log.cursor(c, f"release:{peer.name}"), LOOKED_AT)
    return next((entry.date_added for entry in new if entry.kind == release.ACT), None)


def _owed(c: Connection, log_name: str, seen: int) -> tuple[int, Micros | None]:
    """How many entries after the last receipt wait for one, and when the first that one is owed for was sent."""
    first = ledger.first_owed(c, log_name, seen)
    return (log.head(c, log_name) - first[0] + 1, first[1]) if first else (0, None)
