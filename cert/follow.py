"""Runs a follower: lock, batch, effect, cursor, dead letters.

A follower reads a log on from its cursor, does its one thing and moves the cursor. What it does in the database shares
a transaction with the cursor; what it does outside (an index, a mail) comes first, without an open transaction, and
must be safe to repeat. So a crash repeats work and loses none.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cert.errors import NOTHING, Conflict, Missing, NotFound, PeerUnreachable, Phrase, Refused, Spoken
from cert.stix import Micros
from cert.store import aside, log
from cert.store.engine import Connection, DatabaseError, Engine, Lock, OperationalError, PoolEmpty, reading, writing
from cert.store.engine import take_lock as take_lock
from cert.store.log import BATCH, Entry

LOG = logging.getLogger("puente.follow")
WAKE_S = 0.05
RETRY_S = (0.5, 1, 2, 5, 10, 30)
LOCK_S = 5  # how often a follower sees to it that its lock is still its own
TRY_AGAIN = (OSError, OperationalError, PoolEmpty, PeerUnreachable, Missing)
"""Faults of the surroundings: the entries are not to blame, nothing is set aside, and the same batch is tried again."""

Inside = Callable[[Connection, Sequence[Entry], Micros], None]
Outside = Callable[[Sequence[Entry]], None]
Clock = Callable[[], Micros]


@dataclass(frozen=True, slots=True)
class Follower:
    """What follows a log: the name of its cursor, and what it does with a batch of entries.

    `outside` is done first and must be safe to repeat; `inside` shares the transaction with the cursor. `bulk` says
    that `inside` writes many objects. `upto`, if given, is another cursor that this follower must not overtake, and
    `take` says how much of a batch to do at once.
    """

    name: str
    log: str
    inside: Inside | None = None
    outside: Outside | None = None
    bulk: bool = False
    upto: str | None = None
    batch: int = BATCH
    take: Callable[[Sequence[Entry]], int] = len


@dataclass(frozen=True, slots=True)
class Task:
    """One thing a process does again and again. `turn` does a little and says whether there was anything to do."""

    name: str
    turn: Callable[[], bool]
    every_s: float = WAKE_S


def now_us() -> Micros:
    """The present, in microseconds: the clock that the composition root hands to everything below."""
    return time.time_ns() // 1000


def turn(db: Engine, follower: Follower, clock: Clock) -> bool:
    """Let a follower do one batch. Gives whether there was one."""
    with reading(db) as c:
        position = log.cursor(c, follower.name)
        batch = log.after(c, follower.log, position, follower.batch)
        if follower.upto is not None:
            limit = log.cursor(c, follower.upto)
            batch = [entry for entry in batch if entry.number <= limit]
    if not batch:
        return False
    _apply(db, follower, batch[: follower.take(batch)], position, clock)
    return True


def _apply(db: Engine, follower: Follower, batch: Sequence[Entry], position: int, clock: Clock) -> None:
    """Apply a batch; one that fails is halved until the one bad entry stands alone, and that is set aside."""
    try:
        if follower.outside is not None:
            follower.outside(batch)
        with writing(db, bulk=follower.bulk) as c:
            if follower.inside is not None:
                follower.inside(c, batch, clock())
            log.move_cursor(c, follower.name, position, batch[-1].number)
    except (*TRY_AGAIN, Conflict, NotFound):
        raise
    except Exception as fault:  # anything may come, and the stream must go on: it is set aside in plain sight
        if type(fault) is DatabaseError:
            raise  # the file itself is damaged; what an entry does wrong has a class of its own
        if len(batch) == 1:
            _set_aside(db, follower, batch[0], position, fault, clock())
            return
        middle = len(batch) // 2
        _apply(db, follower, batch[:middle], position, clock)
        _apply(db, follower, batch[middle:], batch[middle - 1].number, clock)


def _set_aside(db: Engine, follower: Follower, entry: Entry, position: int, fault: Exception, now: Micros) -> None:
    code, why = "unexpected", Phrase("Unexpected %(fault)s: see the log.", {"fault": type(fault).__name__})
    if isinstance(fault, Refused):
        code, why = fault.code, fault.phrase
    else:
        LOG.error("%s: entry %d of %s set aside", follower.name, entry.number, follower.log, exc_info=fault)
    with writing(db) as c:
        aside.put_aside(c, aside.Aside(follower.name, follower.log, entry.number, entry.id, code, why, now))
        log.move_cursor(c, follower.name, position, entry.number)


def run(db: Engine, tasks: Sequence[Task], stop: threading.Event, clock: Clock) -> None:
    """Run tasks side by side until `stop`, each in its own thread and under its own lock.

    A task that fails reports it, waits a little longer each time, and goes on where it was.
    """
    threads = [threading.Thread(target=_run_task, args=(db, task, stop, clock), name=task.name) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _run_task(db: Engine, task: Task, stop: threading.Event, clock: Clock) -> None:
    try:
        _take_turns(db, task, stop, clock)
    finally:
        stop.set()  # a thread that ends before its time ends the process: a supervisor sees that, and starts it anew


def _take_turns(db: Engine, task: Task, stop: threading.Event, clock: Clock) -> None:
    while not stop.is_set():
        held = _lock_of(db, task, stop)
        if held is not None:
            with held:
                _while_held(db, task, held, stop, clock)


def _lock_of(db: Engine, task: Task, stop: threading.Event) -> Lock | None:
    """The lock of a task, as soon as it is free; None when `stop` comes first."""
    said = ""
    while not stop.is_set():
        try:
            held, level = take_lock(db, task.name), logging.INFO
            why = "another process works on it; this one stands by."
        except TRY_AGAIN as fault:
            held, level = None, logging.WARNING
            why = f"could not ask for its lock. {_why(fault)} Asking on."
        if held is not None:
            if said:
                LOG.info("%s: has its lock, and works.", task.name)
            return held
        if why != said:
            LOG.log(level, "%s: %s", task.name, why)
        said = why
        stop.wait(1)
    return None


def _while_held(db: Engine, task: Task, held: Lock, stop: threading.Event, clock: Clock) -> None:
    """Take turns until `stop`, or until the lock is lost: then another process may have taken it already."""
    failures, well = 0, False  # `well`: it is written down that the task works, by this process
    look_again_s = time.monotonic() + LOCK_S
    while not stop.is_set():
        if failures or time.monotonic() > look_again_s:
            if not held.is_held():
                LOG.warning("%s: its lock is lost; asking for it again", task.name)
                return
            look_again_s = time.monotonic() + LOCK_S
        wait_s, failures = _one_turn(db, task, failures, clock)
        well = not failures and (well or _report(db, task.name, ok=True, now=clock()))
        if wait_s:
            stop.wait(wait_s)


def _one_turn(db: Engine, task: Task, failures: int, clock: Clock) -> tuple[float, int]:
    """Take one turn. Gives how long to wait before the next one, and how many have failed in a row."""
    try:
        worked = task.turn()
    except Exception as fault:  # noqa: BLE001 a process that runs for years reports every fault, and tries again
        return _report_fault(db, task, fault, failures, clock()), failures + 1
    if failures:
        LOG.info("%s works again", task.name)
    return 0 if worked else task.every_s, 0


def _report_fault(db: Engine, task: Task, fault: Exception, failures: int, now: Micros) -> float:
    """Say what went wrong, and when it is tried again. Gives how long to wait: no longer than `RETRY_S` goes."""
    expected = isinstance(fault, Spoken | OperationalError)
    why = _why(fault)
    useless_s = fault.wait_s if isinstance(fault, PeerUnreachable) else 0.0
    wait_s = min(useless_s, RETRY_S[-1]) or RETRY_S[min(failures, len(RETRY_S) - 1)]
    again_s = max(wait_s, useless_s)
    LOG.warning(
        "%s: %s Trying again in %.3g s; nothing is lost.",
        task.name,
        why,
        again_s,
        exc_info=None if expected or failures else fault,
    )
    _report(db, task.name, ok=False, why=why, now=now, next_try=now + round(again_s * 1_000_000))
    return wait_s


def _why(fault: Exception) -> Phrase:
    if isinstance(fault, DatabaseError):
        return Phrase("The database says: %(fault)s.", {"fault": " ".join(str(fault.orig).split())})
    if isinstance(fault, Spoken):
        return fault.phrase
    return Phrase("Something unexpected, %(fault)s: see the log.", {"fault": f"{type(fault).__name__}: {fault}"})


def _report(
    db: Engine, name: str, *, ok: bool, why: Phrase = NOTHING, now: Micros, next_try: Micros | None = None
) -> bool:
    """Write down how a task does. Gives whether that could be written."""
    try:
        with writing(db) as c:
            aside.report(c, name, ok=ok, why=why, now=now, next_try=next_try)
    except TRY_AGAIN as fault:
        LOG.warning("%s: could not note its health. %s", name, _why(fault))
        return False
    return True
