"""What was set aside in plain sight: one bad entry never stops a stream, and never disappears either.

So were the variants: what somebody sent under a version that is held with other content.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from cert.errors import NOTHING, Phrase, kept
from cert.stix import Micros
from cert.store.engine import Connection, among, insert_new
from cert.store.entries import log_number
from cert.store.tables import entries, health, ids, lines, logs, set_aside, variants


@dataclass(frozen=True, slots=True)
class Aside:
    """An entry that a follower could not use, and why."""

    follower: str
    log: str
    number: int
    stix_id: str
    code: str
    why: Phrase
    at: Micros


def put_aside(c: Connection, aside: Aside) -> None:
    """Set an entry aside; a second time changes nothing."""
    where = {"follower": aside.follower, "log": aside.log, "number": aside.number, "stix_id": aside.stix_id}
    why = {"code": aside.code, "sentence": aside.why.sentence, "data": aside.why.values()}
    insert_new(c, set_aside, [where | why | {"at": aside.at}])


def take_back(c: Connection, follower: str, log: str, numbers: Sequence[int]) -> None:
    """These entries are set aside no longer: the follower could use them after all."""
    c.execute(
        delete(set_aside).where(
            set_aside.c.follower == follower, set_aside.c.log == log, among(set_aside.c.number, numbers)
        )
    )


def forget(c: Connection, follower: str) -> None:
    """Forget what a follower has set aside that will never run again."""
    c.execute(delete(set_aside).where(set_aside.c.follower == follower))


def all_aside(c: Connection, limit: int, follower: str | None = None) -> list[Aside]:
    """The newest entries set aside, at most `limit`."""
    found = select(set_aside).order_by(set_aside.c.n.desc()).limit(limit)
    if follower:
        found = found.where(set_aside.c.follower == follower)
    return [_aside(row) for row in c.execute(found)]


def between(c: Connection, follower: str, log: str, first: int, last: int) -> list[Aside]:
    """What a follower has set aside of the entries of a log from `first` to `last`, in their order."""
    found = select(set_aside).where(set_aside.c.follower == follower, set_aside.c.log == log)
    rows = c.execute(found.where(set_aside.c.number.between(first, last)).order_by(set_aside.c.number))
    return [_aside(row) for row in rows]


def _aside(r: Row[Any]) -> Aside:
    return Aside(r.follower, r.log, r.number, r.stix_id, r.code, kept(r.sentence, r.data), r.at)


def count_aside(c: Connection) -> dict[str, int]:
    """How many entries each follower has set aside."""
    found = select(set_aside.c.follower, func.count()).group_by(set_aside.c.follower)
    return {row[0]: row[1] for row in c.execute(found)}


@dataclass(frozen=True, slots=True)
class Variant:
    """Other content for a version that a log holds; `number` is of the entry that was first, and is kept."""

    number: int
    stix_id: str
    version: Micros | None
    differs: tuple[str, ...]
    body: bytes
    at: Micros


def keep_variants(
    c: Connection, log: str, kept: Sequence[tuple[int, bytes, bytes, tuple[str, ...]]], at: Micros
) -> None:
    """Keep variants for review: number, digest, body, and the properties that differ. The same twice is kept once."""
    if not kept:
        return
    log_n = c.execute(select(logs.c.n).where(logs.c.name == log)).scalar_one()
    rows = [(log_n, number, digest, body, ",".join(differs), at) for number, digest, body, differs in kept]
    insert_new(c, variants, [dict(zip(variants.columns.keys(), row, strict=True)) for row in rows])


def all_variants(c: Connection, log: str, limit: int) -> list[Variant]:
    """The variants of what a log holds, in its order, at most `limit`."""
    found = (
        select(variants, ids.c.stix_id, entries.c.version)
        .join(entries, (entries.c.log == variants.c.log) & (entries.c.number == variants.c.number))
        .join(lines, lines.c.n == entries.c.line)
        .join(ids, ids.c.n == lines.c.id_n)
        .where(variants.c.log == log_number(log))
        .order_by(variants.c.number, variants.c.digest)
        .limit(limit)
    )
    rows = c.execute(found)
    return [Variant(r.number, r.stix_id, r.version, tuple(r.differs.split(",")), r.body, r.at) for r in rows]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a part of the node works, since when, and, if not, why, what to do, and when it is tried again."""

    name: str
    ok: bool
    why: Phrase
    since: Micros
    next_try: Micros | None


def report(
    c: Connection, name: str, *, ok: bool, why: Phrase = NOTHING, now: Micros, next_try: Micros | None = None
) -> None:
    """Note that a part works or does not; `since` moves only when that changes."""
    insert_new(c, health, [{"name": name, "ok": not ok, "sentence": "", "since": now}])
    c.execute(update(health).where(health.c.name == name, health.c.ok != ok).values(ok=ok, since=now))
    said = {"sentence": why.sentence, "data": why.values(), "next_try": next_try}
    c.execute(update(health).where(health.c.name == name).values(said))


def all_health(c: Connection) -> list[Health]:
    """The last report of each part."""
    rows = c.execute(select(health).order_by(health.c.name))
    return [Health(r.name, r.ok, kept(r.sentence, r.data), r.since, r.next_try) for r in rows]


def forget_health(c: Connection, name: str) -> None:
    """Forget the last report of a part."""
    c.execute(delete(health).where(health.c.name == name))
