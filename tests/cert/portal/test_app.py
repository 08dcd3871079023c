"""What holds for every page: sign-in, headers, tokens, and a page for whatever is asked."""

import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from config import wiring
from config.cast import MX
from tests.cast import OTAY, Browser, Node, address, concerns, incident, indicator, made_id, marked

Sit = Callable[..., Browser]
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
REQUEST_ID = re.compile(r"[0-9a-f]{12}")
TOKENS = re.compile(r'name="csrf_token" value="[^"]+"')
PUBLIC = {"/sign-in"}
IDS = [
    "",
    "x",
    "%00",
    "..",
    "MX-2026-K7Q4ZD",
    made_id("incident", 5),
    "incident--" + "z" * 36,
    "%F0%9F",
    "%ff",
    "a" * 5_000,
]


def routes(app: Flask, method: str) -> list[str]:
    rules = [r for r in app.url_map.iter_rules() if r.endpoint != "static" and method in (r.methods or ())]
    return sorted({rule.rule for rule in rules})


def filled(rule: str, ref: str = made_id("incident", 5), nation: str = "us") -> str:
    return rule.replace("<ref>", ref).replace("<nation>", nation)


def assert_page(answer: TestResponse, *asked: str) -> None:
    """A page or nothing, never a trace, and never one of our insides."""
    assert answer.status_code < 500, asked
    assert not any(word in answer.text for word in ("Traceback", "sqlalchemy", "SELECT ", "site-packages", "werkzeug"))


# --- sign-in -----------------------------------------------------------------------------------------------------
def test_it_asks_everybody_to_sign_in_on_every_page(app: Flask, sit: Sit) -> None:
    """S1."""
    visitor = sit()
    for rule in set(routes(app, "GET")) - PUBLIC:
        answer = visitor.get(filled(rule))
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/sign-in"), rule


def test_it_asks_everybody_to_sign_in_before_every_change(app: Flask, sit: Sit) -> None:
    visitor = sit()
    visitor.get("/sign-in")
    for rule in set(routes(app, "POST")) - PUBLIC:
        assert visitor.post(filled(rule)).status_code == 401, rule


@pytest.mark.parametrize("login", ["", "ana"])
def test_it_changes_nothing_without_its_token(mx: Node, app: Flask, sit: Sit, login: str) -> None:
    """S8, on every POST there is, with no token, a wrong one and another session's."""
    somebody, other = sit(login), sit()
    other.get("/sign-in")
    before = [len(mx.everything(name)) for name in ("record", "acts")]
    for rule, token in itertools.product(routes(app, "POST"), ({}, {"csrf_token": "x"}, {"csrf_token": other.token})):
        assert somebody.client.post(filled(rule), data=token).status_code == 400, rule

    assert [len(mx.everything(name)) for name in ("record", "acts")] == before


def test_it_changes_nothing_on_a_get(mx: Node, app: Flask, ana: Browser) -> None:
    """S8: reading writes the audit trail, and nothing else."""
    entry = mx.file("luis", handling="green")
    before = len(mx.everything())
    for rule in routes(app, "GET"):
        ana.get(filled(rule, entry.id) + "?action=file&digest=x&confirm=yes&note=x")

    assert len(mx.everything()) == before


# --- headers -----------------------------------------------------------------------------------------------------
@pytest.fixture
def answers(app: Flask, mx: Node, ana: Browser, sit: Sit) -> list[TestResponse]:
    """Good pages, bad ones, redirects, downloads and refusals."""
    entry = mx.file("luis", handling="green")
    pages = [filled(rule, entry.id) for rule in routes(app, "GET")]
    found = [ana.get(page) for page in (*pages, "/nothing", "/incidents/x", "/search?after=--")]
    return [*found, ana.client.post("/sign-out"), ana.client.delete("/"), sit().get("/"), sit().sign_in("x", "y")]


def test_it_sends_the_safe_headers_with_every_answer(answers: list[TestResponse]) -> None:
    for answer in answers:
        assert {name: answer.headers.get(name) for name in SAFE} == SAFE
        assert answer.headers["Cache-Control"] == "no-store"


def test_it_lets_a_page_run_nothing_but_our_own_files(answers: list[TestResponse]) -> None:
    """P1."""
    for answer in answers:
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
        assert (policy["base-uri"], policy["frame-ancestors"], policy["form-action"]) == ("'none'", "'none'", "'self'")
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_it_writes_nothing_inline(answers: list[TestResponse]) -> None:
    """The policy forbids it, so it would not work; and it tempts to loosen the policy."""
    for answer in answers:
        if answer.mimetype == "text/html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=|javascript:", answer.text)


