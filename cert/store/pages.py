"""Pages of one log, as a TAXII collection serves them.

Every page is read by key, on from a number, so it costs the same wherever it stands and however much is held
(TX-83). Numbers and dates added rise together in a log, so the order of numbers is the order of dates (TX-68, TX-79).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from cert.stix import Micros
from cert.store.engine import Connection
from cert.store.entries import log_number
from cert.store.log import OBJECT
from cert.store.tables import bodies, current, entries, ids, lines, logs

READ_AHEAD = 100  # bodies, on a server; SQLite reads none ahead
SCAN = 20_000  # the most entries that a page of hand-picked versions looks through before it gives way


@dataclass(frozen=True, slots=True)
class Versions:
    """Which versions of each object are wanted: any of these, or every one. Order is by version, not by arrival."""

    last: bool = False
    first: bool = False
    every: bool = False
    exact: tuple[Micros, ...] = ()


LAST = Versions(last=True)
EVERY = Versions(every=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page is narrowed to: some ids (None: any) and some versions."""

    ids: tuple[str, ...] | None = None
    versions: Versions = LAST


@dataclass(frozen=True, slots=True)
class Span:
    """Where a page starts, and how much it may hold."""

    after: int
    limit: int
    most_bytes: int


@dataclass(slots=True)
class ObjectsPage:
    """Stored objects in the order of their numbers; the next page starts after `position` if there is `more`."""

    numbers: list[int]
    added: list[Micros]
    bodies: list[bytes]
    more: bool
    position: int


@dataclass(slots=True)
class ManifestPage:
    """What a page of objects would hold, without the bodies: ids and versions (None: the object has none)."""

    added: list[Micros]
    ids: list[str]
    versions: list[Micros | None]
    more: bool
    position: int


def objects(c: Connection, log: str, wanted: Wanted, span: Span) -> ObjectsPage:
    """One page of stored bodies: at most `limit`, and no more bytes than `most_bytes` unless one object is larger."""
    page = ObjectsPage([], [], [], False, span.after)
    size = 0
    found = _rows(log, wanted, span).join(bodies, bodies.c.n == entries.c.body).add_columns(bodies.c.body)
    with c.execute(found.execution_options(stream_results=True, max_row_buffer=READ_AHEAD)) as rows:
        for number, added, body in rows:  # row by row, so that large bodies are never read ahead
            size += len(body)
            if len(page.numbers) == span.limit or (page.numbers and size > span.most_bytes):
                page.more = True
                break
            page.numbers.append(number)
            page.added.append(added)
            page.bodies.append(body)
    page.position, page.more = _end(c, log, wanted, span, page.numbers, page.more)
    return page


def manifest(c: Connection, log: str, wanted: Wanted, span: Span) -> ManifestPage:
    """One page of the manifest: the same selection in the same order as `objects`, counted without bytes (TX-105)."""
    found = _rows(log, wanted, span).join(lines, lines.c.n == entries.c.line).join(ids, ids.c.n == lines.c.id_n)
    rows = c.execute(found.add_columns(ids.c.stix_id, entries.c.version)).all()
    kept = rows[: span.limit]
    position, more = _end(c, log, wanted, span, [row[0] for row in kept], len(rows) > span.limit)
    return ManifestPage([row[1] for row in kept], [row[2] for row in kept], [row[3] for row in kept], more, position)


def number_at(c: Connection, log: str, moment: Micros) -> int:
    """The number of the last entry that was added at this moment or before; 0 if there is none."""
    found = (
        select(entries.c.number)
        .where(entries.c.log == log_number(log), entries.c.date_added <= moment)
        .order_by(entries.c.date_added.desc())
        .limit(1)
    )
    return c.execute(found).scalar_one_or_none() or 0


def holds(c: Connection, log: str, stix_id: str) -> bool:
    """Whether the log serves any version of an object with this id."""
    wanted = Wanted((stix_id,), EVERY)
    return c.execute(_rows(log, wanted, Span(0, 1, 0))).first() is not None


def _rows(log: str, wanted: Wanted, span: Span) -> Select[Any]:
    """Number and date added of what is wanted after a number, in order; one more than the limit, to know of more."""
    found: Select[Any] = select(entries.c.number, entries.c.date_added).where(entries.c.kind == OBJECT)
    keys = entries
    if wanted.versions == LAST:
        keys = current
        found = found.join(current, and_(current.c.log == entries.c.log, current.c.number == entries.c.number))
    place: ColumnElement[int] = keys.c.log
    number: ColumnElement[int] = keys.c.number
    if wanted.ids is not None:
        place, number = place + 0, number + 0  # keeps the planner from walking the log: the few lines must lead
        found = found.where(keys.c.line.in_(select(lines.c.n).join(ids).where(ids.c.stix_id.in_(wanted.ids))))
    found = found.where(place == log_number(log), number > span.after).order_by(number)
    if not (wanted.versions == LAST or wanted.versions.every):
        found = found.where(or_(*_chosen(wanted.versions)))
    if _gives_way(wanted):
        found = found.where(keys.c.number <= span.after + SCAN)
    return found.limit(span.limit + 1)


def _chosen(versions: Versions) -> Iterator[ColumnElement[bool]]:
    if versions.last:
        yield exists().where(
            current.c.line == entries.c.line, current.c.log == entries.c.log, current.c.number == entries.c.number
        )
    if versions.first:
        other = entries.alias()
        yield entries.c.number == (
            select(other.c.number)
            .where(other.c.line == entries.c.line, other.c.log == entries.c.log, other.c.kind == OBJECT)
            .order_by(other.c.version, other.c.number)
            .limit(1)
            .scalar_subquery()
        )
    if versions.exact:
        yield entries.c.version.in_(versions.exact)
        yield and_(entries.c.version.is_(None), entries.c.date_added.in_(versions.exact))


def _gives_way(wanted: Wanted) -> bool:
    """Whether no index leads from one match to the next, so that a page must end after a stretch of the log."""
    return wanted.ids is None and not wanted.versions.every and wanted.versions != LAST


def _end(c: Connection, log: str, wanted: Wanted, span: Span, numbers: list[int], more: bool) -> tuple[int, bool]:
    """Where the next page starts, and whether there is one."""
    last = numbers[-1] if numbers else span.after
    if more or not _gives_way(wanted):
        return last, more
    head = c.execute(select(logs.c.head).where(logs.c.name == log)).scalar_one()
    stretch = span.after + SCAN
    return (stretch, True) if stretch < head else (last, False)
