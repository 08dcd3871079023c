"""What several commands need: the settings, the node behind them, who asks, and one way to print."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson

from cert.access import Viewer
from cert.errors import NotFound
from cert.store import people
from cert.store.engine import Connection, Engine, writing
from config import node
from config.reading import load
from config.settings import Settings

ATTENTION = 3
"""The exit code for: done, and there is something that a person should look at."""

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
AS = click.option("--as", "login", required=True, metavar="LOGIN", help="Whose eyes to look with.")


def settings_of(path: Path) -> Settings:
    """The settings in a file, with what the environment overrules."""
    return load(path, os.environ)


def database_of(path: Path) -> Engine:
    """The database of the node whose settings file this is. Its connections end with the command."""
    db = node.database(settings_of(path))
    click.get_current_context().call_on_close(db.dispose)
    return db


@contextmanager
def changing(path: Path) -> Iterator[Connection]:
    """A write transaction on the node whose settings file this is."""
    with writing(database_of(path)) as c:
        yield c


def viewer_named(c: Connection, login: str) -> Viewer:
    """The person who signs in so. Raises `NotFound`."""
    number = people.number_of(c, login)
    found = people.viewer(c, number) if number else None
    if found is None:
        raise NotFound("person", f"Nobody here signs in as {login}. `puente user add` makes a person.")
    return found


def say(as_json: bool, data: Any, text: str) -> None:
    """Print data for machines or text for people."""
    click.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() if as_json else text)
