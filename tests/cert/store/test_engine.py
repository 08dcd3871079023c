"""The database itself: what is durable, who waits for whom."""

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import text

from cert.errors import Missing
from cert.store.engine import Engine, OperationalError, open_db, reading, writing
from tests.cast import indicator
from tests.cert.store.statements import put, read, said


def test_it_names_the_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="puente init"):
        open_db(f"sqlite:///{tmp_path / 'gone' / 'node.db'}")


def test_it_refuses_an_engine_it_does_not_run_on() -> None:
    with pytest.raises(Missing, match="not one Puente runs on"):
        open_db("mysql://user:hidden@host/puente")


def test_it_shows_no_password_of_a_database(tmp_path: Path) -> None:
    with pytest.raises(Missing) as told:
        open_db("mysql://user:hidden@host/puente")

    assert "hidden" not in str(told.value)


def test_it_writes_so_that_a_commit_survives_the_machine(store: Engine) -> None:
    with reading(store) as c:
        asked = {
            name: c.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_it_shows_one_state_to_a_reader_while_others_write(store: Engine) -> None:
    with reading(store) as c:
        before = c.execute(text("SELECT count(*) FROM entries")).scalar_one()
        put(store, said(indicator(1)))
        assert c.execute(text("SELECT count(*) FROM entries")).scalar_one() == before

    assert len(read(store)) == before + 1


def test_it_lets_a_small_write_pass_while_bulk_writers_take_turns(store: Engine) -> None:
    """A bulk writer that waits for its turn holds no lock that a filing would have to wait for."""
    inside, leave = Event(), Event()

    def first() -> None:
        with writing(store, bulk=True):
            pass
        with (Path(f"{store.url.database}.bulk")).open("a"):
            pass

    def holds_the_turn() -> None:
        with Path(f"{store.url.database}.bulk").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            inside.set()
            assert leave.wait(30)

    first()
    with ThreadPoolExecutor() as pool:
        holder = pool.submit(holds_the_turn)
        assert inside.wait(30)
        waiting = pool.submit(first)
        assert put(store, said(indicator(1)))[0].outcome == "stored"
        assert not waiting.done()
        leave.set()
        holder.result()
        waiting.result()


def test_it_never_upgrades_a_reader_to_a_writer(store: Engine) -> None:
    """A read transaction that began before another's commit must not write on top of what it has not seen."""
    with reading(store) as c:
        c.execute(text("SELECT count(*) FROM entries"))
        put(store, said(indicator(1)))
        with pytest.raises(OperationalError):
            c.execute(text("DELETE FROM entries"))
