"""The connection to a peer's server: bounded in time and bytes, patient, and silent about what is secret."""

import gzip
import logging
import time
import tracemalloc
import zlib
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path

import pytest

from cert.errors import PeerUnreachable
from config.reading import secret_in
from feeds import connection, packed, transport
from feeds.connection import USER_AGENT, Address
from feeds.line import Line
from tests.cast import indicator
from tests.feeds.scripted import OBJECTS, Answer, Script, envelope, serving

PASSWORD = "s" * 40
PAGE = envelope([indicator(n) for n in range(3)]).body


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits before it tries again."""
    monkeypatch.setattr(connection, "BACKOFF_S", (0.0, 0.0))


def asked(line: Line) -> list[object]:
    return line.objects("", "").objects


def refused(line: Line) -> str:
    with pytest.raises(PeerUnreachable) as told:
        asked(line)
    return str(told.value)


# --- bytes -------------------------------------------------------------------------------------------------------
def test_it_reads_no_more_than_an_answer_may_hold(us: Script, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "BIGGEST_ANSWER", 1 << 20)
    us.pages = [Answer(b"[" + b" " * (2 << 20))]

    assert "larger than 1 MiB" in refused(line)


@pytest.mark.row("TX-212")
def test_it_asks_for_gzip_and_unpacks_one_layer(us: Script, line: Line) -> None:
    """TX-212."""
    us.pages = [Answer(gzip.compress(PAGE), headers={"Content-Encoding": "gzip"})]

    assert asked(line) == [indicator(n) for n in range(3)]
    assert {headers["Accept-Encoding"] for headers in us.headers} == {"gzip"}


PACKED: dict[str, tuple[str, bytes]] = {
    "N6 deflate": ("deflate", zlib.compress(PAGE)),
    "N6 two layers": ("gzip, gzip", gzip.compress(gzip.compress(PAGE))),
    "N6 two layers, one said": ("gzip", gzip.compress(gzip.compress(PAGE))),
    "N6 another one": ("br", PAGE),
    "N6 two members": ("gzip", gzip.compress(PAGE) + gzip.compress(b" " * 99)),
    "N6 junk after the end": ("gzip", gzip.compress(PAGE) + b"junk"),
    "N5 cut": ("gzip", gzip.compress(PAGE)[:-9]),
    "N6 no gzip": ("gzip", PAGE),
    "N6 nothing": ("gzip", b""),
}


@pytest.mark.parametrize("what", PACKED)
def test_it_takes_nothing_that_is_packed_otherwise(us: Script, line: Line, what: str) -> None:
    encoding, body = PACKED[what]
    us.pages = [Answer(body, headers={"Content-Encoding": encoding})]

    assert refused(line)


def test_it_stops_at_a_bomb_and_asks_for_plain_answers_from_then_on(us: Script, line: Line) -> None:
    """N6: a few kilobytes that become gigabytes. An honest page may be as dense: that one comes unpacked."""
    unpacked: list[int] = []
    bomb = gzip.compress(b" " * (256 << 20), 1)
    us.pages = [Answer(bomb, headers={"Content-Encoding": "gzip"}), Answer(bomb, headers={"Content-Encoding": "gzip"})]
    tracked = _peak(lambda: unpacked.append(len(refused(line))))

    assert tracked < 8 << 20
    assert "which nobody asked for" in refused(line)
    assert us.headers[-1]["Accept-Encoding"] == "identity"


def _peak(do: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- time --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", [b"", b'{"objects": [', b'{"objects": []}'], ids=["silent", "stops", "never ends"])
def test_it_gives_up_on_a_server_that_does_not_answer_in_time(
    us: Script, line: Line, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.2)
    us.pages = [Answer(body, length=1_000, hold=True)]

    assert "not answer in time" in refused(line)
    assert len(us.polls()) == 1


@pytest.mark.row("TX-212")
@pytest.mark.parametrize("slow", ["headers", "body"])
def test_it_gives_up_on_an_answer_that_drips_for_ever(
    us: Script, line: Line, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TX-212: each byte comes in time, the last one never: a whole answer has its own limit."""
    asked(line)
    monkeypatch.setattr(transport, "ANSWER_TIMEOUT_S", 0.3)
    us.pages = [Answer(b"{", length=1_000_000, drip=slow)]

    assert "not answer in time" in refused(line)  # or it would be read for ever


