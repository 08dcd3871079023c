"""Signing in and out: who gets in, how guessing is slowed, where one is sent afterwards."""

import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from sqlalchemy import delete, update

from cert.store import signin
from cert.store.engine import reading, writing
from cert.store.signin import BRAKE, FREE_FAILURES, IDLE_LIMIT, TOTAL_LIMIT
from cert.store.tables import people as people_table
from cert.store.tables import sessions
from tests.cast import PASSWORD, Browser, Node

Sit = Callable[..., Browser]


def is_in(browser: Browser) -> bool:
    return browser.get("/").status_code == 200


def test_it_lets_somebody_in_with_his_password_and_out_again(mx: Node, sit: Sit) -> None:
    somebody = sit()
    assert not is_in(somebody)
    answer = somebody.sign_in("luis")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert is_in(somebody)

    answer = somebody.post("/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in")
    assert not is_in(somebody)
    assert [entry.kind for entry in mx.everything("acts")][-2:] == ["sign-in", "sign-out"]


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("luis", "wrong"),
        ("luis", ""),
        ("", PASSWORD),
        ("nobody", PASSWORD),
        ("luis", PASSWORD + " "),
        ("\x00", "secret\x00"),
    ],
)
def test_it_gives_one_answer_to_every_wrong_pair(sit: Sit, login: str, password: str) -> None:
    """Whether there is such a person is not told (S5)."""
    answer = sit().sign_in(login, password)

    assert answer.status_code == 401
    assert "do not fit" in answer.text or "no corresponden" in answer.text or "no coinciden" in answer.text
    assert f'value="{password}"' not in answer.text or not password


def test_it_keeps_no_password_on_the_page_or_in_the_trail(mx: Node, sit: Sit) -> None:
    secret = "hunter2hunter2"
    answer = sit().sign_in("luis", secret)

    assert secret not in answer.text
    assert secret.encode() not in b"".join(entry.body for entry in mx.everything("acts"))


# --- guessing ----------------------------------------------------------------------------------------------------
def fail(browser: Browser, login: str = "luis", times: int = FREE_FAILURES) -> list[int]:
    return [browser.sign_in(login, "wrong").status_code for _ in range(times)]


def test_it_brakes_guessing_and_lets_go_after_a_while(mx: Node, sit: Sit) -> None:
    """S3: the right password does not help while the brake is on, so guessing learns nothing."""
    guesser = sit()
    assert fail(guesser) == [401] * FREE_FAILURES

    answer = guesser.sign_in("luis")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) == BRAKE // 1_000_000

    mx.clock.now += BRAKE
    assert guesser.sign_in("luis").status_code == 302


@pytest.mark.parametrize("spelling", ["LUIS", " luis ", "\uff4cuis"])
def test_it_counts_every_spelling_of_a_login_together(sit: Sit, spelling: str) -> None:
    guesser = sit()
    fail(guesser)

    assert guesser.sign_in(spelling).status_code == 429


def test_it_brakes_the_guesser_and_not_the_person(sit: Sit, app: Flask) -> None:
    """Somebody elsewhere cannot lock luis out."""
    fail(sit())
    home = Browser(app.test_client())
    home.client.environ_base["REMOTE_ADDR"] = "198.51.100.9"

    assert home.sign_in("luis").status_code == 302


def test_it_believes_no_forwarded_address_without_a_proxy(sit: Sit, app: Flask) -> None:
    """S3: a header does not make a new guesser."""
    guesser = sit()
    fail(guesser)
    guesser.client.environ_base["HTTP_X_FORWARDED_FOR"] = "198.51.100.9"

    assert guesser.sign_in("luis").status_code == 429


# --- sessions ----------------------------------------------------------------------------------------------------
def cookie(browser: Browser) -> str:
    """The Set-Cookie header of a sign-in."""
    browser.get("/sign-in")
    answer = browser.post("/sign-in", login="luis", password=PASSWORD)
    return next(value for name, value in answer.headers if name == "Set-Cookie" and value.startswith("puente-mx="))


def test_it_sets_a_cookie_that_scripts_and_strangers_cannot_use(sit: Sit) -> None:
    flags = {flag.strip().lower() for flag in cookie(sit()).split(";")[1:]}

    assert {"httponly", "path=/", "samesite=lax"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)


def test_it_sets_a_cookie_for_tls_only_where_there_is_tls(app: Flask, sit: Sit) -> None:
    app.config["SESSION_COOKIE_SECURE"] = True

    assert "Secure" in cookie(sit())


def test_it_gives_a_new_session_at_each_sign_in(sit: Sit) -> None:
    """S7: what a visitor's browser held before is worth nothing afterwards."""
    one, two = cookie(sit()), cookie(sit())

    assert one.split(";")[0] != two.split(";")[0]


