"""Whose fault a fault of PostgreSQL is: the surroundings are tried again, what was said is to blame for the rest."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from cert.store.engine import Engine, OperationalError, open_db, reading, writing
from tests.cert.store.trouble import end_connections
from tests.servers.postgres import Door

SURROUNDINGS = {
    "connection failure": "08006",
    "feature, such as a plan of before a migration": "0A000",
    "read only after a failover": "25006",
    "idle for too long": "25P03",
    "authorisation": "28000",
    "serialization": "40001",
    "deadlock": "40P01",
    "no right": "42501",
    "no table": "42P01",
    "disk full": "53100",
    "out of memory": "53200",
    "too many connections": "53300",
    "lock not available": "55P03",
    "shutting down": "57P01",
    "crashed": "57P02",
    "starting up": "57P03",
    "system error": "58000",
    "damaged file": "XX001",
}
SAID = {"22003": DataError, "22021": DataError, "23505": IntegrityError, "42601": ProgrammingError, "54000": DataError}


@pytest.fixture
def db(postgres_url: str) -> Iterator[Engine]:
    made = open_db(postgres_url)
    yield made
    made.dispose()


def fail(db: Engine, state: str) -> None:
    """Let the server itself raise a fault."""
    with writing(db) as c:
        c.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'it failed' USING ERRCODE = '{state}'; END $$"))


@pytest.mark.parametrize("state", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_it_blames_the_surroundings(db: Engine, state: str) -> None:
    with pytest.raises(OperationalError, match="it failed"):
        fail(db, state)


@pytest.mark.parametrize("state", SAID)
def test_it_blames_what_was_said(db: Engine, state: str) -> None:
    with pytest.raises(DBAPIError, match="it failed") as told:
        fail(db, state)

    assert type(told.value) is SAID[state]


def test_it_blames_nobody_for_a_connection_that_is_gone(db: Engine, postgres_server: Door) -> None:
    """While it writes, before it commits, and between two transactions, which the second does not even notice."""
    with writing(db) as c:
        c.execute(text("SELECT 1"))
        end_connections(postgres_server, db)
        with pytest.raises(OperationalError):
            c.execute(text("SELECT 1"))
        c.get_transaction().rollback()  # type: ignore[union-attr]  # it has begun

    with pytest.raises(OperationalError), writing(db):
        end_connections(postgres_server, db)

    for _ in range(2):
        with reading(db) as c:
            assert c.execute(text("SELECT 1")).scalar_one() == 1
        end_connections(postgres_server, db)


def test_it_lets_go_of_a_connection_that_takes_no_writes_any_more(db: Engine) -> None:
    """After a failover the old one still answers; only another connection can lead to the new one."""
    with reading(db) as c:
        before = c.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with pytest.raises(OperationalError):
        fail(db, "25006")
    with reading(db) as c:
        assert c.execute(text("SELECT pg_backend_pid()")).scalar_one() != before


def test_it_puts_no_value_into_what_it_says(db: Engine) -> None:
    """What is written may be a secret, and what is said goes to a log and to a page."""
    with pytest.raises(DBAPIError) as told, writing(db) as c:
        c.execute(text("SELECT CAST(:value AS int)"), {"value": "hidden"})

    assert "[parameters" not in str(told.value)
