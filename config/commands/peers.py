"""Commands about how the exchange with the peers goes, and what an operator can do about it."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from cert import acts
from cert.errors import Refused
from cert.follow import now_us
from cert.stix import Micros, format_timestamp
from cert.store import aside
from cert.store.engine import reading, writing
from config import node, wiring
from config.commands.add import peer
from config.commands.shared import ATTENTION, JSON, changing, database_of, say, settings_of
from feeds import admit, errands, health, ledger, receipts, store
from feeds.health import BROKEN, FROZEN, Direction, PeerHealth
from feeds.store import Errand

WAY = click.option(
    "--direction", type=click.Choice([ledger.IN, ledger.OUT]), help="Only what comes in, or only what goes out."
)
SAID = {"out": "to", "in": "from"}


@click.command()
@JSON
@click.pass_obj
def peers(path: Path, as_json: bool) -> None:
    """Say how the exchange with every peer goes (exit code 3 if a direction is broken or frozen)."""
    db = database_of(path)
    with reading(db) as c:
        found = health.look(c, now_us())
    idle = {one.peer.name: [way for way in SAID if not health.is_worked_on(db, one.peer, way)] for one in found}
    data = [_data(one, idle[one.peer.name]) for one in found]
    say(as_json, data, "\n".join(line for one in found for line in _lines(one, idle[one.peer.name])))
    if any(way.state in {BROKEN, FROZEN} for one in found for way in (one.out, one.into)):
        sys.exit(ATTENTION)


def _data(one: PeerHealth, idle: Sequence[str]) -> dict[str, Any]:
    contact = one.contact
    return {
        "peer": one.peer.name,
        "sealed": one.peer.seals,
        "held": one.held,
        "quarantine": one.quarantine,
        "last_contact": _time(contact.at if contact else None),
        "clock_skew_ms": contact.skew_ms if contact else None,
        "certificate_until": _time(contact.certificate_until if contact else None),
        "test": _errand(one.errands.get(errands.TEST)),
        "pull_again": _errand(one.errands.get(errands.AGAIN)),
        "out": _way(one.out, idle),
        "in": _way(one.into, idle),
    }


def _errand(errand: Errand | None) -> dict[str, Any] | None:
    if errand is None:
        return None
    return {
        "by": errand.by,
        "asked": _time(errand.asked),
        "first": errand.first,
        "done": _time(errand.done),
        "ok": errand.ok,
        "answer": str(errand.answer),
    }


def _way(way: Direction, idle: Sequence[str]) -> dict[str, Any]:
    return {
        "state": way.state,
        "worked_on": way.way not in idle,
        "waiting": way.waiting,
        "lag_s": round(way.lag / 1_000_000, 1),
        "entries": way.total,
        "last": _time(way.last),
        "refused": way.refused,
        "trouble": str(way.trouble or ""),
        "trouble_since": _time(way.trouble_since),
        "next_try": _time(way.next_try),
        "frozen": {"code": way.evidence.code, "sentence": str(way.evidence.why)} if way.evidence else None,
        "paused_by": way.pause.by if way.pause else None,
    }


def _lines(one: PeerHealth, idle: Sequence[str]) -> Iterator[str]:
    seal = "sealed" if one.peer.seals else "unsealed"
    yield f"{one.peer.name}: {seal}; {one.held} held, {one.quarantine} in quarantine"
    for way in (one.out, one.into):
        waits = f", {way.waiting} wait for {way.lag / 1_000_000:.0f} s" if way.waiting else ""
        yield f"  {SAID[way.way]} {one.peer.name}: {way.state}; {way.total} entries{waits}; {way.refused} refused"
        if way.way in idle:
            yield f"    Nobody works on it: start `puente border`, with [peers.{one.peer.name}] in its settings."
        if way.evidence or way.trouble:
            yield f"    {way.evidence.why if way.evidence else way.trouble}"
        if way.next_try:
            yield f"    It is tried again at {_time(way.next_try)}."


def _time(at: Micros | None) -> str | None:
    return None if at is None else format_timestamp(at)


@click.command()
@click.argument("nation")
@JSON
@click.pass_obj
def reconcile(path: Path, nation: str, as_json: bool) -> None:
    """Compare both logs with the peer's copies, link by link, and name the first entry that differs (exit code 3)."""
    from feeds.reconcile import reconcile as compare  # it brings the client along, which other commands do not need

    settings = settings_of(path)
    db = node.database(settings)
    with reading(db) as c:
        there = store.peer(c, nation)
    with ExitStack() as opened:
        mirror, released = (
            opened.enter_context(wiring.line_to(settings, db, there, f"{way}-{settings.nation}"))
            for way in ("from", "to")
        )
        found = compare(db, there, mirror, released)
    data = [
        {"log": one.log, "ours": one.ours.number, "theirs": one.theirs.number, "differs_at": one.differs_at}
        for one in found
    ]
    lines = [
        f"{one.log}: ours has {one.ours.number} entries, the peer's copy {one.theirs.number}; "
        + ("equal as far as both go." if one.differs_at is None else f"they differ from entry {one.differs_at} on.")
        for one in found
    ]
    say(as_json, data, "\n".join(lines))
    if any(one.differs_at is not None for one in found):
        sys.exit(ATTENTION)


