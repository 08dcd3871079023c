"""The gate: what may cross to a peer, what is held, and why; and the follower that fills `to:<peer>`.

The gate is a pure function, and the preview a releaser sees is its own output, so the two cannot differ.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cert import access, sight
from cert.access import Organisation, Viewer
from cert.errors import Conflict
from cert.stix import Micros, format_timestamp
from cert.store import current, log
from cert.store.engine import Connection, Engine, writing
from cert.store.log import BATCH, RECORD, Entry
from feeds import receipts, store, wire
from feeds.close import Close, say
from feeds.store import Peer, Terms

ACT = "release"
RULES = 1
"""The version of the rules below, written into every release act."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a release would do now: entries that go, entries held with their rule, entries the peer has already.

    `digest` stands for exactly this; whoever confirms hands it back.
    """

    peer: Peer
    root: Entry
    sent: tuple[Entry, ...]
    held: tuple[tuple[Entry, str], ...]
    there: tuple[Entry, ...]
    digest: str


def gate(level: str, origin: Organisation, terms: Terms, peer_org: int) -> str | None:
    """The rule that holds an object of this handling back from a peer, by name; None if it may cross.

    `origin` is who states it. A level is compared as TLP 2.0 orders them.
    """
    if origin.n == peer_org:
        return "theirs"
    if level == access.UNKNOWN:
        return "unknown-marking"
    if level == "red" or _rank(level) > _rank(terms.carries):  # RED is for people who are named, and never crosses
        return "handling"
    if not origin.ours and _rank(level) > _rank("green"):
        return "not-ours"
    return None


def preview(c: Connection, viewer: Viewer, peer: Peer, root: Entry) -> Preview:
    """What a release of an object and all that was filed around it would send, hold and leave."""
    access.demand(access.may_release(viewer), "Only a releaser of the national CERT decides what crosses. Ask one.")
    around = _dressed(c, viewer, peer, [e for e in sight.gather(c, viewer, root) if e.origin != peer.org])
    rules = gates(c, peer, around)
    sent, held, there = [], [], []
    for entry, rule in zip(around, rules, strict=True):
        if rule == "there":
            there.append(entry)
        elif rule is None:
            sent.append(entry)
        else:
            held.append((entry, rule))
    named = f"{peer.name} {RULES} {[_named(e) for e in sent]} {[(_named(e), rule) for e, rule in held]}"
    return Preview(peer, root, tuple(sent), tuple(held), tuple(there), hashlib.sha256(named.encode()).hexdigest())


def _named(entry: Entry) -> tuple[int, str, Micros | None, str]:
    """What stands for exactly this content in a preview; its number would tell how much else is held."""
    return entry.origin, entry.id, entry.version, entry.digest.hex()


def gates(c: Connection, peer: Peer, entries: Sequence[Entry]) -> list[str | None]:
    """The gate's answer for each entry of the record, in order; "there" for what the peer has already."""
    gone = current.contents(c, peer.outbound, [entry.id for entry in entries])
    judged: list[str | None] = []
    for entry, rule in zip(entries, _rules(c, peer, entries), strict=True):
        said = gone.setdefault((entry.id, entry.version), [])
        judged.append(rule or _already(entry, said))
        if judged[-1] is None:
            said.append((entry.origin, entry.digest))  # what goes first is what the next is compared with
    return judged


def _rules(c: Connection, peer: Peer, entries: Sequence[Entry]) -> list[str | None]:
    return [gate(level, origin, peer.terms, peer.org) for level, origin in sight.handlings(c, entries)]


def release(db: Engine, viewer: Viewer, peer: Peer, root_id: str, digest: str, now: Micros) -> Preview:
    """Append the release act for exactly what the viewer saw. What was held is named too, and waits in plain sight.

    Raises `Conflict` if the preview with that digest is no longer what a release would do.
    """
    with writing(db) as c:
        seen = preview(c, viewer, peer, sight.statements(c, viewer, root_id)[0])
        if seen.digest != digest:
            raise Conflict("preview-changed", "Something has changed since you looked. Look again, then release.")
        append_act(c, viewer.login, peer, [*seen.sent, *(entry for entry, _ in seen.held)], now)
    return seen


