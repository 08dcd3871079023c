"""Many processes on one database: numbers without gaps in the order of commits, nothing lost, nothing twice."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from cert.store.engine import Engine, OperationalError, open_db
from cert.store.log import Entry
from tests.cert.store.statements import fill, read
from tests.cert.store.writers import WRITTEN, planned, write_many
from tests.servers import postgres
from tests.servers.process import NotInstalled

WRITERS, BATCHES = 8, 12


@contextmanager
def writers(url: str) -> Iterator[list[SpawnProcess]]:
    """Eight processes that write at the same time, each its own."""
    spawn = multiprocessing.get_context("spawn")
    started = [spawn.Process(target=write_many, args=(url, n, BATCHES)) for n in range(1, WRITERS + 1)]
    try:
        for writer in started:
            writer.start()
        yield started
    finally:
        for writer in started:
            writer.kill()


class Reader:
    """Reads several logs on from a cursor each, a few entries at a time."""

    def __init__(self, db: Engine) -> None:
        self.db = db
        self.seen: dict[str, list[Entry]] = {name: [] for name in WRITTEN}

    def go_on(self) -> bool:
        """Read a little of each. Gives whether there was anything."""
        new = {name: read(self.db, name, len(seen), 50) for name, seen in self.seen.items()}
        for name, entries in new.items():
            self.seen[name] += entries
        return any(new.values())

    def beside(self, running: list[SpawnProcess], disturb: Callable[[], None] = lambda: None) -> None:
        """Read on while they write, and to the end."""
        while any(writer.is_alive() for writer in running):
            disturb()
            try:
                self.go_on()
            except OperationalError:
                continue
        for writer in running:
            writer.join()
        while self.go_on():
            pass


def demand_all(reader: Reader, running: list[SpawnProcess]) -> None:
    """Every number from 1 on, once, in order; every statement of every writer, once, where it belongs."""
    wanted: dict[str, set[str]] = {name: set() for name in WRITTEN}
    for writer in range(1, WRITERS + 1):
        for batch in planned(writer, BATCHES):
            wanted[batch.log] |= {statement.id for statement in batch.statements}
    assert [writer.exitcode for writer in running] == [0] * WRITERS
    for name, seen in reader.seen.items():
        assert [entry.number for entry in seen] == list(range(1, len(seen) + 1))
        assert sorted(entry.id for entry in seen) == sorted(wanted[name])
        assert [entry.date_added for entry in seen] == sorted({entry.date_added for entry in seen})


def test_it_shows_a_reader_everything_of_eight_writers_once_and_in_order(store: Engine, url: str) -> None:
    reader = Reader(store)
    with writers(url) as running:
        reader.beside(running)

    demand_all(reader, running)


@pytest.mark.xdist_group("store-many")
def test_it_loses_nothing_when_the_server_is_killed_while_eight_write(tmp_path: Path) -> None:
    """A commit whose answer is lost may have been one: what is written again is then a duplicate, no second entry."""
    try:
        with postgres.running(tmp_path / "server") as server:
            url = server.fresh_database()
            db = open_db(url)
            fill(db)
            reader, kills = Reader(db), iter((100, 400, 800))
            due = next(kills)

            def kill() -> None:
                nonlocal due
                if sum(map(len, reader.seen.values())) >= due:
                    due = next(kills, 1 << 60)
                    server.kill()
                    server.start()

            with writers(url) as running:
                reader.beside(running, kill)
            assert due == 1 << 60
            demand_all(reader, running)
            db.dispose()
    except NotInstalled as lacking:
        pytest.skip(str(lacking))
