"""The append-only logs: every change is an entry, numbered without gaps in the order of commits.

An append locks its log's head row until commit, so a reader that has seen number n will never meet a smaller one
later: whoever reads on from a cursor misses nothing. (A plain serial does not give that: it is taken before commit.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import insert, select, update

from cert import between, stix
from cert.errors import Conflict, NotFound
from cert.stix import Checked, Micros
from cert.store import current
from cert.store.engine import Connection, insert_new, insert_rows
from cert.store.entries import Entry as Entry
from cert.store.entries import after as after
from cert.store.entries import entries_numbered as entries_numbered
from cert.store.lines import Bodies, Held, held_versions, intern_lines, move_current, write_refs
from cert.store.lines import Statement as Statement
from cert.store.tables import cursors, entries, logs

RECORD = "record"
ACTS = "acts"
OBJECT = "object"
BATCH = 500  # the most statements one write transaction should append: about 50 ms


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a statement: `stored`, `duplicate`, `conflict` or `refused`, and the number it stands under.

    For a conflict (same version, other content: the first is kept) `differs` names the properties; for a refusal
    `sentence` says why.
    """

    outcome: str
    number: int = 0
    differs: tuple[str, ...] = ()
    sentence: str = ""


@dataclass(slots=True)
class _Head:
    """The locked head row of a log, and the rows that this append will write."""

    log: int
    head: int
    last_added: Micros
    rows: list[tuple[Any, ...]]

    def add(self, kind: str, body: int, now: Micros, line: int | None = None, said: Statement | None = None) -> int:
        """Take the next number and a date that no entry of this log has reached."""
        self.head += 1
        self.last_added = max(now, self.last_added + 1)
        version, handling = (said.version, said.handling) if said else (None, None)
        self.rows.append((self.log, self.head, kind, line, version, handling, body, self.last_added))
        return self.head


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
    head = _lock(c, log)
    numbers, fresh = intern_lines(c, statements)
    held = held_versions(c, set(numbers) - fresh)
    texts = Bodies(c, len(statements))
    verdicts = []
    for said, line in zip(statements, numbers, strict=True):
        versions = held.setdefault(line, [])
        here = [version for version in versions if version.log == head.log]
        verdict = _objection(texts, here, said) or _misfit(c, log, said, statements)
        if verdict is None:
            body = _same_content(versions, said) or texts.add(said.digest, said.body)
            verdict = Verdict("stored", head.add(OBJECT, body, now, line, said))
            versions.append(Held(head.log, verdict.number, said.version, body, said.digest))
        verdicts.append(verdict)
    texts.write()
    _close(c, head)
    move_current(c, head.log, held, fresh)
    if log == RECORD:
        stored = zip(statements, numbers, verdicts, strict=True)
        write_refs(c, [(said, line) for said, line, verdict in stored if verdict.outcome == "stored"])
    return verdicts


def append_acts(c: Connection, log: str, kind: str, acts: Sequence[Mapping[str, Any]], now: Micros) -> list[int]:
    """Append acts: what somebody did, as followers and auditors need it. Gives their numbers, in order."""
    head = _lock(c, log)
    texts = Bodies(c, len(acts))
    numbers = []
    for act in acts:
        body = stix.canonical(dict(act))
        numbers.append(head.add(kind, texts.add(stix.sha256(body), body), now))
    texts.write()
    _close(c, head)
    return numbers


def mirror(c: Connection, log: str, received: Sequence[Statement | bytes], now: Micros) -> None:
    """Append a peer's entries as they came, each one, whatever it is: the caller has seen that none is missing.

    Nothing is judged here: what has no STIX identity is kept as bare bytes, for admission to refuse in plain sight.
    """
    head = _lock(c, log)
    known = [said for said in received if isinstance(said, Statement)]
    numbers, fresh = intern_lines(c, known)
    line_of = dict(zip(map(id, known), numbers, strict=True))
    held = held_versions(c, set(numbers) - fresh)
    texts = Bodies(c, len(received))
    for said in received:
        if isinstance(said, bytes):
            head.add(OBJECT, texts.add(stix.sha256(said), said), now)
            continue
        line = line_of[id(said)]
        body = texts.add(said.digest, said.body)
        number = head.add(OBJECT, body, now, line, said)
        held.setdefault(line, []).append(Held(head.log, number, said.version, body, said.digest))
    texts.write()
    _close(c, head)
    move_current(c, head.log, held, fresh)