# --- once more ---------------------------------------------------------------------------------------------------
TRANSIENT: dict[str, Answer] = {
    "a line that breaks": Answer(cut=True),
    **{f"HTTP {code}": Answer(b"<html>", code) for code in (429, 502, 503, 504)},
    "Retry-After now": Answer(status=503, headers={"Retry-After": "0"}),
    "Retry-After in the past": Answer(status=503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    "Retry-After nonsense": Answer(status=429, headers={"Retry-After": "soon"}),
}


@pytest.mark.row("TX-213")
@pytest.mark.parametrize("what", TRANSIENT)
def test_it_tries_once_more_what_passes(us: Script, line: Line, what: str) -> None:
    """TX-213."""
    us.pages = [TRANSIENT[what], envelope([indicator(1)])]
    assert asked(line) == [indicator(1)]

    us.pages = [TRANSIENT[what]] * 5
    assert refused(line)
    assert len(us.polls()) == 4


@pytest.mark.parametrize("status", [301, 400, 404, 406, 500, 501])
def test_it_asks_no_second_time_where_that_would_not_help(us: Script, line: Line, status: int) -> None:
    us.answers[OBJECTS] = Answer(b"<html>Sign in</html>", status)

    assert f"HTTP {status}" in refused(line)
    assert len(us.polls()) == 1


def in_seconds(said: float) -> str:
    said = min(said, 10**10)  # three hundred years
    return format_datetime(datetime.now(UTC) + timedelta(seconds=said), usegmt=True)


@pytest.mark.row("TX-213")
@pytest.mark.parametrize("wait_s", [120, 10**7, 10**29])
@pytest.mark.parametrize("said", [str, in_seconds], ids=["seconds", "date"])
def test_it_keeps_quiet_for_as_long_as_the_server_asks(
    us: Script, line: Line, said: Callable[[int], str], wait_s: int
) -> None:
    """TX-213: seconds or a date, but never for so long that he could switch us off."""
    us.pages = [Answer(status=429, headers={"Retry-After": said(wait_s)})]

    assert "asks us to wait" in refused(line)
    assert "asks us to wait" in refused(line)
    assert len(us.polls()) == 1
    left_s = line.connection.quiet_until - time.monotonic()
    assert 100 < left_s <= connection.LONGEST_WAIT_S

    line.connection.quiet_until = 0  # the time has passed
    assert asked(line) == []


@pytest.mark.row("TX-214")
@pytest.mark.parametrize("status", [401, 403])
def test_it_stops_at_once_where_our_account_is_refused(us: Script, line: Line, status: int) -> None:
    """TX-214: no storm, and never without or with another password."""
    us.answers[OBJECTS] = Answer(b"<html>Sign in</html>", status, {"WWW-Authenticate": "Digest realm=x, nonce=y"})

    assert {("refuses our account" in refused(line)) for _ in range(3)} == {True}
    assert len(us.polls()) == 1
    assert 0 < line.connection.quiet_until - time.monotonic() <= connection.REFUSED_WAIT_S


def test_it_takes_a_new_password_at_once(us: Script, tmp_path: Path) -> None:
    """Given a server that refuses our account, when the password in the file changes, then it is asked at once."""
    file = tmp_path / "us.password"
    file.write_text("the old one", "utf-8")
    us.answers[OBJECTS] = Answer(status=401)
    with Line(Address("x", f"{us.url}/taxii2/", "mx", partial(secret_in, file)), "to-mx") as line:
        assert "refuses our account" in refused(line)
        us.answers[OBJECTS] = Answer(PAGE)
        assert "refuses our account" in refused(line)
        file.write_text("the new one", "utf-8")

        assert len(asked(line)) == 3
        assert [signed_in(headers) for headers in us.headers[2:]] == ["mx:the old one"] + ["mx:the new one"] * 3


def test_it_says_so_while_the_password_is_lacking(us: Script, tmp_path: Path) -> None:
    """Nobody is asked with a password that is no longer there."""
    file = tmp_path / "us.password"
    with Line(Address("x", f"{us.url}/taxii2/", "mx", partial(secret_in, file)), "to-mx") as line:
        assert f"The secret file {file} cannot be read" in refused(line)
        assert us.asked == []

        file.write_text("here it is", "utf-8")
        assert asked(line) == []


def signed_in(headers: dict[str, str]) -> str:
    """The user and the password that a request came with."""
    return b64decode(headers["Authorization"].removeprefix("Basic ")).decode()


def test_it_says_that_nothing_answers() -> None:
    with serving() as gone:
        url = gone.url
    with Line(Address("CERT United States", f"{url}/taxii2/", "mx", lambda: PASSWORD), "to-mx") as line:
        assert "nothing answers there" in refused(line)


# --- what is said ------------------------------------------------------------------------------------------------
@pytest.mark.row("TX-201")
def test_every_request_says_what_it_takes_and_who_asks(us: Script, line: Line) -> None:
    """TX-201, C11."""
    asked(line)

    assert len(us.headers) == 3
    assert {headers["Accept"] for headers in us.headers} == {"application/taxii+json;version=2.1"}
    assert {headers["User-Agent"] for headers in us.headers} == {USER_AGENT}
    assert USER_AGENT.startswith("puente/")
    assert all("Authorization" in headers for headers in us.headers)


CONTENT_TYPES = [
    "application/taxii+json",
    'application/taxii+json; version="2.1"',
    "Application/TAXII+JSON;Version=2.1",
    "application/taxii+json;version=2.1;charset=utf-8",
    "application/vnd.oasis.taxii+json; version=2.0",
    "application/json",
    "text/plain",
    None,
]


@pytest.mark.row("TX-215")
@pytest.mark.parametrize("said", CONTENT_TYPES)
def test_it_reads_json_whatever_it_is_called(us: Script, line: Line, said: str | None) -> None:
    """TX-215, C10."""
    us.pages = [Answer(PAGE, headers={"Content-Type": said})]

    assert len(asked(line)) == 3


@pytest.mark.row("TX-215")
@pytest.mark.parametrize(
    ("said", "body"),
    [("text/html; charset=utf-8", b"Sign in"), ("application/json", b" <!doctype html>"), (None, b"<")],
)
def test_it_knows_a_page_for_people(us: Script, line: Line, said: str | None, body: bytes) -> None:
    """TX-215: a captive portal says 200 too."""
    us.pages = [Answer(body, headers={"Content-Type": said})]

    assert "a page for people" in refused(line)


@pytest.mark.row("TX-227")
@pytest.mark.parametrize("years", [-10, 0, 10])
def test_it_measures_how_far_the_clocks_are_apart(us: Script, line: Line, years: int) -> None:
    """TX-227, F17."""
    us.pages = [Answer(PAGE, headers={"Date": in_seconds(years * 365 * 86_400)})]

    assert len(asked(line)) == 3
    assert line.skew_s is not None
    assert abs(line.skew_s - years * 365 * 86_400) < 5


@pytest.mark.parametrize("said", [None, "", "now", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_it_does_without_a_date(us: Script, line: Line, said: str | None) -> None:
    us.pages = [Answer(PAGE, headers={"Date": said})]

    assert len(asked(line)) == 3
    assert line.skew_s is None


@pytest.mark.row("TX-228")
@pytest.mark.parametrize("status", [200, 302, 401, 404, 500, 503])
def test_it_never_shows_the_password(us: Script, line: Line, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """TX-228, L11: neither in what is said, nor in a log of whatever level, nor in what stands for the address."""
    caplog.set_level(logging.DEBUG)
    us.answers[OBJECTS] = Answer(b"<html>", status)
    with pytest.raises(PeerUnreachable) as told:
        line.objects("", "")
    logging.getLogger("x").error("fault", exc_info=told.value)

    basic = us.headers[0]["Authorization"].removeprefix("Basic ")
    shown = caplog.text + repr(told.value) + repr(line.address) + str(line.address) + repr(line.connection.__dict__)
    assert PASSWORD not in shown
    assert basic not in shown


@pytest.mark.parametrize("password", ["ñandú €", "a:b", "🔑"])
def test_it_signs_in_with_any_password(us: Script, password: str) -> None:
    with Line(Address("x", f"{us.url}/taxii2/", "mx", lambda: password), "to-mx") as line:
        assert asked(line) == []


# --- where it goes -----------------------------------------------------------------------------------------------
def elsewhere(url: str) -> list[str]:
    """Ways to write an address that is not the server's, or not as it looks."""
    host, port = url.removeprefix("http://").split(":")
    return [
        "http://192.0.2.1/",
        f"https://{host}:{port}/",
        f"http://{host}:1/",
        f"http://{host}/",
        f"http://localhost:{port}/",
        f"http://2130706433:{port}/",
        f"http://0x7f000001:{port}/",
        f"http://0177.0.0.1:{port}/",
        f"http://127.1:{port}/",
        f"http://[::1]:{port}/",
        f"http://[::ffff:127.0.0.1]:{port}/",
        f"http://{host}.:{port}/",
        f"http://{host}:{port}@192.0.2.1/",
        f"http://192.0.2.1\\@{host}:{port}/",
        f"http://192.0.2.1#@{host}:{port}/",
        f"http://192.0.2.1?@{host}:{port}/",
        f"http://192.0.2.1%2f@{host}.evil/",
        f"//192.0.2.1:{port}/",
        f"http:\\\\192.0.2.1:{port}/",
        f"ftp://{host}:{port}/",
        "file:///etc/passwd",
        "gopher://192.0.2.1/",
        "http://",
        f"http://{host}:99999/",
        "http://[/",
    ]


@pytest.mark.row("TX-205")
@pytest.mark.parametrize("n", range(len(elsewhere("http://h:1"))))
def test_it_goes_to_no_other_server_however_that_is_written(us: Script, line: Line, n: int) -> None:
    """N1, TX-205."""
    address = elsewhere(us.url)[n]
    with pytest.raises(Exception) as told:  # noqa: PT011 a line turns any of them into a sentence
        line.connection.get(address)
    assert isinstance(told.value, PeerUnreachable | ValueError), told.value
    assert us.asked == []


@pytest.mark.row("TX-204")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["other host", "same host"])
def test_it_follows_no_redirect(us: Script, line: Line, where: str, status: int) -> None:
    """TX-204, N1: nor does it show its password to whoever it is sent to."""
    with serving() as other:
        target = other.url if where == "other host" else us.url
        us.answers[OBJECTS] = Answer(status=status, headers={"Location": f"{target}/stolen/"})
        assert f"HTTP {status}" in refused(line)
        assert other.asked == []
    assert "/stolen/" not in [path for path, _ in us.asked]


def test_it_takes_no_proxy_and_no_password_from_its_surroundings(
    us: Script, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", "")
        assert asked(line) == []
        assert proxy.asked == []
