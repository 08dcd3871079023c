"""What is current: the newest version of each line of a log, and who refers to it."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, select

from cert.stix import Micros
from cert.store.engine import Connection
from cert.store.log import ENTRIES, Entry, read_entries
from cert.store.tables import bodies, current, entries, ids, lines, logs, refs


def newest(c: Connection, log: str, stix_ids: Iterable[str]) -> list[Entry]:
    """The newest entry of every line with one of these ids: one for each origin, and for an object without versions
    one for each content. Ordered by line. `stix_ids` should be at most a few hundred."""
    wanted = list(dict.fromkeys(stix_ids))
    if not wanted:
        return []
    return read_entries(c, _current(log).where(ids.c.stix_id.in_(wanted)).order_by(entries.c.line))


def by_line(c: Connection, log: str, line_numbers: Iterable[int]) -> dict[int, Entry]:
    """The newest entry of each of these lines; a line that the log does not hold is left out."""
    wanted = list(line_numbers)
    if not wanted:
        return {}
    found = read_entries(c, _current(log).where(entries.c.line.in_(wanted)))
    return {entry.line: entry for entry in found if entry.line is not None}


def referrers(
    c: Connection, stix_ids: Iterable[str], limit: int, *, marking: bool = False, beyond: int = 0
) -> list[int]:
    """The lines of the record that refer to one of these ids (as their marking, if asked), rising, at most `limit`.

    `beyond` is the line where the last page ended.
    """
    wanted = list(stix_ids)
    if not wanted:
        return []
    found = (
        select(refs.c.source)
        .join(ids, ids.c.n == refs.c.target)
        .where(ids.c.stix_id.in_(wanted), refs.c.marking == marking, refs.c.source > beyond)
        .order_by(refs.c.source)
        .limit(limit)
    )
    return list(c.execute(found).scalars())


def version(c: Connection, log: str, origin: int, stix_id: str, at: Micros | None) -> Entry | None:
    """One exact version that an organisation stated, or None; for an object without versions the newest content."""
    found = (
        ENTRIES.where(logs.c.name == log, ids.c.stix_id == stix_id, lines.c.origin == origin)
        .where(entries.c.version.is_(None) if at is None else entries.c.version == at)
        .order_by(entries.c.number.desc())
        .limit(1)
    )
    return next(iter(read_entries(c, found)), None)


def versions(c: Connection, log: str, line: int, limit: int) -> list[Entry]:
    """The versions of one line that a log holds, newest first."""
    found = ENTRIES.where(logs.c.name == log, entries.c.line == line).order_by(entries.c.version.desc()).limit(limit)
    return read_entries(c, found)


def contents(
    c: Connection, log: str, stix_ids: Sequence[str]
) -> dict[tuple[str, Micros | None], list[tuple[int, bytes]]]:
    """What a log holds under these ids: for each (id, version) the (origin, digest) of every statement."""
    found = (
        select(ids.c.stix_id, entries.c.version, lines.c.origin, bodies.c.digest)
        .join(lines, lines.c.id_n == ids.c.n)
        .join(entries, entries.c.line == lines.c.n)
        .join(logs, logs.c.n == entries.c.log)
        .join(bodies, bodies.c.n == entries.c.body)
        .where(ids.c.stix_id.in_(set(stix_ids)), logs.c.name == log)
    )
    held: dict[tuple[str, Micros | None], list[tuple[int, bytes]]] = {}
    for stix_id, at, origin, digest in c.execute(found):
        held.setdefault((stix_id, at), []).append((origin, digest))
    return held


def of_type(c: Connection, log: str, kind: str, limit: int) -> list[Entry]:
    """The newest entry of each line of one STIX type, by id: for types of which a node holds few."""
    found = _current(log).where(ids.c.stix_id > f"{kind}--", ids.c.stix_id < f"{kind}-.").order_by(ids.c.stix_id)
    return read_entries(c, found.limit(limit))


def _current(log: str) -> Select[tuple[object, ...]]:
    return ENTRIES.join(
        current,
        (current.c.line == entries.c.line) & (current.c.log == entries.c.log) & (current.c.number == entries.c.number),
    ).where(logs.c.name == log)
