"""A draft that was thrown away stays away, and what is typed after that is not lost."""

import html
import re

from tests.cast import Browser, Node

DRAFT = "d" * 32
TYPED = {"title": "Lectores caídos", "handling": "amber", "lang": "es", "draft": DRAFT}


def test_it_is_not_brought_back_by_an_autosave_on_its_way(mx: Node, luis: Browser) -> None:
    luis.post("/incidents/draft", **TYPED)
    luis.post("/incidents/new", **TYPED, action="discard")

    assert luis.post("/incidents/draft", **TYPED).status_code == 409
    assert "Lectores caídos" not in luis.get("/incidents/new").text


def test_it_is_offered_as_a_new_one_when_another_window_discarded_it(mx: Node, luis: Browser) -> None:
    luis.post("/incidents/draft", **TYPED)
    luis.post("/incidents/new", draft=DRAFT, action="discard")

    answer = luis.post("/incidents/new", **TYPED, action="file")
    assert answer.status_code == 409
    page = html.unescape(answer.text)
    assert 'value="Lectores caídos"' in page
    (anew,) = re.findall(r'name="draft" value="(\w+)"', page)

    assert luis.post("/incidents/new", **{**TYPED, "draft": anew}, action="file").status_code == 302
    assert len([e for e in mx.everything() if e.id.startswith("incident--")]) == 1


def test_it_cuts_no_text_unseen(mx: Node, luis: Browser) -> None:
    answer = luis.post("/incidents/new", **TYPED, text="x" * 1_000_002, action="file")

    assert answer.status_code == 422
    assert "Only the first 1000000 characters fit here." in answer.text
    pasted = luis.post("/incidents/new", **TYPED, paste="x " * 500_001, action="file")
    assert "longer than 1000000 characters" in pasted.text
