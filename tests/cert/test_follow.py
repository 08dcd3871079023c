"""Followers: a crash repeats work and loses none, one bad entry stops nothing, one process at a time does the work."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from select import select

import psycopg
import pytest

from cert import follow
from cert.errors import Conflict, Missing, PeerUnreachable, Phrase, Refused
from cert.follow import Follower, Task
from cert.store import aside, log, people, postgres, sqlite
from cert.store.engine import Connection, Engine, OperationalError, PoolEmpty, open_db, reading, writing
from cert.store.log import Entry
from cert.store.tables import metadata
from tests.cast import START, Clock
from tests.cert.store.trouble import Relay, end_connections
from tests.servers.postgres import Door, Server, running
from tests.servers.process import NotInstalled

NAME = "mail:test"
BAD = 6


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture(params=["sqlite", "postgres"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A log `acts` with ten entries after a few others, on either engine."""
    file = f"sqlite:///{tmp_path / 'node.db'}"
    made = open_db(file if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    with writing(made) as c:
        metadata.create_all(c)
        org = people.add_organisation(
            c, name="CERT", kind="cert", nation="mx", identity_id="i", default_handling="amber", ours=True
        )
        for name in ("record", "acts"):
            log.create_log(c, name, org.n)
        log.append_acts(c, "acts", "init", [{}, {}], START)
        log.append_acts(c, "acts", "tick", [{"n": n} for n in range(10)], START)
    yield made
    made.dispose()


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
    assert {(one.number, one.code, str(one.why)) for one in asides(db)} == {
        (start + 1 + n, "bad", f"Tick {n} is bad.") for n in bad
    }
    assert position(db) == start + 10


def test_it_names_no_insides_of_an_unexpected_fault(db: Engine, start: int) -> None:
    def fail(_batch: Sequence[Entry]) -> None:
        raise KeyError("/home/secret")

    run_dry(db, Follower(NAME, "acts", outside=fail))

    assert {str(one.why) for one in asides(db)} == {"Unexpected KeyError: see the log."}


@pytest.mark.parametrize(
    "fault",
    [
        Missing("index-missing", "The index is missing."),
        OSError(28, "No space left on device"),
        OperationalError("SELECT", {}, Exception("database is locked")),
        PoolEmpty("QueuePool limit reached"),
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
WORK = """
import sys, threading
from cert import follow
from cert.store.engine import open_db
def turn():
    print("works", flush=True)
    return threading.Event().wait(0.1)
print("started", flush=True)
follow.run(open_db(sys.argv[1]), [follow.Task("release:us", turn)], threading.Event(), follow.now_us)
"""


@contextmanager
def process(program: str, db: Engine) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process on the same database; it is killed at the end."""
    command = [sys.executable, "-c", program, db.url.render_as_string(hide_password=False)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        yield other
        other.kill()


def line(of: "subprocess.Popen[bytes]") -> bytes:
    assert of.stdout is not None
    return of.stdout.readline()


def until(done: Callable[[], object]) -> None:
    """Wait until something is so, for half a minute at most."""
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


@pytest.fixture
def elsewhere(db: Engine) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds the lock of `release:us`."""
    with process(HOLD, db) as other:
        assert line(other) == b"held\n"
        yield other


def test_it_gives_a_lock_to_one_process_and_frees_it_when_that_is_killed(
    db: Engine, elsewhere: "subprocess.Popen[bytes]"
) -> None:
    assert follow.take_lock(db, "release:us") is None
    other = follow.take_lock(db, "admit:us")
    assert other is not None
    other.close()

    elsewhere.kill()
    elsewhere.wait()

    until(lambda: is_free(db, "release:us"))


def is_free(db: Engine, name: str) -> bool:
    """Whether nobody holds a lock."""
    held = follow.take_lock(db, name)
    if held is not None:
        held.close()
    return held is not None


def says_something(process: "subprocess.Popen[bytes]", wait_s: float) -> bool:
    """Whether a process has written something that was not read, or does within so many seconds."""
    assert process.stdout is not None
    return bool(select([process.stdout], [], [], wait_s)[0])


def test_it_gives_a_lock_to_one_thread_and_frees_it_when_it_is_closed(db: Engine) -> None:
    with_it = follow.take_lock(db, "release:us")
    assert with_it is not None
    with with_it:
        assert with_it.is_held()
        assert follow.take_lock(db, "release:us") is None

    until(lambda: is_free(db, "release:us"))


def test_it_lets_a_second_worker_take_over_when_the_first_is_killed(db: Engine) -> None:
    with process(WORK, db) as first, process(WORK, db) as second:
        assert (line(first), line(second)) == (b"started\n", b"started\n")
        while not says_something(first, 1) and not says_something(second, 1):
            pass
        working, waiting = (first, second) if says_something(first, 0) else (second, first)
        for _ in range(5):
            assert line(working) == b"works\n"
        assert not says_something(waiting, 0)

        working.kill()
        assert line(waiting) == b"works\n"


def test_it_waits_for_the_lock_and_stops_when_told(
    db: Engine, elsewhere: "subprocess.Popen[bytes]", caplog: pytest.LogCaptureFixture
) -> None:
    """A second worker beside the first does nothing, and ends as soon as it is asked to."""
    turned: list[int] = []
    stop = threading.Event()

    def turn() -> bool:
        turned.append(1)
        return True

    task = Task("release:us", turn)
    worker = threading.Thread(target=follow.run, args=(db, [task], stop, Clock()))
    caplog.set_level("INFO")
    worker.start()
    until(lambda: "release:us: another process works on it; this one stands by." in caplog.text)
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

    assert [(one.ok, str(one.why)) for one in told] == [
        (False, "nothing answers there."),
        (False, "Something unexpected, ValueError: odd: see the log."),
        (True, ""),
    ]


def far_off(wait_s: float) -> PeerUnreachable:
    """A fault of which the other side says for how long it will last."""
    fault = PeerUnreachable("it is busy.")
    fault.wait_s = wait_s
    return fault


@pytest.mark.parametrize(
    ("fault", "after_s"),
    [(PeerUnreachable("nothing answers there."), 0.01), (far_off(60), 60), (far_off(0.004), 0.004)],
)
def test_it_says_when_a_task_that_failed_is_tried_again(
    db: Engine, monkeypatch: pytest.MonkeyPatch, fault: PeerUnreachable, after_s: float
) -> None:
    """Where the other side says how long it will last, no sooner; but the process looks round meanwhile."""
    monkeypatch.setattr(follow, "RETRY_S", (0.01,))
    stop = threading.Event()
    told: list[int | None] = []
    turns = iter([fault, None])

    def turn() -> bool:
        with reading(db) as c:
            told.extend(one.next_try for one in aside.all_health(c))
        if (raised := next(turns, StopIteration)) is StopIteration:
            stop.set()
        elif isinstance(raised, PeerUnreachable):
            raise raised
        return False

    follow.run(db, [Task("pull:us", turn)], stop, Clock())

    assert told == [START + round(after_s * 1_000_000), None]


def test_it_forgets_the_fault_of_an_earlier_process_once_the_task_works(db: Engine) -> None:
    with writing(db) as c:
        aside.report(c, "pull:us", ok=False, why=Phrase("nothing answers there."), now=1)
    stop = threading.Event()
    turns = iter([False, False])

    def turn() -> bool:
        if next(turns, None) is None:
            stop.set()
        return False

    follow.run(db, [Task("pull:us", turn, every_s=0.01)], stop, Clock())

    with reading(db) as c:
        assert [(one.ok, str(one.why)) for one in aside.all_health(c)] == [(True, "")]


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


def test_it_survives_a_database_that_cannot_note_its_health(db: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may end a thread of the worker: not even the report of a fault."""
    monkeypatch.setattr(follow, "RETRY_S", (0.01,))
    stop = threading.Event()
    turned: list[int] = []
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 1)
    monkeypatch.setitem(postgres.SESSION, "lock_timeout", "1ms")
    locked = open_db(db.url.render_as_string(hide_password=False))

    def turn() -> bool:
        turned.append(1)
        if len(turned) == 3:
            stop.set()
        raise OSError("disk")

    with writing(db):
        follow.run(locked, [Task("search", turn)], stop, Clock())
    locked.dispose()

    assert len(turned) == 3


# --- a server that goes and comes --------------------------------------------------------------------------------
@pytest.fixture
def far(postgres_url: str) -> Iterator[Engine]:
    """A database on a server, with a log `acts` of 300 entries."""
    made = open_db(postgres_url)
    with writing(made) as c:
        metadata.create_all(c)
        org = people.add_organisation(
            c, name="CERT", kind="cert", nation="mx", identity_id="i", default_handling="amber", ours=True
        )
        for name in ("record", "acts"):
            log.create_log(c, name, org.n)
        log.append_acts(c, "acts", "tick", [{"n": n} for n in range(300)], START)
    yield made
    made.dispose()


def note(c: Connection, batch: Sequence[Entry], now: int) -> None:
    """An effect that shows when it happens twice."""
    log.append_acts(c, "record", "effect", [{"n": n} for n in ticks(batch)], now)


def effects(db: Engine) -> list[int]:
    with reading(db) as c:
        return ticks(log.after(c, "record", 0, 1_000))


def test_it_stops_when_its_lock_is_lost_until_it_has_it_again(
    far: Engine,
    postgres_url: str,
    postgres_server: Door,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server has ended the connection, and given the lock to another process that waited for it."""
    monkeypatch.setattr(follow, "LOCK_S", 0)
    turned: list[int] = []
    stop = threading.Event()

    def turn() -> bool:
        turned.append(1)
        return False

    task = Task("release:us", turn)
    worker = threading.Thread(target=follow.run, args=(far, [task], stop, Clock()))
    worker.start()
    until(lambda: turned)
    key = f"{postgres.NAMED}, {postgres.lock_key('release:us')}"
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    locks = f"FROM pg_locks WHERE locktype = 'advisory' AND classid = {postgres.NAMED} AND {here}"
    at = str(far.url.database)
    with psycopg.connect(postgres_url, autocommit=True) as rival:
        taking = threading.Thread(target=rival.execute, args=(f"SELECT pg_advisory_lock({key})",))
        taking.start()
        until(lambda: "f" in postgres_server.run(f"SELECT granted {locks}", at).splitlines())
        postgres_server.run(f"SELECT pg_terminate_backend(pid) {locks} AND granted", at)
        taking.join(30)
        until(lambda: "its lock is lost" in caplog.text)
        before = len(turned)
        assert follow.take_lock(far, "release:us") is None
        assert len(turned) == before

    until(lambda: len(turned) > before)
    stop.set()
    worker.join(30)


def test_it_does_each_entry_once_while_its_connections_are_ended(
    far: Engine, postgres_server: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "RETRY_S", (0.01,))
    follower = Follower(NAME, "acts", inside=note, batch=3)
    stop = threading.Event()
    task = Task(NAME, lambda: follow.turn(far, follower, Clock()))
    worker = threading.Thread(target=follow.run, args=(far, [task], stop, Clock()))
    worker.start()
    for so_far in range(0, 300, 30):
        until(lambda: position_of(far) >= so_far)  # noqa: B023 it is asked at once
        end_connections(postgres_server, far)
    until(lambda: position_of(far) == 300)
    stop.set()
    worker.join(30)

    assert effects(far) == list(range(300))
    assert asides(far) == []


def test_it_goes_on_when_a_server_that_was_killed_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follow, "RETRY_S", (0.01,))
    stop = threading.Event()
    with own_server(tmp_path / "server") as server:
        db = open_db(server.fresh_database())
        with writing(db) as c:
            metadata.create_all(c)
        turned: list[int] = []

        def turn() -> bool:
            with reading(db) as c:
                turned.append(log.cursor(c, NAME))
            return False

        worker = threading.Thread(target=follow.run, args=(db, [Task(NAME, turn)], stop, Clock()))
        worker.start()
        until(lambda: turned)
        server.kill()
        until(lambda: "could not ask for its lock" in caplog.text)
        server.start()
        before = len(turned)
        until(lambda: len(turned) > before)
        until(lambda: health(db) == [(NAME, True)])
        stop.set()
        worker.join(30)
        db.dispose()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def health(db: Engine) -> list[tuple[str, bool]]:
    with reading(db) as c:
        return [(one.name, one.ok) for one in aside.all_health(c)]


@contextmanager
def own_server(folder: Path) -> Iterator[Server]:
    """A server that may be killed."""
    with ExitStack() as started:
        try:
            yield started.enter_context(running(folder))
        except NotInstalled as lacking:
            pytest.skip(str(lacking))


def position_of(db: Engine) -> int:
    """How far the follower is; 0 where that cannot be asked just now."""
    try:
        return position(db)
    except OperationalError:
        return 0


def test_it_does_nothing_twice_when_the_answer_to_a_commit_is_lost(far: Engine, postgres_url: str) -> None:
    """It was committed, and nobody was told: the cursor says so when the same is tried again."""
    follower = Follower(NAME, "acts", inside=note, batch=100)
    with Relay(postgres_url) as relay:
        through = open_db(relay.url)
        for _ in range(2):
            relay.lose_answer_to(b"COMMIT\0")
            with pytest.raises(OperationalError):
                follow.turn(through, follower, Clock())
        run_dry(through, follower)
        through.dispose()

    assert relay.lost == 2
    assert effects(far) == list(range(300))
    assert asides(far) == []
