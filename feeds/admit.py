"""The only door in: what a peer released to us is checked, and appended to our record under his name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cert import door, stix
from cert.errors import NotFound, Phrase, Refused, msgid
from cert.stix import Micros
from cert.store import aside, current, log, people
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry, Statement, Verdict
from feeds import receipts, wire
from feeds.ledger import Outcome
from feeds.receipts import SUPERSEDED
from feeds.store import Peer


def admit(peer: Peer) -> Callable[[Connection, Sequence[Entry], Micros], None]:
    """What the follower `admit` of one peer does with a batch of the mirror of his log.

    Every entry ends in the record, as a duplicate of what is there, or set aside with its reason; none disappears.
    """

    def into_record(c: Connection, batch: Sequence[Entry], now: Micros) -> None:
        ours = _Ours(c, [entry.id for entry in batch])
        good: list[tuple[Entry, Statement]] = []
        for entry in batch:
            try:
                obj = entry.obj()
                if kind := wire.kind(obj):
                    _hear(c, peer, entry.number, kind, obj, now)
                else:
                    good.append((entry, _statement(ours, peer, entry, obj, now)))
            except Refused as refusal:
                _put_aside(c, peer, entry, refusal.code, refusal.phrase, now)
        outcomes = _append(c, peer, good, now)
        if peer.seals and receipts.owed(c, peer, batch):
            receipts.give(c, peer, batch[-1].number, outcomes, now)

    return into_record


def _hear(c: Connection, peer: Peer, number: int, kind: str, obj: dict[str, Any], now: Micros) -> None:
    """What he tells us beside his objects. Checkpoints and keys were used when they were mirrored."""
    heard, cursor = f"receipts:{peer.name}", 0
    if kind == wire.RECEIPT and number > (cursor := log.cursor(c, heard)):  # admission may have begun again
        receipts.take(c, peer, obj, now)
        log.move_cursor(c, heard, cursor, number)


def _statement(ours: "_Ours", peer: Peer, entry: Entry, obj: dict[str, Any], now: Micros) -> Statement:
    """An entry as his statement. One with an identity passed the door when it was mirrored, and need not again."""
    if entry.line is not None:
        said = log.restated(entry, stix.refs(obj))
    else:
        said = log.statement(door.check(obj, now), peer.org)
    ours.demand_not_forged(obj, said)
    return said


def _append(c: Connection, peer: Peer, good: Sequence[tuple[Entry, Statement]], now: Micros) -> list[Outcome]:
    """Append what may be, and set aside what contradicts what he said before. Gives what he has outdated himself."""
    verdicts = log.append(c, RECORD, [said for _, said in good], now)
    for (entry, _), verdict in zip(good, verdicts, strict=True):
        if verdict.outcome in {"conflict", "refused"}:
            _put_aside(c, peer, entry, verdict.outcome, _objection(verdict), now)
    stored = {v.number: entry for (entry, _), v in zip(good, verdicts, strict=True) if v.outcome == "stored"}
    old = current.outdated(c, RECORD, list(stored))
    return [Outcome(stored[number].number, SUPERSEDED, "newer-version", "") for number in old]


def retry(c: Connection, peer: Peer, number: int, now: Micros) -> None:
    """Try once more to admit an entry that was set aside, and tell the peer if it is accepted after all.

    Raises `NotFound` if it is not set aside, and `Refused` with the reason if it still cannot be taken.
    """
    follower = receipts.follower_name(peer)
    if not aside.between(c, follower, peer.inbound, number, number):
        raise NotFound("aside", "Entry %(number)d of %(peer)s's log is not set aside.", number=number, peer=peer.name)
    (entry,) = log.entries_numbered(c, peer.inbound, [number])
    (verdict,) = log.append(c, RECORD, [_statement(_Ours(c, [entry.id]), peer, entry, entry.obj(), now)], now)
    if verdict.outcome in {"conflict", "refused"}:
        why = _objection(verdict)
        raise Refused(verdict.outcome, why.sentence, **why.data)
    aside.take_back(c, follower, peer.inbound, [number])
    if peer.seals:
        receipts.give_after_all(c, peer, number, now)


def _objection(verdict: Verdict) -> Phrase:
    """Why a statement was not appended."""
    differs = {"differs": ", ".join(verdict.differs)}
    return verdict.why or Phrase("He sent this version before with other %(differs)s.", differs)


class _Ours:
    """Who of our own may speak for themselves alone, and which of the ids in a batch are theirs."""

    def __init__(self, c: Connection, ids: Sequence[str]) -> None:
        self.c = c
        self.orgs = {org.n: org for org in people.all_organisations(c).values() if org.ours}
        self.identities = {org.identity_id: org for org in self.orgs.values()}
        self.owners = {
            entry.id: self.orgs[entry.origin] for entry in current.newest(c, RECORD, ids) if self._owns(entry)
        }

    def demand_not_forged(self, obj: Mapping[str, Any], said: Statement) -> None:
        """Raise `Refused` for what pretends to be ours, and for his version of what is ours (W3, SX-53).

        What one of our own has stated in exactly these words may come back.
        """
        author = self.identities.get(str(obj.get("created_by_ref"))) or self.identities.get(said.id)
        owner = self.owners.get(said.id)
        if (author is None and owner is None) or self._have_said(said):
            return
        if author is not None:
            sentence = msgid("He sent this as if %(author)s had written it, and we have not.")
            raise Refused("impersonation", sentence, author=author.name)
        if owner is not None:
            sentence = msgid("This object is %(author)s's, and only its author may change it.")
            raise Refused("not-his", sentence, author=owner.name)

    def _owns(self, entry: Entry) -> bool:
        org = self.orgs.get(entry.origin)
        return org is not None and entry.obj().get("created_by_ref") == org.identity_id

    def _have_said(self, said: Statement) -> bool:
        held = current.contents(self.c, RECORD, [said.id]).get((said.id, said.version), [])
        return any(digest == said.digest and origin in self.orgs for origin, digest in held)


def _put_aside(c: Connection, peer: Peer, entry: Entry, code: str, why: Phrase, now: Micros) -> None:
    number = entry.number
    aside.put_aside(c, aside.Aside(receipts.follower_name(peer), peer.inbound, number, entry.id, code, why, now))
