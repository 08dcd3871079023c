"""Followers: a crash repeats work and loses none, one bad entry stops nothing, one process at a time does the work."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from cert import follow
from cert.errors import Conflict, Missing, PeerUnreachable, Refused
from cert.follow import Follower, Task
from cert.store import aside, engine, log
from cert.store.engine import Connection, Engine, OperationalError, open_db, reading, writing
from cert.store.log import Entry
from tests.cast import Clock, Node

NAME = "mail:test"
BAD = 6


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def db(mx: Node) -> Engine:
    """A log `acts` with ten entries after those that made the node."""
    with writing(mx.db) as c:
        log.append_acts(c, "acts", "tick", [{"n": n} for n in range(10)], mx.clock())
    return mx.db


@pytest.fixture
def start(db: Engine) -> int:
    """Where the ten begin: the follower has read what is before them."""
    with writing(db) as c:
        before = log.head(c, "acts") - 10
        log.move_cursor(c, NAME, 0, before)
    return before


def ticks(batch: Sequence[Entry]) -> list[int]:
    return [entry.obj()["n"] for entry in batch]


def position(db: Engine) -> int:
    with reading(db) as c:
        return log.cursor(c, NAME)


def asides(db: Engine) -> list[aside.Aside]:
    with reading(db) as c:
        return aside.all_aside(c, 99)


def run_dry(db: Engine, follower: Follower) -> None:
    while follow.turn(db, follower, Clock()):
        pass


def test_it_does_each_entry_once_in_order(db: Engine, start: int) -> None:
    done: list[int] = []
    run_dry(db, Follower(NAME, "acts", outside=lambda batch: done.extend(ticks(batch)), batch=3))

    assert done == list(range(10))
    assert position(db) == start + 10


def test_it_repeats_what_a_crash_left_between_the_effect_and_the_cursor(db: Engine, start: int) -> None:
    done: list[int] = []

    def crash(_c: Connection, _batch: Sequence[Entry], _now: int) -> None:
        raise Crash

    follower = Follower(NAME, "acts", outside=lambda batch: done.extend(ticks(batch)), batch=4)
    with pytest.raises(Crash):
        follow.turn(db, replace(follower, inside=crash), Clock())
    assert (done, position(db)) == ([0, 1, 2, 3], start)

    run_dry(db, follower)
    assert done == [0, 1, 2, 3, *range(10)]
    assert asides(db) == []


def test_it_takes_back_the_inside_effect_when_the_cursor_does_not_move(db: Engine, start: int) -> None:
    """Effect and cursor share a transaction: where another process was faster, nothing of ours remains."""

    def overtaken(c: Connection, batch: Sequence[Entry], now: int) -> None:
        log.append_acts(c, "record", "effect", [{"n": n} for n in ticks(batch)], now)
        log.move_cursor(c, NAME, start, start + 1)

    with reading(db) as c:
        before = log.head(c, "record")
    with pytest.raises(Conflict):
        follow.turn(db, Follower(NAME, "acts", inside=overtaken), Clock())

    with reading(db) as c:
        assert log.head(c, "record") == before
    assert (position(db), asides(db)) == (start, [])


@pytest.mark.parametrize("bad", [{0}, {9}, {BAD}, {0, 1, 9}, set(range(10))])
@pytest.mark.parametrize("side", ["outside", "inside"])
def test_it_sets_bad_entries_aside_and_goes_on(db: Engine, start: int, bad: set[int], side: str) -> None:
    done: list[int] = []

    def outside(batch: Sequence[Entry]) -> None:
        for n in ticks(batch):
            if n in bad:
                raise Refused("bad", f"Tick {n} is bad.")
        done.extend(ticks(batch))

    def inside(c: Connection, batch: Sequence[Entry], now: int) -> None:
        outside(batch)

    run_dry(db, Follower(NAME, "acts", inside=inside if side == "inside" else None, outside=outside))

    assert set(done) == set(range(10)) - bad
    assert {(one.number, one.code, one.sentence) for one in asides(db)} == {
        (start + 1 + n, "bad", f"Tick {n} is bad.") for n in bad
    }
    assert position(db) == start + 10


def test_it_names_no_insides_of_an_unexpected_fault(db: Engine, start: int) -> None:
    def fail(_batch: Sequence[Entry]) -> None:
        raise KeyError("/home/secret")

    run_dry(db, Follower(NAME, "acts", outside=fail))

    assert {one.sentence for one in asides(db)} == {"Unexpected KeyError: see the log."}


@pytest.mark.parametrize(
    "fault",
    [
        Missing("index-missing", "The index is missing."),
        OSError(28, "No space left on device"),
        OperationalError("SELECT", {}, Exception("database is locked")),
        PeerUnreachable("nothing answers there."),
        TimeoutError(),
    ],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("side", ["outside", "inside"])
def test_it_blames_no_entry_for_a_fault_of_the_surroundings(
    db: Engine, start: int, fault: Exception, side: str
) -> None:
    def inside(_c: Connection, _batch: Sequence[Entry], _now: int) -> None:
        raise fault

    def outside(_batch: Sequence[Entry]) -> None:
        raise fault

    broken = Follower(NAME, "acts", inside) if side == "inside" else Follower(NAME, "acts", outside=outside)
    for _ in range(2):
        with pytest.raises(type(fault)):
            follow.turn(db, broken, Clock())

    assert (position(db), asides(db)) == (start, [])


def test_it_does_not_overtake_the_cursor_it_waits_for(db: Engine, start: int) -> None:
    done: list[int] = []
    late = Follower(NAME, "acts", outside=lambda batch: done.extend(ticks(batch)), upto="search:x")
    assert not follow.turn(db, late, Clock())

    with writing(db) as c:
        log.move_cursor(c, "search:x", 0, start + 4)
    run_dry(db, late)

    assert done == [0, 1, 2, 3]


def test_it_takes_as_much_at_once_as_the_follower_says(db: Engine, start: int) -> None:
    batches: list[int] = []
    run_dry(db, Follower(NAME, "acts", outside=lambda batch: batches.append(len(batch)), take=lambda _: 4))

    assert batches == [4, 4, 2]


# --- locks -------------------------------------------------------------------------------------------------------
HOLD = """
import sys
from cert import follow
from cert.store.engine import open_db
held = follow.take_lock(open_db(sys.argv[1]), "release:us")
print("held" if held else "refused", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def elsewhere(db: Engine) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds the lock of `release:us`."""
    command = [sys.executable, "-c", HOLD, str(db.url)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        yield other
        other.kill()


def test_it_gives_a_lock_to_one_process_and_frees_it_when_that_is_killed(
    db: Engine, elsewhere: "subprocess.Popen[bytes]"
) -> None:
    assert follow.take_lock(db, "release:us") is None
    other = follow.take_lock(db, "admit:us")
    assert other is not None
    other.close()

    elsewhere.kill()
    elsewhere.wait()

    held = follow.take_lock(db, "release:us")
    assert held is not None
    held.close()


def test_it_waits_for_the_lock_and_stops_when_told(db: Engine, elsewhere: "subprocess.Popen[bytes]") -> None:
    """A second worker beside the first does nothing, and ends as soon as it is asked to."""
    turned: list[int] = []
    stop = threading.Event()

    def turn() -> bool:
        turned.append(1)
        return True

    task = Task("release:us", turn)
    worker = threading.Thread(target=follow.run, args=(db, [task], stop, Clock()))
    worker.start()
    stop.set()
    worker.join(30)

    assert not worker.is_alive()
    assert turned == []


# --- tasks -------------------------------------------------------------------------------------------------------
def test_it_reports_a_task_that_fails_and_goes_on_when_it_works_again(
    db: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "RETRY_S", (0.01,))
    stop = threading.Event()
    told: list[aside.Health] = []
    turns = iter([PeerUnreachable("nothing answers there."), ValueError("odd"), None])

    def turn() -> bool:
        with reading(db) as c:
            told.extend(one for one in aside.all_health(c) if one.name == "pull:us")
        fault = next(turns, StopIteration)
        if isinstance(fault, Exception):
            raise fault
        if fault is StopIteration:
            stop.set()
        return False

    follow.run(db, [Task("pull:us", turn)], stop, Clock())

    assert [(one.ok, one.sentence) for one in told] == [
        (False, "nothing answers there."),
        (False, "ValueError: odd"),
        (True, ""),
    ]


def test_it_forgets_the_fault_of_an_earlier_process_once_the_task_works(db: Engine) -> None:
    with writing(db) as c:
        aside.report(c, "pull:us", ok=False, sentence="nothing answers there.", now=1)
    stop = threading.Event()
    turns = iter([False, False])

    def turn() -> bool:
        if next(turns, None) is None:
            stop.set()
        return False

    follow.run(db, [Task("pull:us", turn, every_s=0.01)], stop, Clock())

    with reading(db) as c:
        assert [(one.ok, one.sentence) for one in aside.all_health(c)] == [(True, "")]


def test_it_lets_one_task_fail_beside_another(db: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "RETRY_S", (0.01,))
    stop = threading.Event()
    turned: list[int] = []

    def broken() -> bool:
        raise PeerUnreachable("nothing answers there.")

    def works() -> bool:
        turned.append(1)
        if len(turned) == 5:
            stop.set()
        return True

    follow.run(db, [Task("pull:us", broken), Task("search", works)], stop, Clock())

    assert len(turned) == 5


def test_it_survives_a_database_that_cannot_note_its_health(mx: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may end a thread of the worker: not even the report of a fault."""
    monkeypatch.setattr(follow, "RETRY_S", (0.01,))
    stop = threading.Event()
    turned: list[int] = []
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 1)
    locked = open_db(str(mx.db.url))

    def turn() -> bool:
        turned.append(1)
        if len(turned) == 3:
            stop.set()
        raise OSError("disk")

    with writing(mx.db):
        follow.run(locked, [Task("search", turn)], stop, Clock())
    locked.dispose()

    assert len(turned) == 3
