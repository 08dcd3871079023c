"""Carries everything from one database to an empty one, compares both row by row, and marks the first as moved.

The target is written in one transaction: it holds all of the source, or nothing. So a move that was cut short is simply
started again, even where it was cut just before the mark: a target that holds exactly the same has been written.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Table, func, inspect, select

from cert.errors import Refused
from cert.store import engine, migrate
from cert.store.engine import Connection, Engine
from cert.store.tables import metadata

ROWS = 500  # at a time

Rows = list[tuple[object, ...]]
Told = Callable[[int], None]
"""Told of so many rows more that have been read."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One table: how many rows it has, and a digest over all of them in the order of their key."""

    table: str
    rows: int
    digest: str


def count(c: Connection) -> int:
    """How many rows a database has, all tables together."""
    return sum(c.execute(select(func.count()).select_from(table)).scalar_one() for table in metadata.sorted_tables)


def move(source: Engine, target: Engine, told: Told) -> list[Carried]:
    """Carry all rows, and mark the source as moved. Every row is read twice: on either side.

    Raises `Conflict` while another process has one of them open, `Refused` if the target holds anything else, and
    `Missing` if the source is of another version or the target cannot be used.
    """
    migrate.demand_current(source)
    engine.demand_server(target)
    with engine.alone(source) as s:
        with engine.alone(target) as t:
            carried = _filled(s, t, told) if _is_empty(t) else _held(s, t, told, engine.address(target))
            _demand_same(carried, [_read(t, table, told) for table in metadata.sorted_tables])
        migrate.mark_moved(s, engine.address(target))
    return carried


def _is_empty(t: Connection) -> bool:
    return not inspect(t).get_table_names()


def _filled(s: Connection, t: Connection, told: Told) -> list[Carried]:
    migrate.make(t)
    carried = [_read(s, table, told, to=t) for table in metadata.sorted_tables]
    engine.settle(t, metadata.sorted_tables)
    return carried


def _held(s: Connection, t: Connection, told: Told, target: str) -> list[Carried]:
    """What the source holds, if the target may be a copy of it; else there is no need to compare."""
    if migrate.revision(t) != migrate.revision(s) or count(t) != count(s):
        raise Refused(
            "move-not-empty",
            "The database %(target)s is not empty. Name one that is, or empty this one first.",
            target=target,
        )
    return [_read(s, table, told) for table in metadata.sorted_tables]


def _read(c: Connection, table: Table, told: Told, to: Connection | None = None) -> Carried:
    """Read a table, and write each of its rows `to` another database if one is given."""
    seen, count = hashlib.sha256(), 0
    found = select(table).order_by(*table.primary_key).execution_options(yield_per=ROWS)
    for part in c.execute(found).partitions():
        rows: Rows = [tuple(row) for row in part]
        if to is not None:
            engine.insert_rows(to, table, rows)
        for row in rows:
            seen.update(repr(row).encode())
        count += len(rows)
        told(len(rows))
    return Carried(table.name, count, seen.hexdigest())


def _demand_same(ours: list[Carried], theirs: list[Carried]) -> None:
    differ = [one.table for one, other in zip(ours, theirs, strict=True) if one != other]
    if differ:
        raise Refused(
            "move-differs",
            "The other database differs from this one in %(tables)s. Nothing was moved: the node is where it was. "
            "Empty the other one and try again; if that says the same, look for faults of disk and memory.",
            tables=", ".join(differ),
        )
