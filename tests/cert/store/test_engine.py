"""The database itself, on either engine: what is durable, who waits for whom, what a reader sees."""

import fcntl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, inspect, select, text

from cert.errors import Missing
from cert.store import postgres
from cert.store.engine import (
    Engine,
    OperationalError,
    address,
    among,
    database_file,
    demand_server,
    insert_new,
    insert_rows,
    open_db,
    reading,
    writing,
)
from cert.store.tables import cursors, entries, ids
from tests.cast import indicator
from tests.cert.store.statements import put, read, said
from tests.servers.postgres import Door

FULL: dict[str, dict[str, object]] = {
    "sqlite": {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": 2, "PRAGMA foreign_keys": 1},
    "postgresql": {"SHOW synchronous_commit": "on", "SHOW transaction_isolation": "repeatable read"},
}


@contextmanager
def holding_the_turn(db: Engine) -> Iterator[None]:
    """A bulk writer that has its turn and has not begun to write."""
    if db.dialect.name == "sqlite":
        with Path(f"{database_file(db)}.bulk").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield
        return
    with db.connect() as c:
        c.execute(text(f"SELECT pg_advisory_xact_lock({postgres.WRITERS}, {postgres.ONE_BULK_WRITER})"))
        yield


def refusal(url: str, password: str = "") -> str:
    """What is said of the server at this address."""
    db = open_db(url, password=password)
    with pytest.raises(Missing) as told:
        demand_server(db)
    db.dispose()
    return str(told.value)


# --- opening -----------------------------------------------------------------------------------------------------
def test_it_names_the_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="puente init"):
        open_db(f"sqlite:///{tmp_path / 'gone' / 'node.db'}")


def test_it_refuses_an_engine_it_does_not_run_on() -> None:
    with pytest.raises(Missing, match="not one Puente runs on"):
        open_db("mysql://user:hidden@host/puente")


def test_it_shows_no_password_of_a_database() -> None:
    with pytest.raises(Missing) as told:
        open_db("mysql://user:hidden@host/puente")
    db = open_db("postgresql://user@127.0.0.1:1/puente", password="hidden")
    with pytest.raises(Missing) as away:
        demand_server(db)

    for shown in (told.value, away.value, away.value.__cause__, db, db.url):
        assert "hidden" not in f"{shown} {shown!r}"
    assert address(db) == "postgresql://user@127.0.0.1:1/puente"


def test_it_names_the_driver_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(Missing, match=r"pip install 'puente\[postgres\]'"):
        open_db("postgresql://user@host/puente")


def test_it_says_that_a_server_does_not_answer() -> None:
    said = refusal("postgresql://user@127.0.0.1:1/puente")

    assert said.startswith("The database puente at 127.0.0.1 does not answer: ")
    assert "refused" in said
    assert said.endswith("are right.")


def test_it_says_that_a_password_is_wrong(postgres_url: str) -> None:
    said = refusal(postgres_url, password="wrong")

    assert "password authentication failed" in said
    assert "`database_password_file`" in said


def test_it_refuses_a_server_that_is_too_old(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "OLDEST", 99)

    assert "but Puente needs 99 or newer. Upgrade it" in refusal(postgres_url)


def test_it_refuses_a_database_that_cannot_hold_every_language(postgres_server: Door) -> None:
    name = "t_latin1"
    postgres_server.run(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' OWNER puente"
    )
    try:
        assert "in LATIN1, which cannot hold every language" in refusal(postgres_server.url(name))
    finally:
        postgres_server.drop(postgres_server.url(name))


# --- transactions ------------------------------------------------------------------------------------------------
def test_it_writes_so_that_a_commit_survives_the_machine(store: Engine) -> None:
    wanted = FULL[store.dialect.name]
    with reading(store) as c:
        asked = {name: c.execute(text(name)).scalar() for name in wanted}

    assert asked == wanted


def test_it_shows_one_state_to_a_reader_while_others_write(store: Engine) -> None:
    with reading(store) as c:
        before = c.execute(text("SELECT count(*) FROM entries")).scalar_one()
        put(store, said(indicator(1)))
        assert c.execute(text("SELECT count(*) FROM entries")).scalar_one() == before

    assert len(read(store)) == before + 1


