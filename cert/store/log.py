"""The append-only logs: every change is an entry, numbered without gaps in the order of commits.

An append is made in a write transaction, of which there is one at a time, so a reader that has seen number n will never
meet a smaller one later: whoever reads on from a cursor misses nothing. (A plain serial does not give that: it is taken
before commit.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, select, update

from cert import between, stix
from cert.errors import Conflict, NotFound, Phrase
from cert.stix import Checked, Micros
from cert.store import current
from cert.store.engine import Connection, insert_new, insert_rows
from cert.store.entries import OBJECT as OBJECT
from cert.store.entries import Entry as Entry
from cert.store.entries import after as after
from cert.store.entries import entries_numbered as entries_numbered
from cert.store.lines import Bodies, Held, Names, lines_in, move_current, write_refs
from cert.store.lines import Statement as Statement
from cert.store.tables import bodies, cursors, entries, ids, lines, logs

RECORD = "record"
ACTS = "acts"
BATCH = 500  # the most statements one write transaction should append: about 50 ms

_JUDGED = tuple(f"{kind}--" for kind in between.TYPES)
_FREE = [select(func.coalesce(func.max(t.c.n), 0) + 1).scalar_subquery() for t in (ids, lines, bodies)]
_HEAD = select(logs.c.n, logs.c.head, logs.c.last_added, *_FREE).where(logs.c.name == bindparam("log"))
_MOVE_HEAD = update(logs).where(logs.c.n == bindparam("of")).values(head=bindparam("to"), last_added=bindparam("at"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a statement: `stored`, `duplicate`, `conflict` or `refused`, and the number it stands under.

    For a conflict (same version, other content: the first is kept) `differs` names the properties; for a refusal
    `why` says it.
    """

    outcome: str
    number: int = 0
    differs: tuple[str, ...] = ()
    why: Phrase | None = None


class _Append:
    """An append under way: where its log ends, which numbers are free from there on, and what it will write."""

    def __init__(self, c: Connection, log: str) -> None:
        row = c.execute(_HEAD, {"log": log}).first()
        if row is None:
            raise NotFound("log", "There is no log named %(log)s on this node.", log=log)
        self.log, self.head, self.last_added, free_id, free_line, free_body = map(int, row)
        self.c = c
        self.names = Names(c, free_id, free_line)
        self.texts = Bodies(c, free_body)
        self.rows: list[tuple[Any, ...]] = []
        self.held: dict[int, list[Held]] = {}
        self.before: set[int] = set()
        self.grown: set[int] = set()

    def lines_of(self, statements: Sequence[Statement]) -> list[int]:
        """The line of each statement, in order; from here on `held` is what all logs hold of these lines."""
        found = self.names.lines(statements)
        self.held = self.names.held(found)
        self.before = lines_in(self.log, self.held)
        return found

    def add(self, kind: str, body: int, now: Micros, line: int | None = None, said: Statement | None = None) -> int:
        """Take the next number and a date that no entry of this log has reached."""
        self.head += 1
        self.last_added = max(now, self.last_added + 1)
        version, handling, stix_type = (said.version, said.handling, said.type) if said else (None, None, None)
        self.rows.append((self.log, self.head, kind, line, version, handling, body, self.last_added, stix_type))
        return self.head

    def add_object(self, said: Statement, line: int, body: int, now: Micros) -> int:
        """Add a version to a line. Gives its number."""
        number = self.add(OBJECT, body, now, line, said)
        self.held.setdefault(line, []).append(Held(self.log, said.version, number, body, said.digest))
        self.grown.add(line)
        return number

    def close(self) -> None:
        """Write it all."""
        self.texts.write()
        insert_rows(self.c, entries, self.rows)
        if self.rows:
            self.c.execute(_MOVE_HEAD, {"of": self.log, "to": self.head, "at": self.last_added})
        move_current(self.c, self.log, {line: self.held[line] for line in self.grown}, self.before & self.grown)


def statement(checked: Checked, origin: int, handling: str | None = None) -> Statement:
    """A checked object as the statement of an organisation."""
    return Statement(origin, checked.id, checked.version, checked.digest, checked.body, checked.refs, handling)


def restated(entry: Entry, refs: tuple[tuple[str, str], ...] = ()) -> Statement:
    """An entry of one log as a statement for another: the same origin, content and handling."""
    return Statement(entry.origin, entry.id, entry.version, entry.digest, entry.body, refs, entry.handling)


def create_log(c: Connection, name: str, org: int) -> None:
    """Make an empty log that belongs to an organisation."""
    c.execute(insert(logs).values(name=name, org=org, head=0, last_added=0))


def append(c: Connection, log: str, statements: Sequence[Statement], now: Micros) -> list[Verdict]:
    """Append the statements that are new here; one verdict each, in order.

    The key is (origin, id, version); an object with neither `modified` nor `created` is keyed by its digest, so other
    content is a further statement. Only the statement's own origin is looked at. `BATCH` at a time is right.
    """
    under_way = _Append(c, log)
    verdicts, stored = [], []
    for said, line in zip(statements, under_way.lines_of(statements), strict=True):
        held = under_way.held.get(line, [])
        verdict = _objection(under_way, held, said) if held else None
        if verdict is None and said.id.startswith(_JUDGED):
            verdict = _misfit(c, log, said, statements)
        if verdict is None:
            body = (held and _same_content(held, said)) or under_way.texts.add(said.digest, said.body)
            verdict = Verdict("stored", under_way.add_object(said, line, body, now))
            stored.append((said, line))
        verdicts.append(verdict)
    under_way.close()
    if log == RECORD:
        write_refs(c, stored, under_way.names, under_way.before)
    return verdicts


