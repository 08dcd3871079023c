"""The line to a peer's server: whatever that says, we get a good page or a sentence, within bounds."""

import gzip
import json
import zlib
from typing import Any

import pytest

import feeds.line
from cert.errors import PeerUnreachable
from feeds.line import Line
from tests.cast import indicator
from tests.feeds.scripted import OBJECTS, Answer, Script, collection, date, envelope, serving


def refused(line: Line) -> str:
    with pytest.raises(PeerUnreachable) as told:
        line.page("", "")
    return str(told.value)


def page(body: Any, last: str = date(9)) -> Answer:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(written, headers={"X-TAXII-Date-Added-Last": last})


def test_it_reads_a_page_with_its_numbers_and_where_to_go_on(us: Script, line: Line) -> None:
    us.pages = [envelope([indicator(1), indicator(2)], 7, next="abc")]

    found = line.page("", "")

    assert (found.objects, found.numbers, found.next) == ([indicator(1), indicator(2)], [7, 8], "abc")
    assert found.last_added == date(8)


def test_it_asks_for_every_version_after_a_date(us: Script, line: Line) -> None:
    line.page(date(3), "token")

    (asked,) = us.polls()
    assert asked["match[version]"] == "all"
    assert (asked["added_after"], asked["next"], asked["limit"]) == (date(3), "token", str(feeds.line.PAGE))


def test_it_finds_the_collection_once(us: Script, line: Line) -> None:
    for _ in range(3):
        line.page("", "")

    assert [path for path, _ in us.asked] == ["/taxii2/", "/root/collections/", *3 * [OBJECTS]]
    assert all("Authorization" in headers for headers in us.headers)


def test_it_reads_no_more_than_an_answer_may_hold(us: Script, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds.line, "BIGGEST_ANSWER", 1 << 20)
    us.pages = [page(b"[" + b" " * (2 << 20))]

    assert "larger than 1 MiB" in refused(line)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_it_unpacks_nothing(us: Script, line: Line, encoding: str) -> None:
    """N6: a few kilobytes that become gigabytes; nobody was asked to compress."""
    packed = zlib.compress(b" " * (32 << 20)) if encoding == "deflate" else gzip.compress(b" " * (32 << 20))
    packed = gzip.compress(packed) if "," in encoding else packed
    us.pages = [Answer(packed, headers={"Content-Encoding": encoding})]

    assert "compressed" in refused(line)
    assert {headers.get("Accept-Encoding") for headers in us.headers} == {"identity"}


@pytest.mark.parametrize("elsewhere", ["other host", "same host"])
def test_it_follows_no_redirect(us: Script, line: Line, elsewhere: str) -> None:
    """N1: nor does it show its password to whoever it is sent to."""
    with serving() as other:
        target = other.url if elsewhere == "other host" else us.url
        us.answers[OBJECTS] = Answer(status=302, headers={"Location": f"{target}/stolen/"})
        assert "HTTP 302" in refused(line)
        assert other.asked == []
    assert "/stolen/" not in [path for path, _ in us.asked]


@pytest.mark.parametrize("place", ["default", "root of the collection"])
def test_it_goes_to_no_other_server_that_is_named(us: Script, line: Line, place: str) -> None:
    with serving() as other:
        us.answers["/taxii2/"] = Answer(
            json.dumps({"title": "x", "default": f"{other.url}/root/", "api_roots": [f"{other.url}/root/"]}).encode()
        )
        assert "another server" in refused(line)
        assert other.asked == []


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "refuses our account"), (403, "refuses our account"), (404, "HTTP 404"), (500, "HTTP 500")],
)
def test_it_says_what_an_answer_means(us: Script, line: Line, status: int, said: str) -> None:
    us.answers[OBJECTS] = Answer(b"<html>Sign in</html>", status)

    assert said in refused(line)


