"""A peer's server that says what it is told, our line to it, and a node that it may lie to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.cast import NATIONS, US
from feeds import connection
from feeds.line import Address, Line
from tests import cast
from tests.cast import Node, indicator
from tests.feeds import border
from tests.feeds.border import Both
from tests.feeds.hostile import FIRST, Victim
from tests.feeds.scripted import Giver, Script, serving
from tests.feeds.stores import SQLITE, STORES, Stock
from tests.servers.postgres import Door


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The TAXII server is held on both stores, and so is all else that stands for a row of its conformance."""
    names = metafunc.fixturenames
    if "store" in names and ("db" in names or metafunc.definition.get_closest_marker("row")):
        metafunc.parametrize("store", STORES, indirect=True)


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest) -> str:
    """The store that the nodes of a test stand on."""
    return getattr(request, "param", SQLITE)


@pytest.fixture(scope="session")
def mx_on_postgres(postgres_server: Door, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    """The node of the cast on PostgreSQL, made once; tests copy it."""
    made = Stock(tmp_path_factory.mktemp("server") / "pristine", postgres_server)
    cast.make(made.folder, made.told())
    yield made
    made.drop()


@pytest.fixture
def mx(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    """A node of the cast, fresh for each test."""
    on_sqlite = store == SQLITE
    made = Stock(request.getfixturevalue("pristine")) if on_sqlite else request.getfixturevalue("mx_on_postgres")
    with made.copied(tmp_path), cast.at(tmp_path) as node:
        yield node


@pytest.fixture(scope="session")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two nodes that know each other, made once; tests copy it."""
    folder = tmp_path_factory.mktemp("border") / "made"
    border.make(folder)
    return folder


@pytest.fixture(scope="session")
def two_nodes_on_postgres(postgres_server: Door, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    """The same on PostgreSQL."""
    made = Stock(tmp_path_factory.mktemp("server") / "made", postgres_server)
    border.make(made.folder, {nation: made.told() for nation in NATIONS})
    yield made
    made.drop()


@pytest.fixture
def both(store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    """Two nations with their TAXII servers up, in step; the test turns their borders."""
    on_sqlite = store == SQLITE
    made = (
        Stock(request.getfixturevalue("two_nodes")) if on_sqlite else request.getfixturevalue("two_nodes_on_postgres")
    )
    with made.copied(tmp_path / "both") as folder, border.at(folder) as two:
        two.settle()
        yield two


@pytest.fixture
def us() -> Iterator[Script]:
    """The server of the peer."""
    with serving() as script:
        yield script


@pytest.fixture
def line(us: Script) -> Iterator[Line]:
    """Our line to it."""
    with Line(Address(US.name, f"{us.url}/taxii2/", "mx", lambda: "s" * 40), "to-mx") as made:
        yield made


@pytest.fixture
def victim(mx: Node, us: Script, line: Line, monkeypatch: pytest.MonkeyPatch) -> Victim:
    """The node, which has taken a first batch from the peer."""
    monkeypatch.setattr(connection, "BACKOFF_S", (0.0, 0.0))
    us.giver.known_to(mx)
    us.giver.give(indicator(1))
    made = Victim(mx, us, line)
    made.attempt()
    assert (made.admitted(), made.fault(), made.aside()) == ({FIRST}, "", {})
    return made


@pytest.fixture
def liar() -> Giver:
    """The peer as he was after the first batch: with the same keys he can go on otherwise."""
    made = Giver()
    made.give(indicator(1))
    return made
