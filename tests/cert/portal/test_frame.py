"""The frame of a page leads nobody where he would only be refused, and its head says who has what it shows."""

from collections.abc import Callable

import pytest

from tests.cast import Browser, Node, incident


@pytest.mark.parametrize("login", ["ana", "luis", "sofia", "raul", "elena"])
def test_it_leads_to_what_is_held_only_who_may_see_it(mx: Node, sit: Callable[..., Browser], login: str) -> None:
    person = sit(login)

    assert ('href="/held"' in person.get("/").text) == (person.get("/held").status_code == 200)


def test_it_says_who_has_an_incident_at_the_top_of_its_page(mx: Node, ana: Browser) -> None:
    mx.say(incident(1))
    (event,) = mx.newest(incident(1)["id"])
    assert "not released to anyone" in ana.get(f"/incidents/{event.id}").text

    mx.release(event)
    mx.cross()

    page = ana.get(f"/incidents/{event.id}").text
    assert "not released to anyone" not in page
    assert "can read it since" in page


def test_it_says_how_much_the_peer_has_already(mx: Node, ana: Browser) -> None:
    mx.say(incident(1))
    (event,) = mx.newest(incident(1)["id"])
    mx.release(event)
    mx.cross()
    ana.get(f"/incidents/{event.id}?part=notes")
    ana.post(f"/incidents/{event.id}/notes", note="Sigue igual.", lang="es")

    assert "it already" in ana.get(f"/incidents/{event.id}/release/us").text
