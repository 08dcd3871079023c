"""Commands that only look: search and check."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cert import extension, follow, sight, stix
from cert.errors import Missing
from cert.intake import WORKBENCH
from cert.search import fill
from cert.search.limited import MOST, Recent
from cert.search.query import parse
from cert.store import aside, current, log, people
from cert.store.engine import Connection, Engine, reading
from cert.store.log import RECORD, Entry
from config import node, wiring
from config.commands.shared import AS, ATTENTION, JSON, say, settings_of, viewer_named
from config.reading import secret_in
from config.settings import Settings
from feeds import store

SHOWN = 20  # of what was set aside, the newest


@click.command()
@click.argument("words", nargs=-1)
@AS
@click.option("--limit", type=click.IntRange(1, 1000), default=25, show_default=True, help="How many to show at most.")
@JSON
@click.pass_obj
def search(path: Path, words: tuple[str, ...], login: str, limit: int, as_json: bool) -> None:
    """Find what LOGIN may see, newest first: words, observables in any spelling, filters such as nation:mx."""
    settings = settings_of(path)
    db = node.database(settings)
    asked, limited = parse(" ".join(words)), False
    with reading(db) as c:
        viewer = viewer_named(c, login)
        try:
            page = wiring.index_of(settings)().search(asked, viewer.labels, limit)
        except Missing as fault:
            page, limited = Recent(c).search(asked, viewer.labels, limit), True
            click.echo(f"puente: {fault} Only the {MOST} newest objects were looked through.", err=True)
        entries = current.by_line(c, RECORD, [hit.line for hit in page.hits])
        found = sight.visible(c, viewer, [entries[hit.line] for hit in page.hits if hit.line in entries])
        nations = {org.n: org.nation for org in people.all_organisations(c).values()}
    objects = [_line(entry, nations[entry.origin]) for entry in found]
    lines = [f"{o['nation']}  {o['number'] or o['id']}  {o['title']}" for o in objects]
    say(
        as_json,
        {"count": page.count, "limited": limited, "objects": objects},
        "\n".join([*lines, f"{page.count} found."]),
    )


def _line(entry: Entry, nation: str) -> dict[str, Any]:
    obj = entry.obj()
    return {
        "id": entry.id,
        "type": stix.type_of(entry.id),
        "number": extension.number(obj),
        "title": sight.title(entry),
        "nation": nation,
        "version": stix.format_timestamp(entry.version, 6) if entry.version is not None else None,
    }


@click.command()
@JSON
@click.pass_obj
def check(path: Path, as_json: bool) -> None:
    """Say what of this node works and what needs attention (exit code 3), with the next step."""
    settings = settings_of(path)
    db = node.database(settings)
    with reading(db) as c:
        report = _report(db, c, settings)
    lines = [f"we are {report['identity']}"]
    lines += [f"log {name}: {head} entries" for name, head in report["logs"].items()]
    lines += [f"peer {name}: unsealed, so nothing proves that all he gave has come" for name in report["unsealed"]]
    lines += [f"{name} is {count} entries behind" for name, count in report["behind"].items() if count]
    lines += [f"{report['held']} entries are held back from peers", f"{report['documents']} documents are indexed"]
    lines += [f"set aside: {one['log']} {one['number']} {one['id']}: {one['reason']}" for one in report["set_aside"]]
    verdict = "Needs attention." if report["problems"] else "All is well."
    say(as_json, report, "\n".join([*lines, *report["problems"], verdict]))
    if report["problems"]:
        raise SystemExit(ATTENTION)


def _report(db: Engine, c: Connection, settings: Settings) -> dict[str, Any]:
    """What there is, how far each follower is behind, and whatever a person should look at."""
    logs = {name: log.head(c, name) for name in log.names(c)}
    followed = {f"intake:{name.removeprefix(WORKBENCH)}": name for name in logs if name.startswith(WORKBENCH)}
    for peer in store.all_peers(c):
        followed |= {f"release:{peer.name}": RECORD, f"admit:{peer.name}": peer.inbound}
    problems = [
        f"The peer {peer.name} is not read: put [peers.{peer.name}] into the settings."
        for peer in store.all_peers(c)
        if peer.name not in settings.peers
    ]
    problems += [f"{part.name}: {part.why}" for part in aside.all_health(c) if not part.ok]
    problems += [f"{count} entries are set aside by {name}." for name, count in sorted(aside.count_aside(c).items())]
    problems += [str(fault) for there in settings.peers.values() if (fault := _fault_of(there.password_file))]
    documents = 0
    try:
        index = wiring.index_of(settings)()
        documents, followed[fill.cursor_name(index)] = index.count(), RECORD
    except Missing as fault:
        problems.append(str(fault))
    behind = {
        name.partition(":")[0] if name.startswith("search:") else name: logs[of] - log.cursor(c, name)
        for name, of in followed.items()
    }
    problems += [f"Nobody works on {name}. Start `puente {_process(name)}`." for name in _idle(db, behind)]
    return {
        "identity": people.our_cert(c).identity_id,
        "logs": logs,
        "unsealed": [peer.name for peer in store.all_peers(c) if peer.name in settings.peers and not peer.seals],
        "behind": behind,
        "set_aside": [
            {"follower": one.follower, "log": one.log, "number": one.number, "id": one.stix_id, "reason": str(one.why)}
            for one in aside.all_aside(c, SHOWN)
        ],
        "held": store.count_held(c),
        "documents": documents,
        "problems": problems,
    }


def _fault_of(secret_file: Path) -> Missing | None:
    try:
        secret_in(secret_file)
    except Missing as fault:
        return fault
    return None


def _idle(db: Engine, behind: Mapping[str, int]) -> list[str]:
    """The followers that are behind while no process holds their lock."""
    idle = []
    for name in (name for name, count in behind.items() if count):
        lock = follow.take_lock(db, "intake" if name.startswith("intake:") else name)
        if lock is not None:
            lock.close()
            idle.append(name)
    return idle


def _process(follower: str) -> str:
    return "border" if follower.startswith(("release:", "admit:")) else "work"


COMMANDS = (search, check)
