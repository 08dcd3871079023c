"""Reading a log: its entries, in the order of their numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BindParameter, ScalarSelect, Select, func, select

from cert.stix import Micros
from cert.store.engine import Connection, among
from cert.store.tables import bodies, entries, ids, lines, logs

OBJECT = "object"
DELETED = "deleted"
"""The kind of an entry that its owner has taken back: it keeps its number, and is neither served nor current."""


class Entry(NamedTuple):  # thousands are made at a time, and a tuple is made ten times as fast as a dataclass
    """One entry of a log. `line`, `id` and `origin` are None, "" and 0 for an act and for what has no STIX identity."""

    number: int
    kind: str
    line: int | None
    id: str
    origin: int
    version: Micros | None
    date_added: Micros
    handling: str | None
    digest: bytes
    body: bytes

    def obj(self) -> dict[str, Any]:
        """The body as a plain dict."""
        loaded: dict[str, Any] = orjson.loads(self.body)
        return loaded


ENTRIES: Select[Any] = (
    select(
        entries.c.number,
        entries.c.kind,
        entries.c.line,
        func.coalesce(ids.c.stix_id, ""),
        func.coalesce(lines.c.origin, 0),
        entries.c.version,
        entries.c.date_added,
        entries.c.handling,
        bodies.c.digest,
        bodies.c.body,
    )
    .join(bodies, bodies.c.n == entries.c.body)
    .outerjoin(lines, lines.c.n == entries.c.line)
    .outerjoin(ids, ids.c.n == lines.c.id_n)
)
"""The one SELECT that reads entries; narrow it to a log with `where`, then hand it to `read_entries`."""


def log_number(log: str | BindParameter[str]) -> ScalarSelect[int]:
    """The number of a log, to compare a column with. Write `column + 0` where other conditions narrow far better.

    Most entries are of one log, which a planner without statistics cannot know: it would walk through all of it.
    """
    return select(logs.c.n).where(logs.c.name == log).scalar_subquery()


def read_entries(c: Connection, statement: Select[Any]) -> list[Entry]:
    """The entries that a narrowed `ENTRIES` finds, in its order."""
    return list(map(Entry._make, c.execute(statement).all()))


def after(c: Connection, log: str, number: int, limit: int) -> list[Entry]:
    """The entries of a log with a larger number, oldest first, at most `limit`."""
    found = ENTRIES.where(entries.c.log == log_number(log), entries.c.number > number)
    return read_entries(c, found.order_by(entries.c.number).limit(limit))


def entries_numbered(c: Connection, log: str, numbers: Sequence[int]) -> list[Entry]:
    """The entries of a log with these numbers, in the order of the log."""
    found = ENTRIES.where(entries.c.log == log_number(log), among(entries.c.number, numbers))
    return read_entries(c, found.order_by(entries.c.number))
