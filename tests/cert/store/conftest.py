"""The engines that the contract of the store is held against, and an empty database on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cert.store import log, people
from cert.store.engine import Connection, Engine, open_db, writing
from cert.store.tables import metadata
from tests.cert.store.statements import CERT, CUSTOMS, LOGS, person

ENGINES = ("sqlite",)
"""A second engine is one more word here and one more case in `url`."""


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that is not there yet."""
    return {"sqlite": f"sqlite:///{tmp_path / 'node.db'}"}[request.param]


@pytest.fixture
def store(url: str) -> Iterator[Engine]:
    """A database with two organisations, the record, the acts, a workbench and the logs of a peer, all empty."""
    db = open_db(url)
    metadata.create_all(db)
    with writing(db) as c:
        for n, name in ((CERT, "CERT"), (CUSTOMS, "Customs")):
            identity = f"identity--00000000-0000-4000-8000-{n:012}"
            made = people.add_organisation(
                c, name=name, kind="cert", nation="mx", identity_id=identity, default_handling="amber", ours=True
            )
            assert made.n == n
        for log_name in LOGS:
            log.create_log(c, log_name, CERT)
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
