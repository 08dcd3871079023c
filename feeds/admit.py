"""The only door in: what a peer released to us is checked, and appended to our record under his name."""

from collections.abc import Callable, Sequence

from cert import door
from cert.errors import Refused
from cert.stix import Checked, Micros
from cert.store import aside, current, log, people
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry, Statement
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
                checked = door.check(entry.obj(), now)
                said = log.statement(checked, peer.org)
                ours.demand_not_forged(checked, said)
                good.append((entry, said))
            except Refused as refusal:
                _put_aside(c, peer, entry, refusal.code, str(refusal), now)
        for (entry, _), verdict in zip(good, log.append(c, RECORD, [said for _, said in good], now), strict=True):
            if verdict.outcome in {"conflict", "refused"}:
                reason = verdict.sentence or f"He sent this version before with other {', '.join(verdict.differs)}."
                _put_aside(c, peer, entry, verdict.outcome, reason, now)

    return into_record


class _Ours:
    """Who of our own may speak for themselves alone, and which of the ids in a batch are theirs."""

    def __init__(self, c: Connection, ids: Sequence[str]) -> None:
        self.c = c
        self.orgs = {org.n: org for org in people.all_organisations(c).values() if org.ours}
        self.identities = {org.identity_id: org for org in self.orgs.values()}
        self.owners = {
            entry.id: self.orgs[entry.origin] for entry in current.newest(c, RECORD, ids) if self._owns(entry)
        }

    def demand_not_forged(self, checked: Checked, said: Statement) -> None:
        """Raise `Refused` for what pretends to be ours, and for his version of what is ours (W3, SX-53).

        What one of our own has stated in exactly these words may come back.
        """
        author = self.identities.get(str(checked.obj.get("created_by_ref"))) or self.identities.get(said.id)
        owner = self.owners.get(said.id)
        if (author is None and owner is None) or self._have_said(said):
            return
        if author is not None:
            raise Refused("impersonation", f"He sent this as if {author.name} had written it, and we have not.")
        if owner is not None:
            raise Refused("not-his", f"This object is {owner.name}'s, and only its author may change it.")

    def _owns(self, entry: Entry) -> bool:
        org = self.orgs.get(entry.origin)
        return org is not None and entry.obj().get("created_by_ref") == org.identity_id

    def _have_said(self, said: Statement) -> bool:
        held = current.contents(self.c, RECORD, [said.id]).get((said.id, said.version), [])
        return any(digest == said.digest and origin in self.orgs for origin, digest in held)


def _put_aside(c: Connection, peer: Peer, entry: Entry, code: str, sentence: str, now: Micros) -> None:
    number = entry.number
    aside.put_aside(c, aside.Aside(f"admit:{peer.name}", peer.inbound, number, entry.id, code, sentence, now))
