"""Commands that bring objects in and let them out: import, release, export."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import orjson

from cert import access, acts, export, intake, sight, stix
from cert.access import LEVELS, Viewer
from cert.errors import Refused
from cert.follow import now_us
from cert.intake import Outcome
from cert.store import current, log
from cert.store.engine import Engine, reading, writing
from cert.store.log import BATCH, OBJECT, RECORD, Entry
from config.commands.shared import AS, JSON, database_of, say, settings_of, viewer_named
from config.node import IMPORT
from feeds import release as gate
from feeds import store

ATTENTION = 3


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--workbench", default=IMPORT, show_default=True, help="The workbench to deposit at.")
@click.option(
    "--handling", type=click.Choice(LEVELS), help="For what carries no marking; else the workbench's default."
)
@click.option("--verbose", "-v", is_flag=True, help="Name every object, not only those with something to say.")
@JSON
@click.pass_obj
def import_file(path: Path, file: Path, workbench: str, handling: str | None, verbose: bool, as_json: bool) -> None:
    """Import a STIX 2.1 bundle, envelope, list or object, as a POST of it would.

    Exit code 3 says that something was refused or conflicts, and the report why.
    """
    settings = settings_of(path)
    size = file.stat().st_size
    if size > settings.max_content_length:
        raise Refused(
            "too-large", f"{file} has {size} bytes, more than max_content_length. Split it, or raise the setting."
        )
    try:
        objects = stix.objects_of(stix.parse_json(file.read_bytes()))
    except Refused as refusal:
        raise Refused(refusal.code, f"{file} cannot be imported: {refusal}") from refusal
    db = database_of(path)
    with reading(db) as c:
        bench = intake.workbench(c, intake.WORKBENCH + workbench, handling)
    counts: Counter[str] = Counter()
    told: list[dict[str, Any]] = []
    with _progress(len(objects), as_json) as bar:
        for batch in intake.deposit(db, bench, objects, now_us):
            for outcome in batch:
                counts[outcome.outcome] += 1
                told += [_told(outcome)] if as_json or verbose or outcome.sentence or outcome.notes else []
            if bar is not None:
                bar.update(len(batch))
    acts.note(db, "import", "operator", now_us(), file=file.name, workbench=workbench, counts=dict(counts))
    _report(as_json, file, counts, told)


def _progress(length: int, as_json: bool) -> Any:
    if as_json:
        return nullcontext(None)
    return click.progressbar(length=length, label="Importing", file=sys.stderr)


def _told(outcome: Outcome) -> dict[str, Any]:
    version = stix.format_timestamp(outcome.version, 6) if outcome.version is not None else None
    return {
        "id": outcome.id,
        "version": version,
        "outcome": outcome.outcome,
        "reason": outcome.sentence,
        "notes": list(outcome.notes),
    }


def _report(as_json: bool, file: Path, counts: Counter[str], told: list[dict[str, Any]]) -> None:
    names = ("stored", "duplicate", "conflict", "refused")
    lines = [
        f"{one['outcome']:<9} {one['id'] or '(no id)'}  {one['reason'] or '; '.join(one['notes'])}" for one in told
    ]
    summary = ", ".join(f"{counts[name]} {name}" for name in names)
    data = {"file": str(file), "counts": {name: counts[name] for name in names}, "objects": told}
    say(as_json, data, "\n".join([*lines, f"{file.name}: {summary}."]))
    if counts["conflict"] or counts["refused"]:
        raise SystemExit(ATTENTION)


@click.command()
@click.argument("peer")
@click.argument("refs", nargs=-1)
@click.option("--by", "login", required=True, metavar="LOGIN", help="The releaser who decides this.")
@click.option("--workbench", help="Release everything that was deposited at this workbench instead of single objects.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@JSON
@click.pass_obj
def release(
    path: Path, peer: str, refs: tuple[str, ...], login: str, workbench: str | None, yes: bool, as_json: bool
) -> None:
    """Release objects by their STIX ids, with all that was filed around them, to the nation PEER."""
    if bool(refs) == bool(workbench):
        raise click.UsageError("Name STIX ids, or a workbench with --workbench.")
    db = database_of(path)
    with reading(db) as c:
        viewer, there = viewer_named(c, login), store.peer(c, peer)
        access.demand(access.may_release(viewer), f"{login} is not a releaser. Ask one.")
        roots = [sight.statements(c, viewer, ref)[0] for ref in refs]
        previews = [gate.preview(c, viewer, there, root) for root in roots]
    ready = sum(len(p.sent) for p in previews)
    what = f"everything at the workbench {workbench}" if workbench else f"{ready} objects"
    if not yes and not click.confirm(f"Release {what} to {peer}?", err=True):
        raise SystemExit(1)
    counts = {"sent": 0, "held": 0, "there": 0}
    for seen in previews:
        gate.release(db, viewer, there, seen.root.id, seen.digest, now_us())
        for name in counts:
            counts[name] += len(getattr(seen, name))
    for entries in _deposited(db, viewer, workbench) if workbench else ():
        with writing(db) as c:
            rules = gate.gates(c, there, entries)
            gate.append_act(
                c, login, there, [e for e, rule in zip(entries, rules, strict=True) if rule != "there"], now_us()
            )
        counts["there"] += rules.count("there")
        counts["sent"] += rules.count(None)
        counts["held"] += len(rules) - rules.count("there") - rules.count(None)
    acts.note(db, "release", login, now_us(), peer=peer, **counts)
    say(as_json, counts, f"{counts['sent']} go, {counts['held']} are held, {counts['there']} are there already.")


def _deposited(db: Engine, viewer: Viewer, workbench: str) -> Iterator[list[Entry]]:
    """What the record holds of what was deposited at a workbench, version by version, a batch at a time."""
    with reading(db) as c:
        bench = intake.workbench(c, intake.WORKBENCH + workbench)
        last = log.head(c, bench.log)
    number = 0
    while number < last:
        with reading(db) as c:
            batch = log.after(c, bench.log, number, BATCH)
            number = batch[-1].number
            there = [entry for entry in batch if entry.kind == OBJECT]
            yield sight.visible(c, viewer, current.same_versions(c, RECORD, there))


@click.command("export")
@click.argument("ref")
@AS
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="The file to write; else it is printed."
)
@click.pass_obj
def export_object(path: Path, ref: str, login: str, output: Path | None) -> None:
    """Export an incident, by number or STIX id, with all that was filed around it, as a STIX 2.1 bundle."""
    db = database_of(path)
    with reading(db) as c:
        viewer = viewer_named(c, login)
        bundle = export.bundle(c, viewer, sight.find(c, viewer, ref))
    acts.note(db, "export", login, now_us(), id=ref)
    text = orjson.dumps(bundle, option=orjson.OPT_INDENT_2)
    if output is None:
        click.echo(text)
        return
    output.write_bytes(text)
    click.echo(f"{len(bundle['objects'])} objects are in {output}.", err=True)


COMMANDS = (import_file, release, export_object)
