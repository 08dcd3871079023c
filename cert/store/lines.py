"""What the logs share: STIX ids interned, bodies kept once, lines with their versions, and who refers to whom.

A line is (origin, id), or (origin, id, digest) for an object without versions. Everything here is written by `log`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import delete, select

from cert.stix import Micros
from cert.store.engine import Connection, allocate, among, insert_rows
from cert.store.tables import bodies, current, entries, ids, lines, refs


@dataclass(frozen=True, slots=True)
class Statement:
    """One object as one organisation states it, ready to append.

    `handling` is the TLP level to take it under if it carries no marking; None means the origin's default.
    """

    origin: int
    id: str
    version: Micros | None
    digest: bytes
    body: bytes
    refs: tuple[tuple[str, str], ...] = ()
    handling: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A version of a line that some log already has."""

    log: int
    number: int
    version: Micros | None
    body: int
    digest: bytes


class Bodies:
    """The bodies that one append will write, and a way to read back any that an entry points at."""

    def __init__(self, c: Connection, most: int) -> None:
        self.c = c
        self.free = iter(allocate(c, bodies.c.n, most))
        self.rows: dict[int, tuple[int, bytes, bytes]] = {}

    def add(self, digest: bytes, body: bytes) -> int:
        """Keep a body, and give its number."""
        number = next(self.free)
        self.rows[number] = (number, digest, body)
        return number

    def obj(self, number: int) -> dict[str, Any]:
        """The object with this number, written or about to be."""
        row = self.rows.get(number)
        body = row[2] if row else self.c.execute(select(bodies.c.body).where(bodies.c.n == number)).scalar_one()
        loaded: dict[str, Any] = orjson.loads(body)
        return loaded

    def write(self) -> None:
        """Write what was added."""
        insert_rows(self.c, bodies, list(self.rows.values()))


def intern_ids(c: Connection, wanted: Iterable[str]) -> dict[str, int]:
    """The numbers of these STIX ids; those not seen before get one."""
    names = list(dict.fromkeys(wanted))
    found = c.execute(select(ids.c.stix_id, ids.c.n).where(among(ids.c.stix_id, names)))
    known: dict[str, int] = dict(found.all())
    missing = [name for name in names if name not in known]
    if missing:
        rows = list(zip(allocate(c, ids.c.n, len(missing)), missing, strict=True))
        insert_rows(c, ids, rows)
        known.update((name, number) for number, name in rows)
    return known


def intern_lines(c: Connection, statements: Sequence[Statement]) -> tuple[list[int], set[int]]:
    """The line of each statement, and which of these lines no log has ever held."""
    numbers = intern_ids(c, (said.id for said in statements))
    wanted = [(numbers[s.id], s.origin, s.digest if s.version is None else b"") for s in statements]
    found = c.execute(select(lines).where(among(lines.c.id_n, numbers.values()))).all()
    known = {(id_n, origin, digest): n for n, id_n, origin, digest in found}
    missing = list(dict.fromkeys(key for key in wanted if key not in known))
    if missing:
        created = dict(zip(missing, allocate(c, lines.c.n, len(missing)), strict=True))
        insert_rows(c, lines, [(n, *key) for key, n in created.items()])
        known.update(created)
    return [known[key] for key in wanted], {known[key] for key in missing}


def held_versions(c: Connection, wanted: set[int]) -> dict[int, list[Held]]:
    """What all logs together hold of these lines."""
    if not wanted:
        return {}
    found: dict[int, list[Held]] = {}
    rows = c.execute(
        select(entries.c.line, entries.c.log, entries.c.number, entries.c.version, entries.c.body, bodies.c.digest)
        .join(bodies, bodies.c.n == entries.c.body)
        .where(among(entries.c.line, wanted))
    ).all()
    for line, log, number, version, body, digest in rows:
        found.setdefault(line, []).append(Held(log, number, version, body, digest))
    return found


def move_current(c: Connection, log: int, held: dict[int, list[Held]], fresh: set[int]) -> None:
    """Point `current` at the newest version of each line that an append touched, by version, not by arrival."""
    newest = {}
    for line, versions in held.items():
        ours = [v for v in versions if v.log == log]
        if ours:
            newest[line] = max(ours, key=lambda v: (v.version or 0, v.number)).number
    known = set(newest) - fresh
    if known:
        c.execute(delete(current).where(current.c.log == log, among(current.c.line, known)))
    insert_rows(c, current, [(line, log, number) for line, number in newest.items()])


def write_refs(c: Connection, stored: Sequence[tuple[Statement, int]]) -> None:
    """Note for each statement, with its line, whom it refers to."""
    found = dict.fromkeys((target, line, _is_marking(name)) for said, line in stored for name, target in said.refs)
    numbers = intern_ids(c, (target for target, _, _ in found))
    insert_rows(c, refs, [(numbers[target], line, marking) for target, line, marking in found], new_only=True)


@lru_cache(maxsize=1024)  # objects have few different properties
def _is_marking(name: str) -> bool:
    return name.rsplit(".", 1)[-1] in {"object_marking_refs", "marking_ref"}
