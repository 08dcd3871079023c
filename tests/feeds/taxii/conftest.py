"""The cast: an agency that posts, one that only reads, one that only writes, a stranger, and the peer."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import feeds.store  # noqa: F401 its tables stand on the same MetaData
from cert.store import log, people, roots, signin
from cert.store.engine import Connection, Engine, open_db, writing
from cert.store.tables import metadata
from tests.feeds.stores import SQLITE
from tests.feeds.taxii.node import (
    BENCH,
    ELSEWHERE,
    HIDDEN,
    OTHER,
    SECRET,
    START,
    TO_US,
    Clock,
    House,
    Node,
    closing,
    house,
)
from tests.servers.postgres import Door

Start = Callable[..., Node]
PORTS = 12


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The gunicorn that serves all tests of this process."""
    with house(tmp_path_factory.mktemp("street"), PORTS) as made:
        yield made


@pytest.fixture(scope="session")
def sqlite_cast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the cast in it, to be copied."""
    path = tmp_path_factory.mktemp("cast") / "node.db"
    _fill(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_cast(postgres_server: Door) -> Iterator[str]:
    """The name of a database with the cast in it, to be copied."""
    url = postgres_server.fresh_database()
    _fill(url)
    yield url.rpartition("/")[2]
    postgres_server.drop(url)


@pytest.fixture
def db(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The database of a node with the cast, on one store after the other."""
    if store == SQLITE:
        shutil.copy(request.getfixturevalue("sqlite_cast"), tmp_path / "node.db")
        engine = open_db(f"sqlite:///{tmp_path / 'node.db'}")
        yield engine
        engine.dispose()
        return
    door, cast = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_cast")
    url = door.copy(cast, f"t{secrets.token_hex(6)}")
    engine = open_db(url)
    yield engine
    engine.dispose()
    door.drop(url)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """The clock of the node."""
    made = Clock(tmp_path / "clock")
    made.now = START
    return made


@pytest.fixture
def start(db: Engine, clock: Clock, street: House) -> Iterator[Start]:
    """Start the server with other settings than the usual; a second time is as good as a restart."""
    nodes: list[Node] = []

    def started(**settings: object) -> Node:
        nodes.append(Node(f"http://127.0.0.1:{street.serve(db, clock, settings)}", db, clock))
        return nodes[-1]

    yield started
    for node in nodes:
        with closing(node):
            street.free.append(int(node.url.rpartition(":")[2]))


@pytest.fixture
def node(start: Start) -> Node:
    return start()


def _fill(url: str) -> None:
    engine = open_db(url)
    with writing(engine) as c:
        metadata.create_all(c)
        _cast(c)
    engine.dispose()


def _cast(c: Connection) -> None:
    cert = _organisation(c, "CERT", "cert", 1)
    log.create_log(c, "acts", cert)
    customs = _organisation(c, "Customs", "agency", 2)
    peer = _organisation(c, "Their CERT", "peer", 3)
    for account, org in (("customs", customs), ("reader", cert), ("writer", customs), ("stranger", cert), ("us", peer)):
        signin.add_account(c, account, org, SECRET)
    roots.add_root(c, OTHER, "Federal agencies", START)
    for n, (collection, log_name, org, root) in enumerate(
        (
            (BENCH, "bench:customs", customs, signin.ROOT),
            (HIDDEN, "bench:hidden", cert, signin.ROOT),
            (TO_US, "to:us", cert, signin.ROOT),
            (ELSEWHERE, "bench:elsewhere", customs, OTHER),
        )
    ):
        log.create_log(c, log_name, org)
        alias, title = log_name.replace(":", "-"), log_name.title()
        signin.add_collection(c, id=collection, alias=alias, title=title, log=log_name, now=START + n, root=root)
    signin.grant(c, "customs", "bench-customs", can_read=True, can_write=True)
    signin.grant(c, "customs", "bench-elsewhere", can_read=True, can_write=True)
    signin.grant(c, "reader", "bench-customs", can_read=True, can_write=False)
    signin.grant(c, "writer", "bench-customs", can_read=False, can_write=True)
    signin.grant(c, "us", "to-us", can_read=True, can_write=True)
    signin.grant(c, "reader", "bench-hidden", can_read=True, can_write=True)


def _organisation(c: Connection, name: str, kind: str, n: int) -> int:
    identity = f"identity--00000000-0000-4000-8000-{n:012}"
    org = people.add_organisation(
        c, name=name, kind=kind, nation="mx", identity_id=identity, default_handling="green", ours=kind != "peer"
    )
    return org.n