def test_it_asks_for_tls_where_there_is_tls(sit: Sit) -> None:
    answer = sit().client.get("/sign-in", base_url="https://localhost")

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_it_serves_no_file_outside_its_own(app: Flask, sit: Sit) -> None:
    for path in (
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/",
    ):
        answer = sit().client.get(path)
        assert answer.status_code in {404, 308, 400}, path
        assert "def " not in answer.text


# --- hidden and absent -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_answers_hidden_as_absent_byte_for_byte(mx: Node, app: Flask, luis: Browser, method: str) -> None:
    """L12, L15: on every route that names an object."""
    mx.say(*(incident(n, name="Secreto", object_marking_refs=marked("red")) for n in (7,)))
    hidden, absent = made_id("incident", 7), made_id("incident", 8)

    for rule in routes(app, method):
        if "<ref>" in rule:
            ask: Callable[[str], TestResponse] = luis.get if method == "GET" else luis.post
            one, other = (ask(filled(rule, ref)) for ref in (hidden, absent))
            assert one.status_code in {302, 403, 404}
            assert masked(one, hidden) == masked(other, absent), rule


def masked(answer: TestResponse, ref: str) -> tuple[int, list[tuple[str, str]], str]:
    """An answer without its number, its token, and the address that was asked for."""
    headers = [
        (name, value.replace(ref, "")) for name, value in answer.headers if name not in {"Set-Cookie", "Content-Length"}
    ]
    return answer.status_code, headers, TOKENS.sub("", REQUEST_ID.sub("", answer.text.replace(ref, "")))


def test_it_answers_the_number_of_a_hidden_incident_as_none(mx: Node, luis: Browser) -> None:
    entry = mx.file("sofia", handling="red")
    number = entry.obj()["external_references"][0]["external_id"]

    one, other = luis.get(f"/incidents/{number}"), luis.get("/incidents/MX-2026-ZZZZZZ")
    assert masked(one, number) == masked(other, "MX-2026-ZZZZZZ")


def test_it_writes_no_secret_into_a_page_about_something_else(mx: Node, luis: Browser) -> None:
    """L11, L12: a canary in everything hidden, looked for on every page."""
    canary = "canario-7f3a"
    mx.say(
        incident(
            7, name=canary, description=canary, object_marking_refs=marked("red"), extensions=concerns(OTAY["mx"])
        ),
        address("203.0.113.99", object_marking_refs=marked("red"), x_note=canary),
        indicator(8, name=canary, object_marking_refs=marked("red")),
    )
    mx.file("luis", title="Visible", handling="green", paste="203.0.113.99")
    mx.settle()

    for page in ("/", "/search", f"/search?q={canary}", "/search?q=203.0.113.99", "/systems", "/incidents/new"):
        answer = luis.get(page)
        assert canary not in answer.text.replace(f'value="{canary}"', "").replace(f"q={canary}", "") or page.endswith(
            canary
        )


# --- bad input ---------------------------------------------------------------------------------------------------
BAD_QUERIES = [
    *(
        "after=--5-3",
        "after=-",
        "after=5-3",
        "after=" + "9" * 30 + "-1",
        "after=1-" + "9" * 30,
        "after=a-b",
        "after=%00",
    ),
    *("before=99999999999999999999999", "before=-1", "before=x", "before=%C2%B2", "before=0", "part=x", "part=%00"),
    *("q=%00", "q=%ff", "q=" + "a" * 5_000, "q=%22", "q=nation:", "q=%F0%9D%95%B3", "q=(((((", "q=a:b:c", "q=*"),
    *(
        "nation=%00",
        "system=" + "x" * 3_000,
        "system=%00",
        "type=",
        "rsit=%22&rsit=%27",
        "lang=xx",
        "theme=%00",
        "lang=",
    ),
    *("=&&&==", "%", "%zz", "a" * 8_000, "&".join(f"system={n}" for n in range(2_000)), "system=%F0%9F&type=incident"),
]


def test_it_gives_a_page_for_every_query(app: Flask, mx: Node, ana: Browser) -> None:
    entry = mx.file("luis", handling="green")
    for rule, query in itertools.product(routes(app, "GET"), BAD_QUERIES):
        assert_page(ana.client.get(f"{filled(rule, entry.id)}?{query}"), rule, query[:50])


def test_it_gives_a_page_for_every_address(app: Flask, ana: Browser) -> None:
    for ref, rule, method in itertools.product(IDS, routes(app, "GET"), ("GET", "POST", "DELETE")):
        for nation in ("us", "xx", "%00", "mx"):
            if "<ref>" in rule:
                asked = filled(rule, ref, nation)
                assert_page(ana.client.open(asked, method=method, data={"csrf_token": ana.token}), method, asked)


