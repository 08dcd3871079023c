"""A peer's server that says what it is told, our line to it, and a node that it may lie to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.cast import US
from feeds import connection
from feeds.line import Address, Line
from tests.cast import Node, indicator
from tests.feeds import border
from tests.feeds.border import Both
from tests.feeds.hostile import FIRST, Victim
from tests.feeds.scripted import Giver, Script, serving


@pytest.fixture(scope="session")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two nodes that know each other, made once; tests copy it."""
    folder = tmp_path_factory.mktemp("border") / "made"
    border.make(folder)
    return folder


@pytest.fixture
def both(two_nodes: Path, tmp_path: Path) -> Iterator[Both]:
    """Two nations with their TAXII servers up, in step; the test turns their borders."""
    with border.both(two_nodes, tmp_path / "both") as two:
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
    with Line(Address(US.name, f"{us.url}/taxii2/", "mx", "s" * 40), "to-mx") as made:
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
