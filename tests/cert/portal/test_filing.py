"""The filing page: what is typed is kept, looked at, filed once."""

import re

import pytest

from cert import extension
from tests.cast import OTAY, Browser, Node
from tests.cast import systems as lane

DRAFT = "d" * 32
GOOD = {"title": "Lectores caídos", "handling": "amber", "lang": "es", "action": "file", "draft": DRAFT}
PASTE = "203.0.113.7\nlector[.]example"


def keys(page: str) -> list[str]:
    """What the review table found."""
    return re.findall(r'name="seen" value="([^"]+)"', page)


def filed(mx: Node) -> list[str]:
    return [entry.id for entry in mx.everything() if entry.id.startswith("incident--")]


def test_it_files_a_form_and_shows_the_incident(mx: Node, luis: Browser) -> None:
    for org, obj in lane():
        mx.say(obj, org=org)
    page = luis.post("/incidents/new", **{**GOOD, "action": "read"}, paste=PASTE).text
    found = keys(page)
    assert len(found) == 2

    form = {"paste": PASTE, "seen": found, "keep": found[:1], "systems": [OTAY["mx"]], "severity": "high"}
    answer = luis.post("/incidents/new", **GOOD, **form, rsit='rsit:availability="sabotage"', confidence="85")

    (event,) = mx.newest(*filed(mx))
    assert answer.headers["Location"] == f"/incidents/{event.id}"
    assert (extension.systems(event.obj()), extension.severity(event.obj())) == ((OTAY["mx"],), "high")
    assert len([e for e in mx.everything() if e.id.startswith(("ipv4-addr", "domain-name"))]) == 1
    assert "Lectores caídos" in luis.get(answer.headers["Location"]).text


def test_it_files_no_observable_that_nobody_has_looked_at(mx: Node, luis: Browser) -> None:
    answer = luis.post("/incidents/new", **GOOD, paste=PASTE)

    assert answer.status_code == 422
    assert filed(mx) == []
    assert len(keys(answer.text)) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"handling": ""}, "handling"),
        ({"handling": "red"}, "handling"),
        ({"occurred_from": "yesterday"}, "occurred_from"),
        ({"occurred_to": "9999-12-31T23:59"}, "occurred_to"),
        ({"systems": "infrastructure--x"}, "systems"),
    ],
)
def test_it_shows_what_is_wrong_and_keeps_what_was_typed(
    mx: Node, luis: Browser, change: dict[str, str], field: str
) -> None:
    answer = luis.post("/incidents/new", **{**GOOD, "text": "Lo que pasó.", **change})

    assert (answer.status_code, filed(mx)) == (422, [])
    assert f'href="#f-{field}"' in answer.text
    assert "Lo que pasó." in answer.text


def test_it_files_a_form_once_however_often_it_is_sent(mx: Node, luis: Browser) -> None:
    """A double click, the back button: the second one leads to the first one's incident."""
    answers = [luis.post("/incidents/new", **GOOD) for _ in range(3)]

    (event,) = filed(mx)
    assert {answer.headers["Location"] for answer in answers} == {f"/incidents/{event}"}


def test_it_keeps_a_draft_from_the_first_keystroke(mx: Node, luis: Browser) -> None:
    assert luis.post("/incidents/draft", draft=DRAFT, title="Lectores", systems=[OTAY["mx"]]).status_code == 204

    page = luis.get("/incidents/new").text
    assert 'value="Lectores"' in page
    assert f'name="draft" value="{DRAFT}"' in page

    luis.post("/incidents/new", draft=DRAFT, action="discard")
    assert 'value="Lectores"' not in luis.get("/incidents/new").text


def test_it_shows_and_takes_nobody_else_s_draft(mx: Node, ana: Browser, luis: Browser) -> None:
    luis.post("/incidents/draft", draft=DRAFT, title="Secreto de Luis")

    assert "Secreto de Luis" not in ana.get("/incidents/new").text
    assert ana.post("/incidents/draft", draft=DRAFT, title="Robado").status_code == 404
    assert ana.post("/incidents/new", **GOOD).status_code == 404
    ana.post("/incidents/new", draft=DRAFT, action="discard")

    assert filed(mx) == []
    assert "Secreto de Luis" in luis.get("/incidents/new").text


def test_it_tells_a_draft_that_it_was_filed_meanwhile(mx: Node, luis: Browser) -> None:
    luis.post("/incidents/new", **GOOD)

    assert luis.post("/incidents/draft", draft=DRAFT, title="x").status_code == 409


def test_it_lets_no_administrator_file(mx: Node, sit: object) -> None:
    assert callable(sit)
    elena = sit("elena")

    assert elena.get("/incidents/new").status_code == 403
    assert elena.post("/incidents/new", **GOOD).status_code == 403
    assert filed(mx) == []


def test_it_leads_a_releaser_to_what_would_be_sent(mx: Node, ana: Browser) -> None:
    answer = ana.post("/incidents/new", **GOOD, peers=["us"])

    assert answer.headers["Location"] == f"/incidents/{filed(mx)[0]}/release/us"
    mx.cross()
    assert mx.sent() == []


def test_it_reads_times_in_the_node_s_own_zone(mx: Node, luis: Browser) -> None:
    """May, in Tijuana: seven hours behind UTC."""
    luis.post("/incidents/new", **GOOD, occurred_from="2026-05-04T01:30")

    assert extension.occurred(mx.newest(*filed(mx))[0].obj())[0] == "2026-05-04T08:30:00.000Z"
