"""The engines that the contract of the store is held against, and an empty database on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cert.store.engine import Connection, Engine, open_db, writing
from tests.cert.store.statements import fill, person

ENGINES = ("sqlite", "postgres")


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that is empty, or not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'node.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(url: str) -> Iterator[Engine]:
    """A database with two organisations, the record, the acts, a workbench and the logs of a peer, all empty."""
    db = open_db(url)
    fill(db)
    yield db
    db.dispose()


@pytest.fixture
def c(store: Engine) -> Iterator[Connection]:
    """A write transaction on it."""
    with writing(store) as connection:
        yield connection


@pytest.fixture
def ana(c: Connection) -> int:
    """The number of a person in it."""
    return person(c, "ana")
