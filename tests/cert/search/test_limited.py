"""What is found while the index cannot be asked: the newest objects, and what is named exactly."""

import pytest

from cert import sight
from cert.search import limited
from cert.search.limited import Recent
from cert.search.query import parse
from cert.store.engine import reading
from tests.cast import Node, address, incident, made_id, marked

GREEN = {"object_marking_refs": marked("green")}


def found(mx: Node, text: str, login: str = "luis") -> list[str]:
    """The ids of what a search finds, newest first."""
    with reading(mx.db) as c:
        page = Recent(c).search(parse(text), mx.viewer(login).labels, 99)
        lines = [hit.line for hit in page.hits]
        entries = {entry.line: entry for entry in sight.visible(c, mx.viewer(login), mx.everything())}
    assert page.count == len(lines)
    return [entries[line].id for line in lines]


def test_it_finds_what_is_not_indexed(mx: Node) -> None:
    mx.say(incident(1, name="Puerto caído", **GREEN))

    assert found(mx, "puertos") == [made_id("incident", 1)]


def test_it_shows_nobody_what_he_may_not_see(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("red")))

    assert found(mx, "type:incident") == []
    assert found(mx, "type:incident", "ana") == [made_id("incident", 1)]


def test_it_leaves_out_what_was_withdrawn(mx: Node) -> None:
    mx.say(incident(1, revoked=True, **GREEN))

    assert found(mx, "type:incident") == []


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two objects are many: the rest is as it is with a thousand."""
    monkeypatch.setattr(limited, "MOST", 2)


@pytest.mark.usefixtures("few")
def test_it_looks_through_the_newest_only(mx: Node) -> None:
    mx.say(*(incident(n, **GREEN) for n in range(5)))

    assert set(found(mx, "")) == {made_id("incident", 3), made_id("incident", 4)}


@pytest.mark.usefixtures("few")
def test_it_looks_for_the_newest_of_the_type_that_is_asked_for(mx: Node) -> None:
    mx.say(incident(1, **GREEN), *(address(f"203.0.113.{n}", **GREEN) for n in range(5)))

    assert found(mx, "type:incident") == [made_id("incident", 1)]


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("asked", ["198.51.100.7", "198[.]51.100.7", address("198.51.100.7")["id"]])
def test_it_finds_by_value_and_by_id_however_old_that_is(mx: Node, asked: str) -> None:
    mx.say(address("198.51.100.7", **GREEN), *(incident(n, **GREEN) for n in range(5)))

    assert found(mx, asked) == [address("198.51.100.7")["id"]]
