"""The incident page, its notes and downloads, and its release."""

import json
import re
from collections.abc import Callable

import pytest

from cert import sight
from cert.store.engine import reading
from config.cast import MX
from feeds import release
from tests.cast import HOUR, START, Browser, Node, incident, made_id, marked

EVENT = made_id("incident", 1)


def digest(page: str) -> str:
    return str(re.findall(r'name="digest" value="([0-9a-f]+)"', page)[0])


def test_it_shows_an_incident_by_number_and_by_id(mx: Node, luis: Browser) -> None:
    entry = mx.file("luis", title="Lectores caídos", text="Sin servicio.")
    number = entry.obj()["external_references"][0]["external_id"]

    for ref in (number, number.lower(), entry.id):
        page = luis.get(f"/incidents/{ref}").text
        assert "Lectores caídos" in page
        assert number in page


def test_it_writes_down_who_read_what(mx: Node, luis: Browser) -> None:
    entry = mx.file("luis")
    luis.get(f"/incidents/{entry.id}")

    act = mx.everything("acts")[-1]
    assert (act.kind, act.obj()) == ("read", {"who": "luis", "id": entry.id})


def test_it_writes_down_what_was_refused(mx: Node, luis: Browser) -> None:
    entry = mx.file("luis")
    luis.get(f"/incidents/{entry.id}/release/us")

    act = mx.everything("acts")[-1]
    assert (act.kind, act.obj()["who"]) == ("refused", "luis")


def test_it_files_a_note_beside_the_incident(mx: Node, luis: Browser) -> None:
    mx.receive(incident(1, object_marking_refs=marked("green")))
    mx.settle()

    answer = luis.post(f"/incidents/{EVENT}/notes", note="También <b>aquí</b>.", lang="es")

    assert answer.headers["Location"] == f"/incidents/{EVENT}?part=notes"
    page = luis.get(answer.headers["Location"]).text
    assert "También &lt;b&gt;aquí&lt;/b&gt;." in page
    assert MX.name in page


def test_it_keeps_a_note_that_was_refused_on_the_page(mx: Node, luis: Browser) -> None:
    entry = mx.file("luis")
    before = len(mx.everything())

    answer = luis.post(f"/incidents/{entry.id}/notes", note="\x00 nota larga", lang="es")

    assert "nota larga" in answer.text
    assert len(mx.everything()) == before


def test_it_hands_out_what_the_reader_may_see_as_stix(mx: Node, luis: Browser) -> None:
    entry = mx.file("luis", paste="203.0.113.7")
    sent = luis.get(f"/incidents/{entry.id}/stix.json")

    assert sent.mimetype == "application/stix+json"
    assert sent.headers["Content-Disposition"].endswith('-TLP-AMBER.json"')
    assert entry.id in [obj["id"] for obj in json.loads(sent.data)["objects"]]


def test_it_says_that_its_author_has_withdrawn_it(mx: Node, luis: Browser) -> None:
    mx.say(incident(1), incident(1, START + HOUR, revoked=True))
    mx.settle()

    assert "withdrawn" in luis.get(f"/incidents/{EVENT}").text
    assert EVENT not in luis.get("/").text


# --- release -----------------------------------------------------------------------------------------------------
def test_it_releases_what_the_releaser_has_seen(mx: Node, ana: Browser) -> None:
    entry = mx.file("luis", paste="203.0.113.7", title="Lectores caídos")
    page = ana.get(f"/incidents/{entry.id}/release/us").text
    assert "Lectores caídos" in page

    assert ana.post(f"/incidents/{entry.id}/release/us", digest=digest(page)).status_code == 302
    mx.cross()
    assert entry.id in [obj["id"] for obj in mx.sent()]


def test_it_asks_again_when_something_has_changed(mx: Node, ana: Browser) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    seen = digest(ana.get(f"/incidents/{EVENT}/release/us").text)
    mx.say(incident(1, START + HOUR, object_marking_refs=marked("green")))

    answer = ana.post(f"/incidents/{EVENT}/release/us", digest=seen)

    assert answer.status_code == 409
    mx.cross()
    assert mx.sent() == []


@pytest.mark.parametrize(("login", "status"), [("luis", 403), ("raul", 404), ("elena", 403)])
def test_it_lets_nobody_else_release(mx: Node, sit: Callable[..., Browser], login: str, status: int) -> None:
    mx.say(incident(1, object_marking_refs=marked("amber")))
    somebody = sit(login)

    for answer in (somebody.get(f"/incidents/{EVENT}/release/us"), somebody.post(f"/incidents/{EVENT}/release/us")):
        assert answer.status_code == status
    mx.cross()
    assert mx.sent() == []


def test_it_lists_what_is_held_for_releasers_with_the_reason(mx: Node, ana: Browser, luis: Browser) -> None:
    mx.say(incident(1, name="Demasiado estricto", object_marking_refs=marked("red")))
    page = f"/incidents/{EVENT}/release/us"
    with reading(mx.db) as c:
        who = mx.viewer("ana")
        seen = release.preview(c, who, mx.peer, sight.find(c, who, EVENT))
    ana.get(page)
    ana.post(page, digest=seen.digest)
    mx.cross()

    assert "Demasiado estricto" in ana.get("/held").text
    assert luis.get("/held").status_code == 403