@peer.command("root")
@click.argument("nation")
@click.argument("fingerprint")
@click.pass_obj
def peer_root(path: Path, nation: str, fingerprint: str) -> None:
    """Note the FINGERPRINT of a peer's root key, told in person; from then on his seal is checked."""
    with changing(path) as c:
        node.demand_root(fingerprint)
        store.set_root(c, store.peer(c, nation).name, fingerprint)
        acts.add(c, "peer-root", "operator", now_us(), peer=nation, root=fingerprint)
    click.echo(f"Noted. Start `puente border` again: it checks the seal of {nation} from the first entry on.")


@peer.command("resume")
@click.argument("nation")
@click.pass_obj
def peer_resume(path: Path, nation: str) -> None:
    """Let the exchange with NATION go on: after a pause, or after a fault of the chain was talked about.

    The evidence of a fault stays.
    """
    with changing(path) as c:
        name, now = store.peer(c, nation).name, now_us()
        frozen = [way for way in (ledger.IN, ledger.OUT) if ledger.settle(c, name, way, now)]
        rested = [way for way in (ledger.IN, ledger.OUT) if ledger.unpause(c, name, way)]
        going = sorted({*frozen, *rested})
        if not going:
            raise Refused("not-frozen", f"Nothing rests or is frozen with the peer {nation}.")
        acts.add(c, "peer-resume", "operator", now, peer=nation, directions=going)
    click.echo(f"The exchange with {nation} goes on. If the fault is still there, it stops again and says so.")


@peer.command("pause")
@click.argument("nation")
@WAY
@click.option("--by", default="operator", show_default=True, help="Who says so.")
@click.pass_obj
def peer_pause(path: Path, nation: str, direction: str | None, by: str) -> None:
    """Let the exchange with NATION rest until `puente peer resume`. Nothing is lost meanwhile."""
    with changing(path) as c:
        name, now = store.peer(c, nation).name, now_us()
        for way in _ways(direction):
            ledger.pause(c, name, way, by, now)
        acts.add(c, "peer-pause", by, now, peer=name, directions=list(_ways(direction)))
    click.echo(f"The exchange with {nation} rests. `puente peer resume {nation}` lets it go on.")


def _ways(direction: str | None) -> tuple[str, ...]:
    return (direction,) if direction else (ledger.IN, ledger.OUT)


@peer.command("test")
@click.argument("nation")
@click.pass_obj
def peer_test(path: Path, nation: str) -> None:
    """Ask the server of NATION now, as the border process does, and say what it answers. Nothing is changed."""
    settings = settings_of(path)
    db = node.database(settings)
    with reading(db) as c:
        there = store.peer(c, nation)
    with wiring.line_in(settings, db, there) as line:
        click.echo(str(errands.reach(db, there, line)))


@peer.command("pull-again")
@click.argument("nation")
@click.option("--from", "first", type=click.IntRange(1), default=1, show_default=True, help="The first entry.")
@click.pass_obj
def peer_pull_again(path: Path, nation: str, first: int) -> None:
    """Fetch what NATION gave us again from an entry on, and compare it with what we hold; then admit it again."""
    with changing(path) as c:
        there, now = store.peer(c, nation), now_us()
        errand = errands.ask(c, there, errands.AGAIN, "operator", now, first)
        said = errands.pull_again(c, there, errand, now)
    click.echo(f"{said} `puente peers` says how far it is.")


@peer.command("quarantine")
@click.argument("nation")
@click.option("--retry", "number", type=int, help="The number of an entry to try once more.")
@JSON
@click.pass_obj
def peer_quarantine(path: Path, nation: str, number: int | None, as_json: bool) -> None:
    """List what NATION gave us and we refused, with the reason; or try an entry once more."""
    db = database_of(path)
    if number is not None:
        with writing(db) as c:
            admit.retry(c, store.peer(c, nation), number, now_us())
            acts.add(c, "quarantine-retry", "operator", now_us(), peer=nation, number=number)
        click.echo(f"Entry {number} is accepted, and {nation} is told.")
        return
    with reading(db) as c:
        found = aside.all_aside(c, 1_000, receipts.follower_name(store.peer(c, nation)))
    data = [
        {
            "follower": one.follower,
            "log": one.log,
            "number": one.number,
            "stix_id": one.stix_id,
            "code": one.code,
            "sentence": str(one.why),
            "at": one.at,
        }
        for one in found
    ]
    lines = [f"{one.number:>8}  {one.code:<16} {one.stix_id or '(no id)'}  {one.why}" for one in found]
    say(as_json, data, "\n".join([*lines, f"{len(found)} entries are in quarantine."]))


COMMANDS = (peers, reconcile)
