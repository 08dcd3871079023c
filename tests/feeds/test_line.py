"""The line to a peer's server: whatever that says, we get a good page or a sentence, within bounds."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import feeds.line
from cert.errors import PeerUnreachable
from feeds.line import Address, Expired, Head, Line, Objects, Page
from tests.cast import indicator, made_id
from tests.feeds.scripted import COLLECTION, MANIFEST, OBJECTS, Answer, Script, collection, date, envelope, serving

Ask = Callable[[Line], Page | Objects]
SALT = "AAAAAAAAAAAAAAAAAAAAAA=="
WAYS: dict[str, Ask] = {"sealed": lambda line: line.page(0), "unsealed": lambda line: line.objects("", "")}


@pytest.fixture(params=WAYS)
def ask(request: pytest.FixtureRequest) -> Ask:
    """Both ways to ask: for a sealed log, and for the objects of a server that seals nothing."""
    return WAYS[request.param]


def refused(line: Line, ask: Ask = WAYS["sealed"]) -> str:
    with pytest.raises(PeerUnreachable) as told:
        ask(line)
    return str(told.value)


def page(body: Any) -> Answer:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"9 {'0' * 64}"
    said = {"X-TAXII-Date-Added-Last": date(9), "X-Puente-Head": head, "X-Puente-Last": head}
    return Answer(written, headers={**said})


def test_it_reads_a_sealed_page_with_numbers_salts_and_where_the_log_ends(us: Script, line: Line) -> None:
    us.giver.give(indicator(1), indicator(2))
    us.giver.page_size = 2

    found = line.page(1)

    assert (found.objects, found.numbers, found.more) == ([indicator(1), indicator(2)], [2, 3], True)
    assert found.salts == [one.salt for one in us.giver.seals[1:3]]
    assert (found.head, found.last) == (Head(4, us.giver.last.link), Head(3, us.giver.seals[2].link))
    assert found.last_added == date(3)


def test_it_reads_a_page_that_nobody_sealed_and_where_to_go_on(us: Script, line: Line) -> None:
    us.pages = [envelope([indicator(1), indicator(2)], 8, next="abc")]

    assert line.objects("", "") == Objects([indicator(1), indicator(2)], "", date(8), True, "abc")


def test_it_asks_for_every_version_after_a_number(us: Script, line: Line) -> None:
    line.page(3)

    assert us.polls() == [{"match[version]": "all", "limit": str(feeds.line.PAGE), "x_puente_after": "3"}]


def test_it_asks_for_every_version_after_a_date(us: Script, line: Line) -> None:
    line.objects(date(3), "token")

    (asked,) = us.polls()
    assert asked["match[version]"] == "all"
    assert (asked["added_after"], asked["next"], asked["limit"]) == (date(3), "token", str(feeds.line.PAGE))


def test_it_finds_the_collection_once(us: Script, line: Line, ask: Ask) -> None:
    for _ in range(3):
        ask(line)

    assert [path for path, _ in us.asked] == ["/taxii2/", "/root/collections/", *3 * [OBJECTS]]
    assert all("Authorization" in headers for headers in us.headers)


@pytest.mark.parametrize("elsewhere", ["other host", "same host"])
def test_it_follows_no_redirect(us: Script, line: Line, ask: Ask, elsewhere: str) -> None:
    """N1: nor does it show its password to whoever it is sent to."""
    with serving() as other:
        target = other.url if elsewhere == "other host" else us.url
        us.answers[OBJECTS] = Answer(status=302, headers={"Location": f"{target}/stolen/"})
        assert "HTTP 302" in refused(line, ask)
        assert other.asked == []
    assert "/stolen/" not in [path for path, _ in us.asked]


@pytest.mark.parametrize("place", ["default", "root of the collection"])
def test_it_goes_to_no_other_server_that_is_named(us: Script, line: Line, ask: Ask, place: str) -> None:
    with serving() as other:
        us.answers["/taxii2/"] = Answer(
            json.dumps({"title": "x", "default": f"{other.url}/root/", "api_roots": [f"{other.url}/root/"]}).encode()
        )
        assert "another server" in refused(line, ask)
        assert other.asked == []


JUNK: dict[str, Any] = {
    "a sign-in page": b"<!doctype html><title>Sign in</title>",
    "nothing": b"",
    "a list": [],
    "a number": 5,
    "null": None,
    "half a page": json.dumps({"objects": [indicator(1)]}).encode()[:50],
    "a doubled key": b'{"objects": [], "objects": [1]}',
    "no JSON number": b'{"objects": [NaN], "x_puente_entries": [[1]]}',
    "a lone surrogate": b'{"objects": ["\\ud800"], "x_puente_entries": [[1]]}',
    "a deep one": b"[" * 100_000,
    "objects that are a text": {"objects": "abc", "x_puente_entries": [[1, SALT], [2, SALT], [3, SALT]]},
    "objects that are a dict": {"objects": {"a": 1}, "x_puente_entries": [[1, SALT]]},
    "objects that are null": {"objects": None},
    "a more that is a text": {"objects": [indicator(1)], "x_puente_entries": [[1, SALT]], "more": "yes"},
}
MARKS: dict[str, Any] = {
    "no numbers": None,
    "too few numbers": [[1, SALT]],
    "a gap": [[1, SALT], [3, SALT]],
    "falling numbers": [[2, SALT], [1, SALT]],
    "a number twice": [[1, SALT], [1, SALT]],
    "true for a number": [[True, SALT], [2, SALT]],
    "a text for a number": [["1", SALT], [2, SALT]],
    "an empty mark": [[], []],
    "a mark that is no list": [1, 2],
    "a mark that is a dict": [{}, {}],
    "marks that are no list": 1,
    "no salt": [[1], [2]],
    "null for a salt": [[1, None], [2, None]],
    "a short salt": [[1, "AAAA"], [2, "AAAA"]],
    "a salt that is no base64": [[1, "ñ" * 24], [2, "-" * 24]],
}


@pytest.mark.parametrize("what", JUNK)
def test_it_refuses_a_page_that_is_none(us: Script, line: Line, ask: Ask, what: str) -> None:
    us.pages = [page(JUNK[what])]

    assert refused(line, ask).startswith("CERT United States (")


@pytest.mark.parametrize("what", MARKS)
def test_it_refuses_a_page_whose_entries_are_not_numbered_and_salted(us: Script, line: Line, what: str) -> None:
    marks = {} if MARKS[what] is None else {"x_puente_entries": MARKS[what]}
    us.pages = [page({"objects": [indicator(1), indicator(2)]} | marks)]

    assert refused(line).startswith("CERT United States (")


def test_it_refuses_a_next_that_is_none(us: Script, line: Line) -> None:
    us.pages = [page({"objects": [indicator(1)], "more": True, "next": ["a"]})]

    assert refused(line, WAYS["unsealed"]).startswith("CERT United States (")


@pytest.mark.parametrize("header", ["head", "last"])
@pytest.mark.parametrize("said", [None, "", "1", "one two", f"-1 {'0' * 64}", "1 xyz", f"{'9' * 30} {'0' * 64}"])
def test_it_refuses_a_page_that_does_not_say_where_the_log_ends(
    us: Script, line: Line, header: str, said: str | None
) -> None:
    us.giver.give(indicator(1))
    us.pages = [us.giver.page(0, **{header: said})]

    assert "does not say where its log ends" in refused(line)


@pytest.mark.parametrize("last", ["", "yesterday", "0", "9" * 5_000], ids=["none", "word", "zero", "long"])
def test_it_refuses_a_sealed_page_that_does_not_say_when_it_was_added(us: Script, line: Line, last: str) -> None:
    us.giver.give(indicator(1))
    us.pages = [us.giver.page(0, added=last)]

    assert "when the last object" in refused(line)


@pytest.mark.parametrize("last", ["", "yesterday", "0", "9" * 99, "Fri Jan 05 2024 10:00:00 GMT+0100"], ids=repr)
def test_it_keeps_no_date_that_is_none(us: Script, line: Line, last: str) -> None:
    """We go on from that date; nonsense kept there would stop this direction for good."""
    us.pages = [envelope([indicator(1)], last)]

    found = line.objects("", "")
    assert (found.objects, found.last_added) == ([indicator(1)], "")


@pytest.mark.parametrize("discovery", [b"<html>", b"[]", b"{}", b'{"title": "x", "default": 5}', b'{"title": "x"}'])
def test_it_refuses_a_discovery_that_is_none(us: Script, line: Line, ask: Ask, discovery: bytes) -> None:
    us.answers["/taxii2/"] = Answer(discovery)

    assert refused(line, ask).startswith("CERT United States (")


def test_it_names_the_collection_it_lacks_and_finds_it_later(us: Script, line: Line, ask: Ask) -> None:
    shown = us.answers["/root/collections/"]
    us.answers["/root/collections/"] = Answer(json.dumps({"collections": [collection("to-ca")]}).encode())
    assert "no collection to-mx. Has he run `puente peer add`" in refused(line, ask)

    us.answers["/root/collections/"] = shown
    assert ask(line).objects == []


def test_it_takes_nothing_of_a_body_that_is_cut(us: Script, line: Line, ask: Ask) -> None:
    us.giver.give(indicator(1))
    whole = us.giver.page(0)
    us.pages = [Answer(whole.body[:40], headers=whole.headers, length=len(whole.body)), whole]

    assert refused(line, ask)
    assert ask(line).objects == us.giver.log


# --- other people's servers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("called", ["to-mx", COLLECTION, "Released to Mexico"], ids=["alias", "id", "title"])
def test_it_finds_a_collection_by_alias_id_or_title(us: Script, called: str) -> None:
    shown = [collection("to-mx") | {"id": made_id("x", 9)[3:], "title": COLLECTION}, collection("to-mx")]
    shown[1]["title"] = "Released to Mexico"
    shown[0]["alias"] = "other"
    us.answers["/root/collections/"] = Answer(json.dumps({"collections": shown}).encode())
    us.pages = [envelope([indicator(1)])]

    with Line(Address("x", f"{us.url}/taxii2/", "mx", lambda: "s"), called) as line:
        assert line.objects("", "").objects == [indicator(1)]


@pytest.mark.parametrize("default", [None, "/root/", "/locked/", "/elsewhere/"])
def test_it_looks_for_the_collection_in_every_api_root(us: Script, line: Line, default: str | None) -> None:
    """C7, O11: a root may be relative, unlisted, shown though it is not for us, or no default at all."""
    said = {"title": "x", "default": default, "api_roots": ["/elsewhere/", "https://192.0.2.1/", f"{us.url}/root"]}
    us.answers["/taxii2/"] = Answer(json.dumps(said).encode())
    us.answers["/locked/collections/"] = Answer(status=404)
    us.answers["/elsewhere/collections/"] = Answer(json.dumps({"collections": [collection("x")]}).encode())
    us.giver.give(indicator(1))

    assert line.page(1).objects[0] == indicator(1)


def test_it_reads_a_manifest(us: Script, line: Line) -> None:
    record = {"id": made_id("indicator", 1), "date_added": date(1), "version": date(1)}
    us.answers[MANIFEST] = Answer(json.dumps({"objects": [record]}).encode())

    assert line.manifest(date(0), "").objects == [record]
    assert us.asked[-1] == (MANIFEST, {"added_after": date(0), "match[version]": "all", "limit": "500"})


@pytest.mark.row("TX-211")
@pytest.mark.parametrize("status", [400, 404, 410, 500])
def test_it_tells_a_token_that_has_expired_from_other_faults(us: Script, line: Line, status: int) -> None:
    """TX-211: without a token the same answer means something else."""
    us.answers[OBJECTS] = Answer(status=status)

    with pytest.raises(Expired):
        line.objects("", "token")
    with pytest.raises(PeerUnreachable) as told:
        line.objects("", "")
    assert type(told.value) is PeerUnreachable


def test_it_asks_with_a_token_only_once(us: Script, line: Line) -> None:
    """M10: a token may be used up by asking, and the second answer would be the page after the next."""
    us.pages = [envelope([indicator(1)], next="a"), Answer(cut=True), envelope([indicator(3)])]
    line.objects("", "")

    with pytest.raises(PeerUnreachable):
        line.objects("", "a")
    assert len(us.polls()) == 2
