"""A peer's server that says what it is told, and our line to it."""

from collections.abc import Iterator

import pytest

from config.cast import US
from feeds.line import Address, Line
from tests.feeds.scripted import Script, serving


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