def append_acts(c: Connection, log: str, kind: str, acts: Sequence[Mapping[str, Any]], now: Micros) -> list[int]:
    """Append acts: what somebody did, as followers and auditors need it. Gives their numbers, in order."""
    under_way = _Append(c, log)
    numbers = []
    for act in acts:
        body = stix.canonical(dict(act))
        numbers.append(under_way.add(kind, under_way.texts.add(stix.sha256(body), body), now))
    under_way.close()
    return numbers


def mirror(c: Connection, log: str, received: Sequence[Statement | bytes], now: Micros) -> None:
    """Append a peer's entries as they came, each one, whatever it is: the caller has seen that none is missing.

    Nothing is judged here: what has no STIX identity is kept as bare bytes, for admission to refuse in plain sight.
    """
    under_way = _Append(c, log)
    known = [said for said in received if isinstance(said, Statement)]
    line_of = dict(zip(map(id, known), under_way.lines_of(known), strict=True))
    for said in received:
        if isinstance(said, Statement):
            under_way.add_object(said, line_of[id(said)], under_way.texts.add(said.digest, said.body), now)
        else:
            under_way.add(OBJECT, under_way.texts.add(stix.sha256(said), said), now)
    under_way.close()


def head(c: Connection, log: str) -> int:
    """The number of a log's last entry; 0 while it is empty. Raises `NotFound` if there is no such log."""
    found = c.execute(select(logs.c.head).where(logs.c.name == log)).scalar_one_or_none()
    if found is None:
        raise NotFound("log", "There is no log named %(log)s on this node.", log=log)
    return int(found)


def names(c: Connection) -> list[str]:
    """The names of all logs, oldest first."""
    return list(c.execute(select(logs.c.name).order_by(logs.c.n)).scalars())


def owner(c: Connection, log: str) -> int:
    """The number of the organisation a log belongs to. Raises `NotFound` if there is no such log."""
    found = c.execute(select(logs.c.org).where(logs.c.name == log)).scalar_one_or_none()
    if found is None:
        raise NotFound("log", "There is no log named %(log)s on this node.", log=log)
    return int(found)


def cursor(c: Connection, name: str) -> int:
    """How far a follower has read; 0 for one that has never run."""
    return c.execute(select(cursors.c.position).where(cursors.c.name == name)).scalar_one_or_none() or 0


def move_cursor(c: Connection, name: str, before: int, to: int) -> None:
    """Move a follower's cursor. Raises `Conflict` if it does not stand at `before`: another process moved it."""
    insert_new(c, cursors, [{"name": name, "position": 0}])
    moved = c.execute(
        update(cursors).where(cursors.c.name == name, cursors.c.position == before).values(position=to)
    ).rowcount
    if moved != 1:
        raise Conflict(
            "cursor-moved", "Another process moved the cursor %(name)s. This batch was left to it.", name=name
        )


def forget_cursor(c: Connection, name: str) -> None:
    """Forget how far a follower had read that will never run again."""
    c.execute(delete(cursors).where(cursors.c.name == name))


def _objection(under_way: _Append, held: list[Held], said: Statement) -> Verdict | None:
    """Why this statement is not appended, or None: what the same origin has already said here decides."""
    here = [version for version in held if version.log == under_way.log]
    for version in here:
        if version.version == said.version:
            if version.digest == said.digest:
                return Verdict("duplicate", version.number)
            old, new = under_way.texts.obj(version.body), orjson.loads(said.body)
            return Verdict("conflict", version.number, stix.differing(old, new))
    if not here or said.version is None:
        return None
    return _version_objection(under_way.texts, max(here), said)


def _misfit(c: Connection, log: str, said: Statement, beside: Sequence[Statement]) -> Verdict | None:
    """A refusal if the statement does not fit what the same origin holds here, or says in the same breath."""

    def held(stix_id: str) -> dict[str, Any] | None:
        bodies = [other.body for other in beside if (other.id, other.origin) == (stix_id, said.origin)]
        bodies += [entry.body for entry in current.newest(c, log, [stix_id]) if entry.origin == said.origin]
        return orjson.loads(bodies[0]) if bodies else None

    problem = between.problem(orjson.loads(said.body), held)
    return Verdict("refused", why=problem.phrase) if problem else None


def _version_objection(texts: Bodies, newest: Held, said: Statement) -> Verdict | None:
    held, new = texts.obj(newest.body), orjson.loads(said.body)
    older, newer = (held, new) if (newest.version or 0) < (said.version or 0) else (new, held)
    problem = stix.next_version_problem(older, newer)
    return Verdict("refused", newest.number, why=problem.phrase) if problem else None


def _same_content(versions: list[Held], said: Statement) -> int | None:
    """The body some log already holds for exactly this content and version, if any: bodies are kept once."""
    return next((v.body for v in versions if v.version == said.version and v.digest == said.digest), None)
