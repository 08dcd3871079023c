"""What is current: the newest version of each line of a log, and who refers to it."""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, FromClause, Select, bindparam, select

from cert.stix import Micros
from cert.store.engine import Connection, among
from cert.store.entries import ENTRIES, Entry, log_number, read_entries
from cert.store.tables import bodies, current, entries, ids, lines, logs, refs

_NUMBERS = select(current.c.line, current.c.number).where(
    current.c.log + 0 == select(logs.c.n).where(logs.c.name == bindparam("log")).scalar_subquery(),
    among(current.c.line, "lines"),
)


def newest(c: Connection, log: str, stix_ids: Iterable[str]) -> list[Entry]:
    """The newest entry of every line with one of these ids: one for each origin, and for an object without versions
    one for each content. Ordered by line. A few hundred `stix_ids` are usual, any number is right."""
    wanted = set(stix_ids)
    if not wanted:
        return []
    return read_entries(c, _current(log).where(current.c.line.in_(_lines(wanted))).order_by(current.c.line))


def by_line(c: Connection, log: str, line_numbers: Iterable[int], known: Iterable[Entry] = ()) -> dict[int, Entry]:
    """The newest entry of each of these lines; a line that the log does not hold is left out.

    `known` are entries of the log that the caller has read: those that are still the newest are not read again.
    """
    wanted = set(line_numbers)
    if not wanted:
        return {}
    read = {entry.number: entry for entry in known}
    newest = read and c.execute(_NUMBERS, {"log": log, "lines": wanted}).all()
    held = {line: read[number] for line, number in newest or () if number in read}
    rest = wanted - held.keys()
    for entry in read_entries(c, _current(log).where(among(current.c.line, rest))) if rest else ():
        if entry.line is not None:
            held[entry.line] = entry
    return held


def outdated(c: Connection, log: str, numbers: Collection[int]) -> list[int]:
    """Those of these entries that are not the newest of their line, rising."""
    if not numbers:
        return []
    found = select(current.c.number).where(current.c.log == log_number(log), among(current.c.number, numbers))
    return sorted(set(numbers) - set(c.execute(found).scalars()))


def lines_beyond(c: Connection, log: str, line: int, limit: int) -> list[int]:
    """The next lines that a log holds, rising, at most `limit`: a walk over all that is current."""
    found = select(current.c.line).where(current.c.log + 0 == log_number(log), current.c.line > line)
    return list(c.execute(found.order_by(current.c.line).limit(limit)).scalars())


def newest_lines(c: Connection, log: str, kind: str, limit: int, scan: int) -> list[int]:
    """The lines of the newest entries of a log, of one STIX type or "" for all, newest first, at most `limit`.

    At most `scan` entries are looked at, from the newest backwards.
    """
    head = select(logs.c.head).where(logs.c.name == log).scalar_subquery()
    found = select(current.c.line).where(current.c.log == log_number(log), current.c.number > head - scan)
    if kind:
        found = found.join(lines, lines.c.n == current.c.line).join(ids, ids.c.n == lines.c.id_n)
        found = found.where(*_is_type(ids, kind))
    return list(c.execute(found.order_by(current.c.number.desc()).limit(limit)).scalars())


def referrers(
    c: Connection, stix_ids: Iterable[str], limit: int, *, marking: bool = False, beyond: int = 0, kind: str = ""
) -> list[int]:
    """The lines of the record that refer to one of these ids (as their marking, if asked), rising, at most `limit`.

    `beyond` is the line where the last page ended; with `kind`, only lines of that STIX type are given.
    """
    wanted = list(stix_ids)
    if not wanted:
        return []
    found = (
        select(refs.c.source)
        .join(ids, ids.c.n == refs.c.target)
        .where(among(ids.c.stix_id, wanted), refs.c.marking == marking, refs.c.source > beyond)
        .order_by(refs.c.source)
        .limit(limit)
    )
    if kind:
        named = ids.alias()
        found = found.join(lines, lines.c.n == refs.c.source).join(named, named.c.n == lines.c.id_n)
        found = found.where(*_is_type(named, kind))
    return list(c.execute(found).scalars())


def version(c: Connection, log: str, origin: int, stix_id: str, at: Micros | None) -> Entry | None:
    """One exact version that an organisation stated, or None; for an object without versions the newest content."""
    found = (
        ENTRIES.where(entries.c.log + 0 == log_number(log), entries.c.line.in_(_lines([stix_id])))
        .where(lines.c.origin == origin)
        .where(entries.c.version.is_(None) if at is None else entries.c.version == at)
        .order_by(entries.c.number.desc())
        .limit(1)
    )
    return next(iter(read_entries(c, found)), None)


def same_versions(c: Connection, log: str, others: Sequence[Entry]) -> list[Entry]:
    """The entries of a log that hold the same versions of the same lines as these entries of another, by number."""
    wanted = {(entry.line, entry.version) for entry in others}
    lines_of = [entry.line for entry in others if entry.line is not None]
    found = ENTRIES.where(entries.c.log + 0 == log_number(log), among(entries.c.line, lines_of))
    held = read_entries(c, found.order_by(entries.c.number))
    return [entry for entry in held if (entry.line, entry.version) in wanted]


def versions(c: Connection, log: str, line: int, limit: int) -> list[Entry]:
    """The versions of one line that a log holds, newest first."""
    found = (
        ENTRIES.where(entries.c.log == log_number(log), entries.c.line == line)
        .order_by(entries.c.version.desc())
        .limit(limit)
    )
    return read_entries(c, found)


def contents(
    c: Connection, log: str, stix_ids: Sequence[str]
) -> dict[tuple[str, Micros | None], list[tuple[int, bytes]]]:
    """What a log holds under these ids: for each (id, version) the (origin, digest) of every statement."""
    found = (
        select(ids.c.stix_id, entries.c.version, lines.c.origin, bodies.c.digest)
        .join(lines, lines.c.id_n == ids.c.n)
        .join(entries, entries.c.line == lines.c.n)
        .join(bodies, bodies.c.n == entries.c.body)
        .where(among(ids.c.stix_id, set(stix_ids)), entries.c.log + 0 == log_number(log))
    )
    held: dict[tuple[str, Micros | None], list[tuple[int, bytes]]] = {}
    for stix_id, at, origin, digest in c.execute(found):
        held.setdefault((stix_id, at), []).append((origin, digest))
    return held


def of_type(c: Connection, log: str, kind: str, origins: Collection[int], limit: int) -> list[Entry]:
    """The newest entry of each line of one STIX type that one of `origins` states, by id.

    For a type of which these organisations state few.
    """
    stated = select(lines.c.n).join(ids).where(*_is_type(ids, kind), lines.c.origin.in_(origins))
    found = _current(log).where(current.c.line.in_(stated))
    return read_entries(c, found.order_by(ids.c.stix_id).limit(limit))


def _is_type(named: FromClause, kind: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That an id is of one STIX type, as a range of the index on ids."""
    return named.c.stix_id > f"{kind}--", named.c.stix_id < f"{kind}-."


def _current(log: str) -> Select[tuple[object, ...]]:
    newest = (current.c.log == entries.c.log) & (current.c.number == entries.c.number)
    return ENTRIES.join(current, newest).where(current.c.log + 0 == log_number(log))


def _lines(stix_ids: Iterable[str]) -> Select[tuple[int]]:
    return select(lines.c.n).join(ids).where(among(ids.c.stix_id, stix_ids))
