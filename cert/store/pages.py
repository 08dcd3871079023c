"""Pages of one log, as a TAXII collection serves them.

Every page is read by key, on from a number, so it costs the same wherever it stands and however much is held
(TX-83). Numbers and dates added rise together in a log, so the order of numbers is the order of dates (TX-68, TX-79).
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, or_, select

from cert.stix import Micros
from cert.store.engine import Connection, among
from cert.store.entries import OBJECT, log_number
from cert.store.tables import bodies, current, entries, ids, lines, logs

READ_AHEAD = 100  # bodies, on a server; SQLite reads none ahead
SCAN = 20_000  # the most entries that a page looks through before it gives way


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
    """What a page is narrowed to: some ids (None: any), some versions, some STIX types (None: any)."""

    ids: tuple[str, ...] | None = None
    versions: Versions = LAST
    types: tuple[str, ...] | None = None


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

    numbers: list[int]
    added: list[Micros]
    ids: list[str]
    versions: list[Micros | None]
    more: bool
    position: int


def objects(c: Connection, log: str, wanted: Wanted, span: Span) -> ObjectsPage:
    """One page of stored bodies: at most `limit`, and no more bytes than `most_bytes` unless one object is larger."""
    page = ObjectsPage([], [], [], False, span.after)
    selects, end = _selection(c, log, wanted, span)
    size = 0
    with closing(_bodies(c, selects)) as rows:
        for number, added, body in rows:  # row by row, so that large bodies are never read ahead
            size += len(body)
            if len(page.numbers) == span.limit or (page.numbers and size > span.most_bytes):
                page.more = True
                break
            page.numbers.append(number)
            page.added.append(added)
            page.bodies.append(body)
    page.position, page.more = _end(page.numbers, page.more, span, end)
    return page


def manifest(c: Connection, log: str, wanted: Wanted, span: Span) -> ManifestPage:
    """One page of the manifest: the same selection in the same order as `objects`, counted without bytes (TX-105)."""
    selects, end = _selection(c, log, wanted, span)
    rows: list[Any] = []
    for found in selects:
        named = found.join(lines, lines.c.n == entries.c.line).join(ids, ids.c.n == lines.c.id_n)
        rows += c.execute(named.add_columns(ids.c.stix_id, entries.c.version))
    kept = rows[: span.limit]
    numbers = [row[0] for row in kept]
    position, more = _end(numbers, len(rows) > span.limit, span, end)
    added, names, versions = ([row[n] for row in kept] for n in (1, 2, 3))
    return ManifestPage(numbers, added, names, versions, more, position)


def number_at(c: Connection, log: str, moment: Micros) -> int:
    """The number of the last entry that was added at this moment or before; 0 if there is none."""
    found = (
        select(entries.c.number)
        .where(entries.c.log == log_number(log), entries.c.date_added <= moment)
        .order_by(entries.c.date_added.desc())
        .limit(1)
    )
    return c.execute(found).scalar_one_or_none() or 0


def dates(c: Connection, log: str, numbers: Collection[int]) -> dict[int, Micros]:
    """When the entries with these numbers were added."""
    if not numbers:
        return {}
    found = select(entries.c.number, entries.c.date_added)
    return dict(c.execute(found.where(entries.c.log == log_number(log), among(entries.c.number, numbers))).all())


def holds(c: Connection, log: str, stix_id: str) -> bool:
    """Whether the log serves any version of an object with this id."""
    wanted = Wanted((stix_id,), EVERY)
    return c.execute(_walk(log, wanted, Span(0, 1, 0), None)).first() is not None


def _bodies(c: Connection, selects: Iterable[Select[Any]]) -> Generator[Any]:
    for found in selects:
        whole = found.join(bodies, bodies.c.n == entries.c.body).add_columns(bodies.c.body)
        with c.execute(whole.execution_options(stream_results=True, max_row_buffer=READ_AHEAD)) as rows:
            yield from rows


def _selection(c: Connection, log: str, wanted: Wanted, span: Span) -> tuple[Iterator[Select[Any]], int | None]:
    """Number and date added of what is wanted after a number, in order: one more than the limit, to know of more.

    And the number where a page ends whatever it has found, as no index leads from one match to the next; None if one
    does, or if the log ends before.
    """
    if wanted.types is None or wanted.ids is not None:
        end = _stretch(c, log, wanted, span.after)
        return iter([_walk(log, wanted, span, end)]), end
    each = [_typed(c, log, kind, wanted.versions, span) for kind in wanted.types]
    end = min((last for _, last in each if last is not None), default=None)
    numbers = sorted(number for found, _ in each for number in found if end is None or number <= end)
    return _numbered(log, numbers[: span.limit + 1]), end


def _numbered(log: str, numbers: Iterable[int]) -> Iterator[Select[Any]]:
    """What has these numbers: some at a time, so that no engine sorts bodies or reads them ahead."""
    rest = iter(numbers)
    while some := list(islice(rest, READ_AHEAD)):
        found = select(entries.c.number, entries.c.date_added)
        yield found.where(entries.c.log == log_number(log), among(entries.c.number, some)).order_by(entries.c.number)


def _walk(log: str, wanted: Wanted, span: Span, stretch: int | None) -> Select[Any]:
    """From one wanted entry to the next, along the log or along what is current of it."""
    found: Select[Any] = select(entries.c.number, entries.c.date_added).where(entries.c.kind == OBJECT)
    keys = entries
    if wanted.versions == LAST:
        keys = current
        found = found.join(current, and_(current.c.log == entries.c.log, current.c.number == entries.c.number))
    place: ColumnElement[int] = keys.c.log
    number: ColumnElement[int] = keys.c.number
    if wanted.ids is not None:
        place, number = place + 0, number + 0  # keeps the planner from walking the log: the few lines must lead
        found = found.where(keys.c.line.in_(select(lines.c.n).join(ids).where(ids.c.stix_id.in_(_of_types(wanted)))))
    found = found.where(place == log_number(log), number > span.after).order_by(number)
    if not (wanted.versions == LAST or wanted.versions.every):
        found = found.where(or_(*_chosen(wanted.versions, entries)))
    if stretch is not None:
        found = found.where(keys.c.number <= stretch)
    return found.limit(span.limit + 1)


def _of_types(wanted: Wanted) -> list[str]:
    """The ids that are wanted, without those of other types."""
    kinds = wanted.types
    return [one for one in wanted.ids or () if kinds is None or one.partition("--")[0] in kinds]


def _typed(c: Connection, log: str, kind: str, versions: Versions, span: Span) -> tuple[Sequence[int], int | None]:
    """The numbers of one type that are wanted, in order; and the last that was looked at, if there are more beyond."""
    each = select(entries).where(entries.c.log == log_number(log), entries.c.type == kind)
    each = each.where(entries.c.number > span.after).order_by(entries.c.number)
    looked = each.limit(span.limit + 1 if versions.every else SCAN).subquery()
    found = select(looked.c.number).order_by(looked.c.number).limit(span.limit + 1)
    if not versions.every:
        found = found.where(or_(*_chosen(versions, looked)))
    numbers = c.execute(found).scalars().all()
    if versions.every or len(numbers) > span.limit:
        return numbers, None
    last = c.execute(each.with_only_columns(entries.c.number).offset(SCAN - 1).limit(2)).scalars().all()
    return numbers, last[0] if len(last) == 2 else None


def _chosen(versions: Versions, of: FromClause) -> Iterator[ColumnElement[bool]]:
    """Conditions on rows of the table `entries`, of which any makes a row wanted.

    Each asks for one number, which no planner turns into a join with all there is.
    """
    if versions.last:
        newest = select(current.c.number).where(current.c.line == of.c.line, current.c.log == of.c.log)
        yield of.c.number == newest.scalar_subquery()
    if versions.first:
        other = entries.alias()
        oldest = select(other.c.number).where(other.c.line == of.c.line, other.c.log == of.c.log)
        oldest = oldest.where(other.c.kind == OBJECT).order_by(other.c.version, other.c.number).limit(1)
        yield of.c.number == oldest.scalar_subquery()
    if versions.exact:
        yield of.c.version.in_(versions.exact)
        yield and_(of.c.version.is_(None), of.c.date_added.in_(versions.exact))


def _stretch(c: Connection, log: str, wanted: Wanted, after: int) -> int | None:
    if wanted.ids is not None or wanted.versions == LAST:
        return None
    head: int = c.execute(select(logs.c.head).where(logs.c.name == log)).scalar_one()
    return after + SCAN if after + SCAN < head else None


def _end(numbers: list[int], more: bool, span: Span, last: int | None) -> tuple[int, bool]:
    """Where the next page starts, and whether there is one."""
    if more or last is None:
        return (numbers[-1] if numbers else span.after), more
    return last, True