def fields() -> Iterator[str]:
    yield from ("title", "text", "occurred_from", "occurred_to", "rsit", "severity", "confidence", "lang", "paste")
    yield from (
        "handling",
        "systems",
        "peers",
        "keep",
        "seen",
        "draft",
        "action",
        "note",
        "digest",
        "login",
        "password",
    )


GOOD = {"title": "Suceso", "handling": "green", "lang": "es", "action": "file", "note": "Nota.", "draft": "d" * 32}
VALUES = [
    "",
    "\x00",
    "x" * 300_000,
    "\ud7ff\ufffe",
    "0001-01-01T00:00",
    "9999-12-31T23:59",
    "2026-05-04T09:30+05:00",
    "-1",
    "1e999",
]
VALUES += [
    "2026-13-45T99:99",
    "<script>alert(1)</script>",
    "infrastructure--x",
    "{{7*7}}",
    "%s%n",
    "\u202e",
    "true",
    "10.0.0.1",
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value[:20]))
def test_it_gives_a_page_for_every_value_in_every_field(app: Flask, mx: Node, ana: Browser, value: str) -> None:
    entry = mx.file("luis", handling="green")
    for rule, name in itertools.product(set(routes(app, "POST")) - PUBLIC - {"/sign-out"}, fields()):
        assert_page(ana.post(filled(rule, entry.id), **{**GOOD, name: value}))


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from(sorted(fields())), st.text(max_size=30), max_size=6),
    st.sampled_from(["file", "read", ""]),
)
def test_it_gives_a_page_for_whatever_is_typed(ana: Browser, form: dict[str, str], action: str) -> None:
    assert_page(ana.post("/incidents/new", **{**GOOD, **form, "action": action}))


@pytest.mark.parametrize(
    "body",
    [
        {"data": b"\xff" * 100, "content_type": "application/x-www-form-urlencoded"},
        {"data": b"--x\r\nContent-Disposition: form-data", "content_type": "multipart/form-data; boundary=x"},
        {"data": b"", "content_type": "multipart/form-data"},
        {"data": b"{}", "content_type": "application/json"},
        {"data": b"&".join(b"keep=%d" % n for n in range(5_000)), "content_type": "application/x-www-form-urlencoded"},
    ],
    ids=["bytes", "cut", "no boundary", "json", "many"],
)
def test_it_gives_a_page_for_every_body(ana: Browser, body: dict[str, Any]) -> None:
    for path in ("/incidents/new", "/incidents/draft", "/sign-in"):
        assert_page(ana.client.post(path, headers={"X-CSRFToken": ana.token}, **body))


def test_it_refuses_a_body_that_is_too_long(app: Flask, ana: Browser) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10_000
    answer = ana.post("/incidents/new", title="x" * 20_000)

    assert answer.status_code == 413
    assert answer.mimetype == "text/html"


def test_it_takes_no_field_that_the_form_does_not_have(mx: Node, ana: Browser) -> None:
    """W2: every column name there is, and an incident that has none of it."""
    columns = {
        "id": "incident--x",
        "origin": "3",
        "created_by_ref": "identity--x",
        "org": "3",
        "person": "1",
        "roles": "x",
    }
    columns |= {"created": "2001-01-01T00:00:00Z", "labels": "x", "number": "MX-2026-AAAAAA", "incident_id": "x"}
    assert ana.post("/incidents/new", **{**GOOD, **columns}).status_code == 302

    (event,) = [entry for entry in mx.everything() if entry.id.startswith("incident--")]
    assert event.obj()["created_by_ref"] == MX.identity
    assert event.obj()["created"].startswith("2026-05-04")
    assert "labels" not in event.obj()


def test_it_folds_doubled_slashes_onto_this_server(ana: Browser) -> None:
    answer = ana.client.get("/incidents//new?x=y")

    assert answer.status_code == 308
    assert answer.headers["Location"] in {"http://localhost/incidents/new?x=y", "/incidents/new?x=y"}


def test_it_answers_from_the_record_while_the_index_is_missing(mx: Node, ana: Browser) -> None:
    entry = mx.file("luis", handling="green")
    mx.opened.pop().close()
    shutil.rmtree(mx.settings.index)
    alone = Browser(wiring.portal_app(mx.settings).test_client())
    alone.sign_in("ana")

    for page in ("/", "/search", "/systems", f"/incidents/{entry.id}"):
        answer = alone.get(page)
        assert answer.status_code == 200, page
        assert "Search is limited just now" in answer.text or page == "/systems"
        assert entry.id in answer.text or page == "/systems"
