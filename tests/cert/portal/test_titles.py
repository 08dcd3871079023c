"""Names on a page: in the reader's language, and nothing in them opens."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask_babel import force_locale

from cert.portal import titles
from cert.store.engine import reading
from tests.cast import START, Node, address, incident, indicator, made_id, marked, relationship

ADDRESS = address("203.0.113.7", object_marking_refs=marked("green"))


@pytest.fixture
def page(app: Flask) -> Iterator[None]:
    with app.test_request_context(), force_locale("es"):
        yield


def named(mx: Node, stix_id: str) -> str:
    with reading(mx.db) as c:
        return titles.shown(c, mx.viewer("luis"), mx.newest(stix_id))[stix_id]


@pytest.mark.usefixtures("page")
def test_it_names_a_relationship_by_its_ends_in_words(mx: Node) -> None:
    green = {"object_marking_refs": marked("green")}
    mx.say(
        incident(1, **green),
        indicator(1, name="203.0.113.7", **green),
        relationship(1, "indicates", made_id("indicator", 1), made_id("incident", 1), **green),
    )

    assert named(mx, made_id("relationship", 1)) == "203[.]0[.]113[.]7 → indica → Suceso 1"


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("end", [made_id("incident", 7), made_id("incident", 8)], ids=["hidden", "absent"])
def test_it_names_an_end_that_is_hidden_as_one_that_is_not_there(mx: Node, end: str) -> None:
    """L3."""
    mx.say(incident(7, name="Secreto", object_marking_refs=marked("red")))
    mx.say(
        indicator(1),
        relationship(1, "x-custom-verb", made_id("indicator", 1), end, object_marking_refs=marked("green")),
    )

    assert named(mx, made_id("relationship", 1)) == f"Señal 1 → x-custom-verb → {end}"


@pytest.mark.usefixtures("page")
def test_it_names_an_observation_by_what_was_seen(mx: Node) -> None:
    seen = indicator(
        1,
        START,
        type="observed-data",
        id=made_id("observed-data", 1),
        name=None,
        pattern=None,
        pattern_type=None,
        valid_from=None,
        first_observed="2026-05-04T09:00:00Z",
        last_observed="2026-05-04T09:00:00Z",
        number_observed=1,
        object_refs=[ADDRESS["id"]],
        object_marking_refs=marked("green"),
    )
    mx.say(ADDRESS, seen)

    assert named(mx, seen["id"]) == "203[.]0[.]113[.]7"
    assert [titles.alone(e) for e in mx.newest(seen["id"])] == ["un valor visto"]