@pytest.mark.parametrize("how", ["one", "all", "row", "inactive"])
def test_it_ends_a_session_the_moment_it_is_revoked(mx: Node, luis: Browser, how: str) -> None:
    assert is_in(luis)
    person = mx.viewer("luis").person
    with writing(mx.db) as c:
        match how:
            case "all" | "one":
                signin.end_all_sessions(c, person)
            case "row":
                c.execute(delete(sessions))
            case _:
                c.execute(update(people_table).where(people_table.c.n == person).values(active=False))

    assert not is_in(luis)


def test_it_takes_a_signed_out_cookie_for_nothing(luis: Browser) -> None:
    """A copy of the cookie, kept by somebody who looked over a shoulder."""
    kept = luis.client.get_cookie("puente-mx")
    assert kept is not None
    luis.post("/sign-out")
    luis.client.set_cookie("puente-mx", kept.value)

    assert not is_in(luis)


def test_it_follows_a_change_of_roles_at_once(mx: Node, ana: Browser) -> None:
    """W10: rights are those of now, not of the sign-in."""
    entry = mx.file("luis")
    page = f"/incidents/{entry.id}/release/us"
    assert ana.get(page).status_code == 200
    with writing(mx.db) as c:
        c.execute(update(people_table).where(people_table.c.login == "ana").values(roles="responder"))

    assert ana.get(page).status_code == 403


@pytest.mark.parametrize("limit", [IDLE_LIMIT, TOTAL_LIMIT])
def test_it_ends_sessions_by_its_own_clock(mx: Node, luis: Browser, limit: int) -> None:
    for _ in range(0 if limit == IDLE_LIMIT else 4):
        mx.clock.now += limit // 4
        luis.get("/systems")
    mx.clock.now += 1 if limit == TOTAL_LIMIT else limit + 1

    assert not is_in(luis)


@pytest.mark.parametrize("forged", ["", "x", ".", "eyJfdXNlcl9pZCI6IjEifQ.x.x", "ñ", "a" * 3_000])
def test_it_takes_a_forged_cookie_for_a_visitor_s(sit: Sit, forged: str) -> None:
    somebody = sit()
    somebody.client.set_cookie("puente-mx", forged)

    assert somebody.get("/").status_code == 302


def test_it_stores_no_token_that_could_be_used(mx: Node, luis: Browser) -> None:
    with luis.client.session_transaction() as session:
        token = session["_user_id"]
    with reading(mx.db) as c:
        stored = [row.token_hash for row in c.execute(sessions.select())]

    assert len(token) >= 32
    assert token.encode() not in stored


# --- where one is sent -------------------------------------------------------------------------------------------
def browsers_see(location: str) -> str:
    """The host a browser would go to: it takes tabs and line ends out and a backslash for a slash."""
    seen = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    return urlsplit(urljoin("http://localhost/sign-in", seen)).netloc


ELSEWHERE = [
    *("https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example"),
    *(
        "/\t/evil.example",
        "/\n/evil.example",
        "/\t\\evil.example",
        "\t//evil.example",
        " //evil.example",
        "/ /evil.example",
    ),
    *(
        "http:evil.example",
        "https:/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example\\@localhost/",
    ),
    *("/%2f%2fevil.example", "/%5cevil.example", "/..//evil.example", "//localhost@evil.example", "/\x00/evil.example"),
    *(
        "/\r\nSet-Cookie: a=b",
        "evil.example",
        "?x",
        "#x",
        "",
        "/search?q=a",
        "/\u2028/evil.example",
        "//[::1",
        "http://[",
    ),
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_it_sends_nobody_to_another_server(sit: Sit, address: str) -> None:
    """N7, in every spelling; whatever the address is, signing in works."""
    answer = sit().sign_in("luis", next=address)

    assert answer.status_code == 302
    assert browsers_see(answer.headers["Location"]) == "localhost"
    assert "Set-Cookie: a=b" not in str(answer.headers)


def test_it_sends_one_where_one_wanted_to_go(sit: Sit) -> None:
    somebody = sit()
    asked = somebody.get("/search?q=otay%20mesa&nation=us")
    wanted = asked.headers["Location"]
    assert wanted.startswith("/sign-in?next=")
    page = somebody.get(wanted).text
    (hidden,) = re.findall(r'name="next" value="([^"]*)"', page)

    answer = somebody.post("/sign-in", login="luis", password=PASSWORD, next=hidden.replace("&amp;", "&"))

    assert answer.headers["Location"] == "/search?q=otay%20mesa&nation=us"


@pytest.mark.parametrize("path", ["//evil.example?lang=es", "/\\evil.example?lang=es", "/%5Cevil.example?theme=dark"])
def test_it_switches_language_on_no_other_server(sit: Sit, path: str) -> None:
    answer = sit().client.get(path)

    if "Location" in answer.headers:
        assert browsers_see(answer.headers["Location"]) == "localhost"
