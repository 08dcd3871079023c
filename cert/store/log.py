"""The append-only logs: every change is an entry, numbered without gaps in the order of commits.

An append locks its log's head row until commit, so a reader that has seen number n will never meet a smaller one
later: whoever reads on from a cursor misses nothing. (A plain serial does not give that: it is taken before commit.)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Select, delete, insert, select, update

from cert import stix
from cert.errors import Conflict, NotFound
from cert.stix import Checked, Micros
from cert.store.engine import Connection, allocate, insert_new
from cert.store.tables import bodies, current, cursors, entries, ids, lines, logs, refs

RECORD = "record"
ACTS = "acts"
OBJECT = "object"
BATCH = 500  # the most statements one write transaction should append: about 50 ms


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
class Verdict:
    """What became of a statement: `stored`, `duplicate`, `conflict` or `refused`, and the number it stands under.

    For a conflict (same version, other content: the first is kept) `differs` names the properties; for a refusal
    `sentence` says why.
    """

    outcome: str
    number: int = 0
    differs: tuple[str, ...] = ()
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
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


@dataclass(frozen=True, slots=True)
class _Held:
    """A version of a line that some log already has."""

    log: int
    number: int
    version: Micros | None
    body: int
    digest: bytes


@dataclass(slots=True)
class _Head:
    """The locked head row of a log, and the rows that this append will write."""

    log: int
    head: int
    last_added: Micros
    rows: list[dict[str, Any]]

    def add(self, kind: str, body: int, now: Micros, line: int | None = None, said: Statement | None = None) -> int:
        """Take the next number and a date that no entry of this log has reached."""
        self.head += 1
        self.last_added = max(now, self.last_added + 1)
        self.rows.append(
            {
                "log": self.log,
                "number": self.head,
                "kind": kind,
                "line": line,
                "version": said.version if said else None,
                "handling": said.handling if said else None,
                "body": body,
                "date_added": self.last_added,
            }
        )
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
    numbers, fresh = _intern_lines(c, statements)
    held = _held(c, set(numbers) - fresh)
    texts = _Bodies(c, len(statements))
    verdicts = []
    for said, line in zip(statements, numbers, strict=True):
        versions = held.setdefault(line, [])
        verdict = _objection(texts, [v for v in versions if v.log == head.log], said)
        if verdict is None:
            body = _same_content(versions, said) or texts.add(said.digest, said.body)
            verdict = Verdict("stored", head.add(OBJECT, body, now, line, said))
            versions.append(_Held(head.log, verdict.number, said.version, body, said.digest))
        verdicts.append(verdict)
    texts.write()
    _close(c, head)
    _move_current(c, head.log, held, fresh)
    if log == RECORD:
        _write_refs(c, statements, numbers)
    return verdicts


def append_acts(c: Connection, log: str, kind: str, acts: Sequence[Mapping[str, Any]], now: Micros) -> list[int]:
    """Append acts: what somebody did, as followers and auditors need it. Gives their numbers, in order."""
    head = _lock(c, log)
    texts = _Bodies(c, len(acts))
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
    numbers, fresh = _intern_lines(c, known)
    line_of = dict(zip(map(id, known), numbers, strict=True))
    held = _held(c, set(numbers) - fresh)
    texts = _Bodies(c, len(received))
    for said in received:
        if isinstance(said, bytes):
            head.add(OBJECT, texts.add(stix.sha256(said), said), now)
            continue
        line = line_of[id(said)]
        body = texts.add(said.digest, said.body)
        number = head.add(OBJECT, body, now, line, said)
        held.setdefault(line, []).append(_Held(head.log, number, said.version, body, said.digest))
    texts.write()
    _close(c, head)
    _move_current(c, head.log, held, fresh)


def after(c: Connection, log: str, number: int, limit: int) -> list[Entry]:
    """The entries of a log with a larger number, oldest first, at most `limit`."""
    found = ENTRIES.where(logs.c.name == log, entries.c.number > number).order_by(entries.c.number).limit(limit)
    return read_entries(c, found)


def entries_numbered(c: Connection, log: str, numbers: Sequence[int]) -> list[Entry]:
    """The entries of a log with these numbers, in the order of the log."""
    found = ENTRIES.where(logs.c.name == log, entries.c.number.in_(list(numbers))).order_by(entries.c.number)
    return read_entries(c, found)


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


ENTRIES: Select[Any] = (
    select(
        entries.c.number,
        entries.c.kind,
        entries.c.line,
        ids.c.stix_id,
        lines.c.origin,
        entries.c.version,
        entries.c.date_added,
        entries.c.handling,
        bodies.c.digest,
        bodies.c.body,
    )
    .join(logs, logs.c.n == entries.c.log)
    .join(bodies, bodies.c.n == entries.c.body)
    .outerjoin(lines, lines.c.n == entries.c.line)
    .outerjoin(ids, ids.c.n == lines.c.id_n)
)
"""The one SELECT that reads entries; narrow it with `where`, then hand it to `read_entries`."""


def read_entries(c: Connection, statement: Select[Any]) -> list[Entry]:
    """The entries that a narrowed `ENTRIES` finds, in its order."""
    return [
        Entry(number, kind, line, stix_id or "", origin or 0, version, added, handling, digest, body)
        for number, kind, line, stix_id, origin, version, added, handling, digest, body in c.execute(statement)
    ]


class _Bodies:
    """The bodies that this append will write, and a way to read back any that an entry points at."""

    def __init__(self, c: Connection, most: int) -> None:
        self.c = c
        self.free = iter(allocate(c, bodies.c.n, most))
        self.rows: dict[int, dict[str, Any]] = {}

    def add(self, digest: bytes, body: bytes) -> int:
        number = next(self.free)
        self.rows[number] = {"n": number, "digest": digest, "body": body}
        return number

    def obj(self, number: int) -> dict[str, Any]:
        row = self.rows.get(number)
        body = row["body"] if row else self.c.execute(select(bodies.c.body).where(bodies.c.n == number)).scalar_one()
        loaded: dict[str, Any] = orjson.loads(body)
        return loaded

    def write(self) -> None:
        if self.rows:
            self.c.execute(insert(bodies), list(self.rows.values()))


def _lock(c: Connection, log: str) -> _Head:
    row = c.execute(
        select(logs.c.n, logs.c.head, logs.c.last_added).where(logs.c.name == log).with_for_update()
    ).first()
    if row is None:
        raise NotFound("log", f"There is no log named {log} on this node.")
    return _Head(row.n, row.head, row.last_added, [])


def _close(c: Connection, head: _Head) -> None:
    if head.rows:
        c.execute(insert(entries), head.rows)
        c.execute(update(logs).where(logs.c.n == head.log).values(head=head.head, last_added=head.last_added))


def _objection(texts: _Bodies, versions: list[_Held], said: Statement) -> Verdict | None:
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


def _version_objection(texts: _Bodies, newest: _Held, said: Statement) -> Verdict | None:
    held, new = texts.obj(newest.body), orjson.loads(said.body)
    older, newer = (held, new) if (newest.version or 0) < (said.version or 0) else (new, held)
    problem = stix.next_version_problem(older, newer)
    return Verdict("refused", newest.number, sentence=problem.sentence) if problem else None


def _same_content(versions: list[_Held], said: Statement) -> int | None:
    """The body some log already holds for exactly this content and version, if any: bodies are kept once."""
    return next((v.body for v in versions if v.version == said.version and v.digest == said.digest), None)


def intern_ids(c: Connection, wanted: Iterable[str]) -> dict[str, int]:
    """The numbers of these STIX ids; those not seen before get one."""
    names = list(dict.fromkeys(wanted))
    known = {}
    for start in range(0, len(names), 4 * BATCH):
        part = names[start : start + 4 * BATCH]
        known.update({r.stix_id: r.n for r in c.execute(select(ids.c.stix_id, ids.c.n).where(ids.c.stix_id.in_(part)))})
    missing = [name for name in names if name not in known]
    if missing:
        numbered = dict(zip(missing, allocate(c, ids.c.n, len(missing)), strict=True))
        c.execute(insert(ids), [{"n": n, "stix_id": name} for name, n in numbered.items()])
        known.update(numbered)
    return known


def _intern_lines(c: Connection, statements: Sequence[Statement]) -> tuple[list[int], set[int]]:
    """The line of each statement, and which of these lines no log has ever held."""
    numbers = intern_ids(c, (said.id for said in statements))
    wanted = [(numbers[s.id], s.origin, s.digest if s.version is None else b"") for s in statements]
    rows = c.execute(
        select(lines.c.n, lines.c.id_n, lines.c.origin, lines.c.digest).where(lines.c.id_n.in_(set(numbers.values())))
    )
    known = {(r.id_n, r.origin, r.digest): r.n for r in rows}
    missing = list(dict.fromkeys(key for key in wanted if key not in known))
    created = dict(zip(missing, allocate(c, lines.c.n, len(missing)), strict=True)) if missing else {}
    if created:
        c.execute(insert(lines), [{"n": n, "id_n": i, "origin": o, "digest": d} for (i, o, d), n in created.items()])
    known.update(created)
    return [known[key] for key in wanted], set(created.values())


def _held(c: Connection, wanted: set[int]) -> dict[int, list[_Held]]:
    if not wanted:
        return {}
    found: dict[int, list[_Held]] = {}
    rows = c.execute(
        select(entries.c.line, entries.c.log, entries.c.number, entries.c.version, entries.c.body, bodies.c.digest)
        .join(bodies, bodies.c.n == entries.c.body)
        .where(entries.c.line.in_(wanted))
    )
    for line, log, number, version, body, digest in rows:
        found.setdefault(line, []).append(_Held(log, number, version, body, digest))
    return found


def _move_current(c: Connection, log: int, held: dict[int, list[_Held]], fresh: set[int]) -> None:
    """Point `current` at the newest version of each line that this append touched, by version, not by arrival."""
    newest = {}
    for line, versions in held.items():
        ours = [v for v in versions if v.log == log]
        if ours:
            newest[line] = max(ours, key=lambda v: (v.version or 0, v.number)).number
    known = set(newest) - fresh
    if known:
        c.execute(delete(current).where(current.c.log == log, current.c.line.in_(known)))
    if newest:
        c.execute(insert(current), [{"line": line, "log": log, "number": n} for line, n in newest.items()])


def _write_refs(c: Connection, statements: Sequence[Statement], numbers: Sequence[int]) -> None:
    pairs = {
        (target, line): _is_marking(name)
        for s, line in zip(statements, numbers, strict=True)
        for name, target in s.refs
    }
    target_n = intern_ids(c, (target for target, _ in pairs))
    rows = [{"target": target_n[t], "source": line, "marking": marking} for (t, line), marking in pairs.items()]
    insert_new(c, refs, rows)


def _is_marking(name: str) -> bool:
    return name.rsplit(".", 1)[-1] in {"object_marking_refs", "marking_ref"}
