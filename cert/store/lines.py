"""What the logs share: STIX ids interned, bodies kept once, lines with their versions, and who refers to whom.

A line is (origin, id), or (origin, id, digest) for an object without versions. Everything here is written by `log`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import bindparam, delete, select

from cert.stix import Micros
from cert.store.engine import Connection, among, insert_rows
from cert.store.entries import OBJECT
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

    @property
    def type(self) -> str:
        """Its STIX type, which its id begins with."""
        return self.id.partition("--")[0]


class Held(NamedTuple):
    """A version of a line that a log has. In one log the newest version is the largest, and of equals the last."""

    log: int
    version: Micros | None
    number: int
    body: int
    digest: bytes


_KNOWN_IDS = select(ids.c.stix_id, ids.c.n).where(among(ids.c.stix_id, "names"))
_KNOWN_LINES = select(lines.c.id_n, lines.c.origin, lines.c.digest, lines.c.n).where(among(lines.c.id_n, "ids"))
_HELD = (
    select(entries.c.line, entries.c.log, entries.c.version, entries.c.number, entries.c.body, bodies.c.digest)
    .join(bodies, bodies.c.n == entries.c.body)
    .where(among(entries.c.line, "lines"), entries.c.kind == OBJECT)
)
_FORGET = delete(current).where(current.c.log == bindparam("of"), among(current.c.line, "lines"))


class Bodies:
    """The bodies that one append will write, and a way to read back any that an entry points at."""

    def __init__(self, c: Connection, first: int) -> None:
        self.c = c
        self.next = first
        self.rows: dict[int, tuple[int, bytes, bytes]] = {}

    def add(self, digest: bytes, body: bytes) -> int:
        """Keep a body, and give its number."""
        number = self.next
        self.next += 1
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


class Names:
    """The STIX ids and the lines that one append is about, by their numbers; what had none gets the next that is free.

    From `first_id` and `first_line` on, a number is new, and nothing is held under it yet.
    """

    def __init__(self, c: Connection, first_id: int, first_line: int) -> None:
        self.c = c
        self.first_id = first_id
        self.first_line = first_line
        self.ids: dict[str, int] = {}
        self.new_ids = 0

    def intern(self, wanted: Iterable[str]) -> None:
        """See to it that these are among `ids`."""
        names = [name for name in dict.fromkeys(wanted) if name not in self.ids]
        if not names:
            return
        self.ids.update(self.c.execute(_KNOWN_IDS, {"names": names}).all())
        missing = [name for name in names if name not in self.ids]
        free = range(self.first_id + self.new_ids, self.first_id + self.new_ids + len(missing))
        self.new_ids += len(missing)
        insert_rows(self.c, ids, list(zip(free, missing, strict=True)))
        self.ids.update(zip(missing, free, strict=True))

    def lines(self, statements: Sequence[Statement]) -> list[int]:
        """The line of each statement."""
        self.intern([said.id for said in statements])
        keys = [(self.ids[s.id], s.origin, s.digest if s.version is None else b"") for s in statements]
        seen = [n for n in self.ids.values() if n < self.first_id]
        found = self.c.execute(_KNOWN_LINES, {"ids": seen}).all() if seen else ()
        known = {(id_n, origin, digest): n for id_n, origin, digest, n in found}
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        free = range(self.first_line, self.first_line + len(missing))
        insert_rows(self.c, lines, [(n, *key) for n, key in zip(free, missing, strict=True)])
        known.update(zip(missing, free, strict=True))
        return [known[key] for key in keys]

    def held(self, numbers: Iterable[int]) -> dict[int, list[Held]]:
        """What all logs together hold of these lines."""
        found: dict[int, list[Held]] = {}
        wanted = {line for line in numbers if line < self.first_line}
        for line, *version in self.c.execute(_HELD, {"lines": wanted}).all() if wanted else ():
            found.setdefault(line, []).append(Held(*version))
        return found


def lines_in(log: int, held: dict[int, list[Held]]) -> set[int]:
    """The lines that this log is one of the holders of."""
    return {line for line, versions in held.items() if any(version.log == log for version in versions)}


def move_current(c: Connection, log: int, held: dict[int, list[Held]], before: set[int]) -> None:
    """Point `current` at the newest version of each line that an append touched, by version, not by arrival.

    `before` are those of them that the log held already.
    """
    newest = [
        (line, log, max(here).number)
        for line, versions in held.items()
        if (here := [version for version in versions if version.log == log])
    ]
    if before:
        c.execute(_FORGET, {"of": log, "lines": before})
    insert_rows(c, current, newest)


def write_refs(c: Connection, stored: Sequence[tuple[Statement, int]], names: Names, before: set[int]) -> None:
    """Note for each statement, with its line, whom it refers to. `before` are the lines that may have done so before.

    They are written in the order of their key: whoever is referred to together lies together.
    """
    names.intern([target for said, _ in stored for _, target in said.refs])
    found = {(names.ids[target], line, _is_marking(name)) for said, line in stored for name, target in said.refs}
    again = {row for row in found if row[1] in before} if before else set()
    insert_rows(c, refs, sorted(found - again))
    insert_rows(c, refs, sorted(again), new_only=True)


@lru_cache(maxsize=1024)  # objects have few different properties
def _is_marking(name: str) -> bool:
    return name.rsplit(".", 1)[-1] in {"object_marking_refs", "marking_ref"}
