"""The only door in: what a peer released to us is checked, and appended to our record under his name."""

from collections.abc import Callable, Sequence

from cert import door
from cert.access import Organisation
from cert.errors import Refused
from cert.stix import Micros
from cert.store import aside, current, log, people
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry, Statement
from feeds.store import Peer


def admit(peer: Peer) -> Callable[[Connection, Sequence[Entry], Micros], None]:
    """What the follower `admit` of one peer does with a batch of the mirror of his log.

    Every entry ends in the record, as a duplicate of what is there, or set aside with its reason; none disappears.
    """

    def into_record(c: Connection, batch: Sequence[Entry], now: Micros) -> None:
        ours = {org.identity_id: org for org in people.all_organisations(c).values() if org.ours}
        good: list[tuple[Entry, Statement]] = []
        for entry in batch:
            try:
                good.append((entry, _checked(c, entry, peer, ours, now)))
            except Refused as refusal:
                _put_aside(c, peer, entry, refusal.code, refusal.sentence, now)
        for (entry, _), verdict in zip(good, log.append(c, RECORD, [said for _, said in good], now), strict=True):
            if verdict.outcome in {"conflict", "refused"}:
                reason = verdict.sentence or f"He sent this version before with other {', '.join(verdict.differs)}."
                _put_aside(c, peer, entry, verdict.outcome, reason, now)

    return into_record


def _checked(c: Connection, entry: Entry, peer: Peer, ours: dict[str, Organisation], now: Micros) -> Statement:
    checked = door.check(entry.obj(), now)
    said = Statement(peer.org, checked.id, checked.version, checked.digest, checked.body, checked.refs)
    author = ours.get(str(checked.obj.get("created_by_ref")))
    if author is not None and not _is_ours(c, said):
        raise Refused("impersonation", f"He sent this as if {author.name} had written it, and we have not.")
    return said


def _is_ours(c: Connection, said: Statement) -> bool:
    """Whether our record holds exactly this content from one of our own."""
    held = current.contents(c, RECORD, [said.id]).get((said.id, said.version), [])
    return any(digest == said.digest and origin != said.origin for origin, digest in held)


def _put_aside(c: Connection, peer: Peer, entry: Entry, code: str, sentence: str, now: Micros) -> None:
    number = entry.number
    aside.put_aside(c, aside.Aside(f"admit:{peer.name}", peer.inbound, number, entry.id, code, sentence, now))
