"""What people ask the border process to do with a peer: ask his server now, or fetch what he gave again.

Whoever serves pages has no keys, and may not speak to a peer. So what is pressed there becomes a row, which outlives a
restart; the border process does it within a second and answers in the same row. Done twice, neither does any harm.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cert import acts
from cert.errors import PeerUnreachable, Phrase, Refused
from cert.stix import Micros
from cert.store import log, people
from cert.store.engine import Connection, Engine, reading, writing
from feeds import ledger, receipts, store
from feeds.store import Errand, Peer

if TYPE_CHECKING:
    from feeds.line import Line

TEST, AGAIN = "test", "pull-again"
"""The kinds: ask his server now; fetch, compare and admit what he gave again, from an entry on."""
EVERY_S = 0.25


def ask(c: Connection, peer: Peer, kind: str, by: str, now: Micros, first: int | None = None) -> Errand:
    """Ask for an errand. Raises `Refused` for a number that is none of those that we hold of his log."""
    if kind == AGAIN:
        _demand_number(c, peer, first)
    errand = Errand(peer.name, kind, first, by, now)
    store.ask(c, errand)
    acts.add(c, f"peer-{kind}", by, now, peer=peer.name, **({} if first is None else {"first": first}))
    return errand


def _demand_number(c: Connection, peer: Peer, first: int | None) -> None:
    last, name = log.head(c, peer.inbound), people.all_organisations(c)[peer.org].name
    if not peer.seals:
        raise Refused("unsealed", "%(peer)s numbers nothing, so there is no number to begin at.", peer=name)
    if not last:
        raise Refused(
            "nothing-yet", "Nothing has come from %(peer)s yet, so there is nothing to fetch again.", peer=name
        )
    if first is None or not 1 <= first <= last:
        raise Refused(
            "number", "Write a whole number from 1 to %(last)d: so many entries of his log are here.", last=last
        )


def turn(db: Engine, peer: Peer, line: "Callable[[], Line]", clock: Callable[[], Micros]) -> bool:
    """Do the errand that has waited longest. Gives whether there was one. `line` opens a line of its own to him."""
    with reading(db) as c:
        errand = next((one for one in store.all_errands(c, peer.name) if one.done is None), None)
    if errand is None:
        return False
    if errand.kind == AGAIN:
        with writing(db) as c:
            pull_again(c, peer, errand, clock())
        return True
    try:
        with line() as opened:
            ok, said = True, reach(db, peer, opened)
    except (PeerUnreachable, Refused) as fault:
        ok, said = False, fault.phrase
    with writing(db) as c:
        store.answer(c, errand, clock(), ok=ok, answer=said)
    return True


def reach(db: Engine, peer: Peer, line: "Line") -> Phrase:
    """What a peer's server says when it is asked what the border process asks. Raises `PeerUnreachable`."""
    with reading(db) as c:
        ours, until = log.head(c, peer.inbound), store.mirrored_until(c, peer.name)
    if not peer.seals:
        line.objects(until, "")
        return Phrase("%(peer)s answers, and lets us in.", {"peer": line.address.title})
    theirs = line.page(ours, 1).head.number
    return Phrase(
        "%(peer)s answers, and lets us in. Its log ends at entry %(theirs)d, our mirror of it at %(ours)d.",
        {"peer": line.address.title, "theirs": theirs, "ours": ours},
    )


def pull_again(c: Connection, peer: Peer, errand: Errand, now: Micros) -> Phrase:
    """Let what a peer gave be fetched again from an entry on, compared with what we hold, and admitted again."""
    first = errand.first or 1
    ledger.unseal(c, peer.inbound, first)
    for cursor in (peer.closed, receipts.follower_name(peer)):
        if (before := log.cursor(c, cursor)) >= first:
            log.move_cursor(c, cursor, before, first - 1)
    said = Phrase(
        "Entries %(first)d to %(last)d are fetched, compared with ours, and admitted again.",
        {"first": first, "last": log.head(c, peer.inbound)},
    )
    store.answer(c, errand, now, ok=True, answer=said)
    return said