BAD: dict[str, Any] = {
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
    "no numbers": {"objects": [indicator(1)]},
    "too few numbers": {"objects": [indicator(1), indicator(2)], "x_puente_entries": [[1]]},
    "a gap": {"objects": [indicator(1), indicator(2)], "x_puente_entries": [[1], [3]]},
    "falling numbers": {"objects": [indicator(1), indicator(2)], "x_puente_entries": [[2], [1]]},
    "a number twice": {"objects": [indicator(1), indicator(2)], "x_puente_entries": [[1], [1]]},
    "true for a number": {"objects": [indicator(1)], "x_puente_entries": [[True]]},
    "a text for a number": {"objects": [indicator(1)], "x_puente_entries": [["1"]]},
    "an empty mark": {"objects": [indicator(1)], "x_puente_entries": [[]]},
    "a mark that is no list": {"objects": [indicator(1)], "x_puente_entries": [1]},
    "a mark that is a dict": {"objects": [indicator(1)], "x_puente_entries": [{}]},
    "numbers that are no list": {"objects": [indicator(1)], "x_puente_entries": 1},
    "objects that are a text": {"objects": "abc", "x_puente_entries": [[1], [2], [3]]},
    "objects that are a dict": {"objects": {"a": 1}, "x_puente_entries": [[1]]},
    "objects that are null": {"objects": None},
    "a next that is a list": {"objects": [indicator(1)], "x_puente_entries": [[1]], "more": True, "next": ["a"]},
}


@pytest.mark.parametrize("what", BAD)
def test_it_refuses_a_page_that_is_none(us: Script, line: Line, what: str) -> None:
    us.pages = [page(BAD[what])]

    assert refused(line).startswith("CERT United States (")


@pytest.mark.parametrize("last", ["", "yesterday", "0", "9" * 5_000])
def test_it_refuses_a_page_that_does_not_say_when_it_was_added(us: Script, line: Line, last: str) -> None:
    """We go on from that date; nonsense kept there would stop this direction for good."""
    us.pages = [envelope([indicator(1)], 1, last=last)]

    assert "when the last object" in refused(line)


@pytest.mark.parametrize("discovery", [b"<html>", b"[]", b"{}", b'{"title": "x", "default": 5}', b'{"title": "x"}'])
def test_it_refuses_a_discovery_that_is_none(us: Script, line: Line, discovery: bytes) -> None:
    us.answers["/taxii2/"] = Answer(discovery)

    assert refused(line).startswith("CERT United States (")


def test_it_names_the_collection_it_lacks_and_finds_it_later(us: Script, line: Line) -> None:
    shown = us.answers["/root/collections/"]
    us.answers["/root/collections/"] = Answer(json.dumps({"collections": [collection("to-ca")]}).encode())
    assert "no collection to-mx. Has he run `puente peer add`" in refused(line)

    us.answers["/root/collections/"] = shown
    assert line.page("", "").objects == []


def test_it_takes_nothing_of_a_body_that_is_cut(us: Script, line: Line) -> None:
    whole = envelope([indicator(1)], 1)
    us.pages = [Answer(whole.body[:40], headers=whole.headers, length=len(whole.body)), whole]

    assert refused(line)
    assert line.page("", "").numbers == [1]


@pytest.mark.parametrize("body", [b"", b'{"objects": [', b'{"objects": []}'], ids=["silent", "stops", "never ends"])
def test_it_gives_up_on_a_server_that_does_not_answer_in_time(
    us: Script, line: Line, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds.line, "READ_TIMEOUT_S", 0.2)
    us.pages = [Answer(body, length=1_000, hold=True)]

    assert "not answer in time" in refused(line)


def test_it_gives_up_on_an_answer_that_drips_for_ever(us: Script, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, the last one never: a whole answer has its own limit."""
    monkeypatch.setattr(feeds.line, "ANSWER_TIMEOUT_S", -1)
    us.pages = [Answer(b"{", length=1_000_000, hold=True)]

    assert "does not end in time" in refused(line)


def test_it_says_that_nothing_answers() -> None:
    with serving() as gone:
        url = gone.url
    with Line(feeds.line.Address("CERT United States", f"{url}/taxii2/", "mx", "s" * 40), "to-mx") as line:
        assert "nothing answers there" in refused(line)


def test_it_never_shows_the_password(us: Script, line: Line) -> None:
    """L11."""
    us.answers[OBJECTS] = Answer(status=500)

    assert "ssss" not in refused(line)
    assert "ssss" not in repr(line.address)
