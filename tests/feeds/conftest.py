"""A peer's server that says what it is told, and our line to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.cast import US
from feeds.line import Address, Line
from tests.feeds import border
from tests.feeds.border import Both
from tests.feeds.scripted import Script, serving


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