def append_act(c: Connection, by: str, peer: Peer, entries: Sequence[Entry], now: Micros) -> None:
    """Append release acts that name these entries of the record, at most `BATCH` an act."""
    acts = [
        {
            "peer": peer.name,
            "by": by,
            "rules": RULES,
            "entries": [[entry.number, entry.id, _spelt(entry.version)] for entry in entries[start : start + BATCH]],
        }
        for start in range(0, len(entries), BATCH)
    ]
    log.append_acts(c, RECORD, ACT, acts, now)


def _spelt(version: Micros | None) -> str | None:
    """A version as text: as a number of microseconds, a lawful one before 1684 is more than exact JSON holds."""
    return format_timestamp(version, 6) if version is not None else None


def one_act(batch: Sequence[Entry]) -> int:
    """How much of a batch to take at once: up to the first act, since each may send as much as a transaction should."""
    return next((i + 1 for i, entry in enumerate(batch) if entry.kind in _CARRIED), len(batch))


def send(peer: Peer, close: Close) -> Callable[[Connection, Sequence[Entry], Micros], None]:
    """What the follower `release` of one peer does with a batch of the record: send or hold what each act names.

    Receipts go too, whatever else is held. What was appended is closed by a checkpoint in the same transaction.
    """

    def fill(c: Connection, batch: Sequence[Entry], now: Micros) -> None:
        for kind, act in ((entry.kind, entry.obj()) for entry in batch if entry.kind in _CARRIED):
            if act.pop("peer") != peer.name:
                continue
            if kind == ACT:
                _carry_out(c, peer, [number for number, _, _ in act["entries"]], now)
            else:
                say(c, peer, _CARRIED[kind], act, now)
        close(c, peer, now)

    return fill


_CARRIED = {ACT: "", receipts.ACT: wire.RECEIPT}
"""The acts in the record that make something cross, and as what."""


def _carry_out(c: Connection, peer: Peer, numbers: Sequence[int], now: Micros) -> None:
    """Send the versions an act named, except where they, or the newest version of the same line, may not cross now."""
    named = [entry for entry in log.entries_numbered(c, RECORD, numbers) if entry.line is not None]
    newest = current.by_line(c, RECORD, [entry.line for entry in named if entry.line is not None])
    stricter = _rules(c, peer, [newest[entry.line] for entry in named if entry.line is not None])
    ruled = [(e, rule or since) for e, rule, since in zip(named, gates(c, peer, named), stricter, strict=True)]
    sent = [entry for entry, rule in ruled if rule is None]
    log.append(c, peer.outbound, [log.restated(e) for e in sent], now)
    store.hold(c, peer.name, [(e.number, rule) for e, rule in ruled if rule not in {None, "there"}], now)
    store.let_go(c, peer.name, [e.number for e in sent])


def _already(entry: Entry, gone: Sequence[tuple[int, bytes]]) -> str | None:
    """`there` if the peer has this version, `other-content` if he has another source's content for it, else None."""
    if any(digest == entry.digest for _, digest in gone):
        return "there"
    return "other-content" if gone and entry.version is not None else None


def _dressed(c: Connection, viewer: Viewer, peer: Peer, entries: Sequence[Entry]) -> list[Entry]:
    """The entries with their authors and the definitions of their markings, which must travel along (SX-72).

    Who an author is, he says himself: what a stranger says under his id does not travel with our word.
    """
    objects = [entry.obj() for entry in entries]
    wanted = {obj["created_by_ref"] for obj in objects if "created_by_ref" in obj}
    wanted |= {marking for obj in objects for marking in access.foreign_markings(obj)}
    known = {entry.line: entry for entry in entries}
    held = sight.owners(c, sight.visible(c, viewer, current.newest(c, RECORD, sorted(wanted))))
    more = [e for e in held if e.line not in known and e.origin != peer.org]
    return sorted([*more, *entries], key=lambda entry: entry.number)


def _rank(level: str) -> int:
    return access.LEVELS.index(level)