def test_it_lets_a_small_write_pass_while_bulk_writers_take_turns(store: Engine) -> None:
    """A bulk writer that waits for its turn holds no lock that a filing would have to wait for."""

    def in_bulk() -> None:
        with writing(store, bulk=True):
            pass

    with ThreadPoolExecutor() as pool:
        with holding_the_turn(store):
            waiting = pool.submit(in_bulk)
            assert put(store, said(indicator(1)))[0].outcome == "stored"
            assert not waiting.done()
        waiting.result()


def test_it_never_upgrades_a_reader_to_a_writer(store: Engine) -> None:
    """A read transaction that began before another's commit must not write on top of what it has not seen."""
    with reading(store) as c:
        c.execute(text("SELECT count(*) FROM entries"))
        put(store, said(indicator(1)))
        with pytest.raises(OperationalError):
            c.execute(text("DELETE FROM entries"))


def test_it_takes_the_write_lock_from_a_machine_that_hangs(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server it may be another machine, which nobody here can kill."""
    monkeypatch.setitem(postgres.SESSION, "idle_in_transaction_session_timeout", "100ms")
    hanging, other = open_db(postgres_url), open_db(postgres_url)

    with pytest.raises(OperationalError), writing(hanging) as late:  # noqa: PT012 it is the commit that fails
        late.execute(text("CREATE TABLE late (n int)"))
        with writing(other) as c:
            c.execute(text("CREATE TABLE written (n int)"))

    with reading(other) as c:
        assert inspect(c).get_table_names() == ["written"]
    for db in (hanging, other):
        db.dispose()


# --- values and rows ---------------------------------------------------------------------------------------------
def test_it_asks_for_any_number_of_values_at_once(store: Engine) -> None:
    with writing(store) as c:
        insert_rows(c, ids, [(n, f"tool--{n}") for n in range(1, 10)])
        texts = select(ids.c.n).where(among(ids.c.stix_id, (f"tool--{n}" for n in range(5, 100_000))))
        numbers = select(ids.c.n).where(among(ids.c.n, range(-(2**62), -(2**62) + 9)) | among(ids.c.n, {3}))
        later = select(ids.c.n).where(among(ids.c.n, "wanted"), ids.c.n > bindparam("least"))

        assert sorted(c.execute(texts).scalars()) == [5, 6, 7, 8, 9]
        assert list(c.execute(numbers).scalars()) == [3]
        assert list(c.execute(later, {"wanted": [2, 8], "least": 2}).scalars()) == [8]
        assert list(c.execute(later, {"wanted": [], "least": 0}).scalars()) == []


def test_it_leaves_rows_alone_that_are_there(store: Engine) -> None:
    with writing(store) as c:
        insert_rows(c, ids, [(1, "tool--1"), (2, "tool--2")])
        insert_rows(c, ids, [(2, "tool--2"), (3, "tool--3"), (1, "tool--1")], new_only=True)
        insert_new(c, cursors, [{"name": "one", "position": 1}])
        insert_new(c, cursors, [{"name": "one", "position": 2}, {"name": "two", "position": 2}])

        assert c.execute(select(func.count()).select_from(ids)).scalar_one() == 3
        assert dict(c.execute(select(cursors)).all()) == {"one": 1, "two": 2}


def test_it_keeps_every_text_and_sorts_by_its_bytes(store: Engine) -> None:
    """The database of the tests sorts in Spanish; a range of ids must be the same on every engine."""
    texts = ["A", "B", "Z", "a", "b", "z", "Ñandú", "ñandú", "\u2028", "🦤", "a-b", "a--b", "a.", "a b", "\x7f"]
    with writing(store) as c:
        insert_rows(c, ids, [(n, one) for n, one in enumerate(texts)])
        ordered = list(c.execute(select(ids.c.stix_id).order_by(ids.c.stix_id)).scalars())
        between = list(c.execute(select(ids.c.stix_id).where(ids.c.stix_id > "a-", ids.c.stix_id < "a-.")).scalars())

    assert ordered == sorted(texts)
    assert between == ["a--b"]


def test_it_finds_nothing_for_a_text_that_it_could_not_keep(store: Engine) -> None:
    """U+0000 comes from whoever types it into an address or a form: it is no fault of the database."""
    with writing(store) as c:
        assert c.execute(select(ids.c.n).where(ids.c.stix_id == "tool\0")).all() == []
        assert c.execute(select(ids.c.n).where(among(ids.c.stix_id, ["tool\0"]))).all() == []
        assert c.execute(select(entries.c.number).where(entries.c.kind.in_(["\0", "a"]))).all() == []
