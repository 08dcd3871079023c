"""The command that carries a node to another database: from SQLite, where it began, to PostgreSQL."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

import feeds.store  # noqa: F401 its tables are carried too
from cert.errors import Refused
from cert.store import migrate, moving
from cert.store.engine import Engine, address, reading, writing
from cert.store.moving import Carried
from config import node
from config.commands.shared import JSON, say, settings_of
from config.reading import Said, load
from config.settings import Settings


@click.command()
@click.option("--to", metavar="URL", help="The empty database to carry the node to, without a password.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True, resolve_path=True),
    help="A file with the password for it.",
)
@click.option("--undo", is_flag=True, help="Go on with the database that was moved, as if it had not been.")
@JSON
@click.pass_obj
def move(path: Path, to: str | None, password_file: Path | None, undo: bool, as_json: bool) -> None:
    """Carry the node to an empty database, compare both, and mark the one it was in as moved. Stop the node first."""
    if bool(to) == undo:
        raise click.UsageError("Name the database with --to, or take a move back with --undo.")
    settings = settings_of(path)
    source = node.opened(settings)
    if undo:
        _undo(source)
        here = address(source)
        say(as_json, {"database": here}, f"The node goes on in {here}. What the other one holds is no longer its own.")
        return
    file = str(password_file) if password_file else None
    there = {"database": Said("--to", to), "database_password_file": Said("--password-file", file)}
    after = load(path, os.environ, there)
    _demand_another(settings, after)
    carried = _carried(source, node.opened(after), as_json)
    lines = [f"{one.table:<17} {one.rows:>11,} rows  {one.digest}" for one in carried]
    told = [f'database = "{after.database}"']
    told += [f'database_password_file = "{file}"'] if file else []
    tables = [{"table": one.table, "rows": one.rows, "digest": one.digest} for one in carried]
    advice = "Both hold the same, row for row. Write into the settings, above the first [peers…], then start the node:"
    say(as_json, {"settings": told, "tables": tables}, "\n".join([*lines, advice, *told]))


def _undo(source: Engine) -> None:
    try:
        with writing(source) as c:
            migrate.unmark_moved(c)
    finally:
        source.dispose()


def _demand_another(settings: Settings, after: Settings) -> None:
    if settings.database == after.database:
        raise Refused("move-same", "The node is in that database already. Name another one with --to.")


def _carried(source: Engine, target: Engine, as_json: bool) -> list[Carried]:
    migrate.demand_current(source)
    with reading(source) as c:
        rows = moving.count(c)
    progress: Any = nullcontext()
    if not as_json:
        progress = click.progressbar(length=2 * rows, label="Moving", file=sys.stderr)
    try:
        with progress as bar:
            return moving.move(source, target, bar.update if bar is not None else lambda _: None)
    finally:
        source.dispose()
        target.dispose()


COMMANDS = (move,)
