"""Commands that only look: search and check."""

from pathlib import Path
from typing import Any

import click

from cert import extension, sight, stix
from cert.errors import Missing, Refused
from cert.search import fill
from cert.search.index import Index
from cert.search.query import parse
from cert.store import aside, current, log, people
from cert.store.engine import Connection, reading
from cert.store.log import RECORD, Entry
from config import node, wiring
from config.commands.shared import AS, JSON, say, settings_of, viewer_named
from feeds import store

ATTENTION = 3


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
    index = wiring.index_of(settings)()
    with reading(db) as c:
        viewer = viewer_named(c, login)
        page = index.search(parse(" ".join(words)), viewer.labels, limit)
        entries = current.by_line(c, RECORD, [hit.line for hit in page.hits])
        found = sight.visible(c, viewer, [entries[hit.line] for hit in page.hits if hit.line in entries])
        nations = {org.n: org.nation for org in people.all_organisations(c).values()}
    objects = [_line(entry, nations[entry.origin]) for entry in found]
    lines = [f"{o['nation']}  {o['number'] or o['id']}  {o['title']}" for o in objects]
    say(as_json, {"count": page.count, "objects": objects}, "\n".join([*lines, f"{page.count} found."]))


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
    problems: list[str] = []
    with reading(db) as c:
        logs = {name: log.head(c, name) for name in log.names(c)}
        behind = {f"release:{p.name}": logs[RECORD] - log.cursor(c, f"release:{p.name}") for p in store.all_peers(c)}
        for peer in store.all_peers(c):
            behind[f"admit:{peer.name}"] = logs[peer.inbound] - log.cursor(c, f"admit:{peer.name}")
            if peer.name not in settings.peers:
                problems.append(f"The peer {peer.name} is not read: put [peers.{peer.name}] into the settings.")
        problems += [f"{part.name}: {part.sentence}" for part in aside.all_health(c) if not part.ok]
        asides = aside.count_aside(c)
        held = store.count_held(c)
        documents = _documents(c, settings, behind, logs, problems)
    problems += [f"{count} entries are set aside by {name}." for name, count in sorted(asides.items())]
    data = {
        "logs": logs,
        "behind": behind,
        "set_aside": asides,
        "held": held,
        "documents": documents,
        "problems": problems,
    }
    lines = [f"log {name}: {head} entries" for name, head in logs.items()]
    lines += [f"{name} is {count} entries behind" for name, count in behind.items() if count]
    lines += [f"{held} entries are held back from peers", f"{documents} documents are indexed"]
    say(as_json, data, "\n".join([*lines, *problems, "Needs attention." if problems else "All is well."]))
    if problems:
        raise SystemExit(ATTENTION)


def _documents(c: Connection, settings: Any, behind: dict[str, int], logs: dict[str, int], problems: list[str]) -> int:
    try:
        index: Index = wiring.index_of(settings)()
    except (Missing, Refused) as fault:
        problems.append(str(fault))
        return 0
    behind["search"] = logs[RECORD] - log.cursor(c, fill.cursor_name(index))
    return index.count()


COMMANDS = (search, check)
