"""Pages of one log, as a TAXII collection serves them.

Every page is read by key, on from a number, so it costs the same wherever it stands and however much is held
(TX-83). Numbers and dates added rise together in a log, so the order of numbers is the order of dates (TX-68, TX-79).

A statement is written once for each shape of a question and kept, as writing it takes longer than answering. What is
asked is given with it by name: `log`, `after`, `most`, `end`, `ids`, `kind`, `versions`, `numbers`.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, and_, bindparam, or_, select

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
    asks, end = _asks(c, log, wanted, span, _with_bodies)
    size = 0
    with closing(_rows(c, asks)) as rows:
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
    asks, end = _asks(c, log, wanted, span, _with_names)
    rows = list(_rows(c, asks))
    kept = rows[: span.limit]
    numbers = [row[0] for row in kept]
    position, more = _end(numbers, len(rows) > span.limit, span, end)
    added, names, versions = ([row[n] for row in kept] for n in (1, 2, 3))
    return ManifestPage(numbers, added, names, versions, more, position)


def number_at(c: Connection, log: str, moment: Micros) -> int:
    """The number of the last entry that was added at this moment or before; 0 if there is none."""
    return c.execute(_NUMBER_AT, {"log": log, "moment": moment}).scalar_one_or_none() or 0


def dates(c: Connection, log: str, numbers: Collection[int]) -> dict[int, Micros]:
    """When the entries with these numbers were added."""
    return dict(c.execute(_numbered(_plain), {"log": log, "numbers": numbers}).all()) if numbers else {}


def holds(c: Connection, log: str, stix_id: str) -> bool:
    """Whether the log serves any version of an object with this id."""
    given = {"log": log, "after": 0, "most": 1, "ids": [stix_id]}
    return c.execute(_walk(EVERY, True, False, _plain), given).first() is not None


_Ask = tuple[Select[Any], dict[str, Any]]
_Show = Callable[[Select[Any]], Select[Any]]
_LOG = log_number(bindparam("log"))
_AFTER: BindParameter[int] = bindparam("after")
_MOST: BindParameter[int] = bindparam("most")
_HEAD = select(logs.c.head).where(logs.c.name == bindparam("log"))
_NUMBER_AT = (
    select(entries.c.number)
    .where(entries.c.log == _LOG, entries.c.date_added <= bindparam("moment"))
    .order_by(entries.c.date_added.desc())
    .limit(1)
)


def _plain(found: Select[Any]) -> Select[Any]:
    return found


def _with_bodies(found: Select[Any]) -> Select[Any]:
    whole = found.join(bodies, bodies.c.n == entries.c.body).add_columns(bodies.c.body)
    return whole.execution_options(stream_results=True, max_row_buffer=READ_AHEAD)


def _with_names(found: Select[Any]) -> Select[Any]:
    named = found.join(lines, lines.c.n == entries.c.line).join(ids, ids.c.n == lines.c.id_n)
    return named.add_columns(ids.c.stix_id, entries.c.version)


def _rows(c: Connection, asks: Iterable[_Ask]) -> Generator[Any]:
    for statement, given in asks:
        with c.execute(statement, given) as rows:
            yield from rows


def _asks(c: Connection, log: str, wanted: Wanted, span: Span, show: _Show) -> tuple[Iterator[_Ask], int | None]:
    """What to ask for number and date added of what is wanted, in order: one more than the limit, to know of more.

    And the number where a page ends whatever it has found, as no index leads from one match to the next; None if one
    does, or if the log ends before.
    """
    exact = wanted.versions.exact
    versions = replace(wanted.versions, exact=exact[:1] and (0,))
    given = {"log": log, "after": span.after, "most": span.limit + 1, "versions": exact}
    given |= {"scan": SCAN, "before": SCAN - 1}
    if wanted.types is None or wanted.ids is not None:
        end = _stretch(c, log, wanted, span.after)
        given |= {"ids": _of_types(wanted), "end": end}
        return iter([(_walk(versions, wanted.ids is not None, end is not None, show), given)]), end
    each = [_of_type(c, versions, given | {"kind": kind}) for kind in wanted.types]
    end = min((last for _, last in each if last is not None), default=None)
    numbers = sorted(number for found, _ in each for number in found if end is None or number <= end)
    return _some_at_a_time(log, numbers[: span.limit + 1], show), end


def _some_at_a_time(log: str, numbers: Iterable[int], show: _Show) -> Iterator[_Ask]:
    """By these numbers, in parts: so no engine sorts bodies or reads them ahead."""
    rest = iter(numbers)
    while some := list(islice(rest, READ_AHEAD)):
        yield _numbered(show), {"log": log, "numbers": some}


@lru_cache(maxsize=8)
def _numbered(show: _Show) -> Select[Any]:
    found = select(entries.c.number, entries.c.date_added).where(entries.c.log == _LOG)
    return show(found.where(among(entries.c.number, "numbers")).order_by(entries.c.number))


@lru_cache(maxsize=128)
def _walk(versions: Versions, by_id: bool, ends: bool, show: _Show) -> Select[Any]:
    """From one wanted entry to the next, along the log or along what is current of it."""
    found: Select[Any] = select(entries.c.number, entries.c.date_added).where(entries.c.kind == OBJECT)
    keys = entries
    if versions == LAST:
        keys = current
        found = found.join(current, and_(current.c.log == entries.c.log, current.c.number == entries.c.number))
    place: ColumnElement[int] = keys.c.log
    number: ColumnElement[int] = keys.c.number
    if by_id:
        place, number = place + 0, number + 0  # keeps the planner from walking the log: the few lines must lead
        found = found.where(keys.c.line.in_(select(lines.c.n).join(ids).where(among(ids.c.stix_id, "ids"))))
    found = found.where(place == _LOG, number > _AFTER).order_by(number)
    if not (versions == LAST or versions.every):
        found = found.where(or_(*_chosen(versions, entries)))
    if ends:
        found = found.where(keys.c.number <= bindparam("end"))
    return show(found.limit(_MOST))


def _of_types(wanted: Wanted) -> list[str]:
    """The ids that are wanted, without those of other types."""
    kinds = wanted.types
    return [one for one in wanted.ids or () if kinds is None or one.partition("--")[0] in kinds]


def _of_type(c: Connection, versions: Versions, given: dict[str, Any]) -> tuple[Sequence[int], int | None]:
    """The numbers of one type that are wanted, in order; and the last that was looked at, if there are more beyond."""
    found, last = _typed(versions)
    numbers = c.execute(found, given).scalars().all()
    if versions.every or len(numbers) == given["most"]:
        return numbers, None
    ends = c.execute(last, given).scalars().all()
    return numbers, ends[0] if len(ends) == 2 else None


@lru_cache(maxsize=32)
def _typed(versions: Versions) -> tuple[Select[Any], Select[Any]]:
    each = select(entries).where(entries.c.log == _LOG, entries.c.type == bindparam("kind"))
    each = each.where(entries.c.number > _AFTER).order_by(entries.c.number)
    last = each.with_only_columns(entries.c.number).offset(bindparam("before")).limit(2)
    if versions.every:
        return each.with_only_columns(entries.c.number).limit(_MOST), last
    looked = each.limit(bindparam("scan")).subquery()
    found = select(looked.c.number).where(or_(*_chosen(versions, looked)))
    return found.order_by(looked.c.number).limit(_MOST), last


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
        yield among(of.c.version, "versions")
        yield and_(of.c.version.is_(None), among(of.c.date_added, "versions"))


def _stretch(c: Connection, log: str, wanted: Wanted, after: int) -> int | None:
    if wanted.ids is not None or wanted.versions == LAST:
        return None
    head: int = c.execute(_HEAD, {"log": log}).scalar_one()
    return after + SCAN if after + SCAN < head else None


def _end(numbers: list[int], more: bool, span: Span, last: int | None) -> tuple[int, bool]:
    """Where the next page starts, and whether there is one."""
    if more or last is None:
        return (numbers[-1] if numbers else span.after), more
    return last, True
