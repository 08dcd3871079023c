"""Objects that strangers send: whatever the door lets in, every page that shows it works, and it stays text."""

import re
from typing import Any

import pytest

from cert import extension
from tests.cast import HOUR, START, Browser, Node, address, incident, made_id, marked, relationship

EVENT = made_id("incident", 1)
GREEN: dict[str, Any] = {"object_marking_refs": marked("green")}
POLYGLOT = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}</textarea>%s"
OURS = extension.PUENTE


def ours(**change: Any) -> dict[str, Any]:
    return {"extensions": {OURS: {"extension_type": "property-extension", **change}}}


def number(text: Any) -> dict[str, Any]:
    return {"external_references": [{"source_name": "puente", "external_id": text}]}


HOSTILE: dict[str, dict[str, Any]] = {
    "the year one": {"created": "0001-01-01T00:00:00.000Z", "modified": "0001-01-01T00:00:00.000Z"},
    "the last day": ours(start_time="9999-12-31T23:59:59.999Z", end_time="9999-12-31T23:59:60Z"),
    "the first day": ours(start_time="0001-01-01T00:00:00Z", end_time="0001-01-01T00:00:00Z"),
    "nonsense for a time": ours(start_time="yesterday", end_time={"a": 1}),
    "a number that ends a header": number('x"; filename="evil.exe\r\nSet-Cookie: a=b'),
    "a number like a path": number("../../../../etc/passwd"),
    "markup everywhere": {
        **{"name": POLYGLOT, "description": POLYGLOT, "labels": [POLYGLOT, f"rsit:{POLYGLOT}"], "lang": "es"},
        **number(POLYGLOT),
    },
    "a language that is markup": {"lang": 'x" onload="alert(1)'},
    "a script for a link": {
        "external_references": [{"source_name": "x", "url": "javascript:alert(1)", "description": POLYGLOT}]
    },
    "a template": {"name": "{{ config }}{% for x in [].__class__ %}", "description": "%(name)s %s %d {0}"},
    "a megabyte": {"description": "x" * 1_000_000, "name": "y" * 100_000},
    "nothing but signs": {"name": "\u202e\u2066\u200b", "description": "\u202e"},
    "many systems": ours(system_refs=[f"infrastructure--00000000-0000-4000-8000-{n:012}" for n in range(2_000)]),
}


def hostile(what: str) -> dict[str, Any]:
    change = {key: value for key, value in HOSTILE[what].items() if value != {}}
    return incident(1, **{**GREEN, **change})


@pytest.mark.parametrize("what", HOSTILE)
def test_it_draws_every_page_of_what_the_door_lets_in(mx: Node, ana: Browser, what: str) -> None:
    assert mx.deposit(hostile(what)) == ["stored"], what
    mx.settle()

    pages = ["/", "/search", "/search?q=type:incident", "/systems", f"/incidents/{EVENT}", f"/incidents/{EVENT}/stix"]
    pages += [f"/incidents/{EVENT}?part={part}" for part in ("observables", "linked", "notes", "holders", "versions")]
    pages += [f"/incidents/{EVENT}/stix.json", f"/incidents/{EVENT}/release/us", "/held"]
    for page in pages:
        answer = ana.get(page)
        assert answer.status_code == 200, page
        if answer.mimetype == "text/html":
            assert not re.search(
                r"<script(?![^>]*\bsrc=)|<img src=x|onerror=alert\(1\)>|href=\"javascript:|>49<", answer.text
            )


@pytest.mark.parametrize("what", ["a number that ends a header", "a number like a path", "markup everywhere"])
def test_it_names_a_download_itself(mx: Node, ana: Browser, what: str) -> None:
    """P12: a name that comes from elsewhere ends in no header and in no path."""
    mx.deposit(hostile(what))
    mx.settle()

    sent = ana.get(f"/incidents/{EVENT}/stix.json").headers["Content-Disposition"]
    assert sent == f'attachment; filename="{EVENT}-TLP-GREEN.json"'


@pytest.mark.parametrize("what", ["the year one", "nonsense for a time", "markup everywhere", "many systems"])
def test_it_sends_on_what_is_odd_and_lawful(mx: Node, ana: Browser, what: str) -> None:
    mx.deposit(hostile(what))
    mx.settle()
    ana.get(f"/incidents/{EVENT}/release/us")
    page = ana.get(f"/incidents/{EVENT}/release/us").text
    (digest,) = re.findall(r'name="digest" value="([0-9a-f]+)"', page)

    assert ana.post(f"/incidents/{EVENT}/release/us", digest=digest).status_code == 302
    mx.cross()
    assert EVENT in [obj["id"] for obj in mx.sent()]


def test_it_draws_an_observable_that_is_markup(mx: Node, ana: Browser) -> None:
    value = f"http://example.com/{POLYGLOT.replace(' ', '')}"
    url = {"type": "url", "spec_version": "2.1", "value": value, "id": "url--" + made_id("x", 5).partition("--")[2]}
    seen = {"first_observed": "2026-05-04T09:00:00Z", "last_observed": "2026-05-04T09:00:00Z", "number_observed": 1}
    plain = {
        "type": "observed-data",
        "id": made_id("observed-data", 1),
        "name": None,
        "object_refs": [url["id"]],
        **seen,
    }
    mx.say({**url, **GREEN}, incident(1, **GREEN), incident(2, **{**plain, **GREEN}))
    mx.say(relationship(1, "related-to", made_id("observed-data", 1), EVENT, **GREEN))
    mx.settle()

    answer = ana.get(f"/incidents/{EVENT}?part=observables")
    assert "<script>alert" not in answer.text
    assert "hxxp://example[.]com" in answer.text
    assert 'href="http' not in answer.text


def test_it_draws_a_ring_of_versions_and_statements(mx: Node, ana: Browser) -> None:
    """The same id from three sides, in ten versions each."""
    for n in range(10):
        change = {"name": f"Versión {n}", **GREEN}
        mx.say(incident(1, START + n, **change))
        mx.say(incident(1, START + n, **change), org="CERT United States")
        mx.deposit(incident(1, START + n, **change))
    mx.say(address("203.0.113.7", **GREEN), incident(2, START + HOUR, x_about_ref=EVENT, **GREEN))
    mx.settle()

    for part in ("summary", "versions", "linked", "notes"):
        assert ana.get(f"/incidents/{EVENT}?part={part}").status_code == 200