def head(c: Connection, log: str) -> int:
    """The number of a log's last entry; 0 while it is empty. Raises `NotFound` if there is no such log."""
    found = c.execute(select(logs.c.head).where(logs.c.name == log)).scalar_one_or_none()
    if found is None:
        raise NotFound("log", f"There is no log named {log} on this node.")
    return int(found)


def names(c: Connection) -> list[str]:
    """The names of all logs, oldest first."""
    return list(c.execute(select(logs.c.name).order_by(logs.c.n)).scalars())


def owner(c: Connection, log: str) -> int:
    """The number of the organisation a log belongs to. Raises `NotFound` if there is no such log."""
    found = c.execute(select(logs.c.org).where(logs.c.name == log)).scalar_one_or_none()
    if found is None:
        raise NotFound("log", f"There is no log named {log} on this node.")
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
        raise Conflict("cursor-moved", f"Another process moved the cursor {name}. This batch was left to it.")


def _lock(c: Connection, log: str) -> _Head:
    row = c.execute(
        select(logs.c.n, logs.c.head, logs.c.last_added).where(logs.c.name == log).with_for_update()
    ).first()
    if row is None:
        raise NotFound("log", f"There is no log named {log} on this node.")
    return _Head(row.n, row.head, row.last_added, [])


def _close(c: Connection, head: _Head) -> None:
    if head.rows:
        insert_rows(c, entries, head.rows)
        c.execute(update(logs).where(logs.c.n == head.log).values(head=head.head, last_added=head.last_added))


def _objection(texts: Bodies, versions: list[Held], said: Statement) -> Verdict | None:
    """Why this statement is not appended, or None: what the same origin has already said decides."""
    for held in versions:
        if held.version == said.version:
            if held.digest == said.digest:
                return Verdict("duplicate", held.number)
            old, new = texts.obj(held.body), orjson.loads(said.body)
            return Verdict("conflict", held.number, stix.differing(old, new))
    if not versions or said.version is None:
        return None
    return _version_objection(texts, max(versions, key=lambda v: v.version or 0), said)


def _misfit(c: Connection, log: str, said: Statement, beside: Sequence[Statement]) -> Verdict | None:
    """A refusal if the statement does not fit what the same origin holds here, or says in the same breath."""
    if stix.type_of(said.id) not in between.TYPES:
        return None

    def held(stix_id: str) -> dict[str, Any] | None:
        bodies = [other.body for other in beside if (other.id, other.origin) == (stix_id, said.origin)]
        bodies += [entry.body for entry in current.newest(c, log, [stix_id]) if entry.origin == said.origin]
        return orjson.loads(bodies[0]) if bodies else None

    problem = between.problem(orjson.loads(said.body), held)
    return Verdict("refused", sentence=str(problem)) if problem else None


def _version_objection(texts: Bodies, newest: Held, said: Statement) -> Verdict | None:
    held, new = texts.obj(newest.body), orjson.loads(said.body)
    older, newer = (held, new) if (newest.version or 0) < (said.version or 0) else (new, held)
    problem = stix.next_version_problem(older, newer)
    return Verdict("refused", newest.number, sentence=str(problem)) if problem else None


def _same_content(versions: list[Held], said: Statement) -> int | None:
    """The body some log already holds for exactly this content and version, if any: bodies are kept once."""
    return next((v.body for v in versions if v.version == said.version and v.digest == said.digest), None)
