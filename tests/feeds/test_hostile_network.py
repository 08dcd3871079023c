"""Whatever a network or a clock does to an answer is said, changes nothing, and is soon over."""

import gzip
from pathlib import Path

import pytest

from cert.stix import format_timestamp
from config.cast import US
from feeds import packed, seal, transport, wire
from feeds.connection import Address
from feeds.drain import Drain
from feeds.line import Line
from feeds.trust import Trust
from tests.cast import DAY, START, Node, indicator, made_id
from tests.feeds.certificates import IMPOSTORS, authority, tls
from tests.feeds.circles import CIRCLES
from tests.feeds.hostile import FIRST, SECOND, Victim
from tests.feeds.scripted import OBJECTS, Answer, Script, envelope, serving


# --- lies of the network -----------------------------------------------------------------------------------------
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(transport, "ANSWER_TIMEOUT_S", 0.4)
    monkeypatch.setattr(packed, "BIGGEST_ANSWER", 1 << 20)


GZIP: dict[str, str | None] = {"Content-Encoding": "gzip"}
NETWORK: dict[str, Answer] = {
    "N1 redirect": Answer(status=302, headers={"Location": "http://192.0.2.1/"}),
    "N1 sign-in page": Answer(b"<!doctype html><title>Sign in</title>"),
    "N4 for ever in headers": Answer(length=99, drip="headers"),
    "N4 for ever in the body": Answer(b"{", length=1 << 30, drip="body"),
    "N4 silence": Answer(length=99, hold=True),
    "N5 cut before it begins": Answer(cut=True),
    "N5 half a page": Answer(b'{"objects": [', length=999),
    "N6 bomb": Answer(gzip.compress(b" " * (64 << 20), 1), headers=GZIP),
    "N6 bomb in a bomb": Answer(gzip.compress(gzip.compress(b" " * (64 << 20), 1)), headers=GZIP),
    "N6 chained": Answer(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip, gzip"}),
    "N6 larger than it may be": Answer(b'"' + b"x" * (2 << 20) + b'"'),
    "P4 deep": Answer(b"[" * 1_000_000),
    "P5 doubled key": Answer(b'{"objects": [], "objects": [1]}'),
    "P6 number": Answer(b'{"objects": [1e999]}'),
    "P7 surrogate": Answer(b'{"objects": ["\\ud800"]}'),
    "S1 our account is refused": Answer(status=401),
    "F14 busy": Answer(status=503, headers={"Retry-After": "3600"}),
    "F14 broken": Answer(status=500),
}


@pytest.mark.parametrize("what", NETWORK)
def test_an_answer_that_is_none_is_said_and_changes_nothing(
    victim: Victim, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow(monkeypatch)
    victim.us.answers[OBJECTS] = NETWORK[what]

    for _ in range(2):
        victim.attempt()
        assert "cannot be read: " in victim.fault()
        assert (victim.admitted(), victim.frozen()) == ({FIRST}, "")

    victim.us.giver.give(indicator(2))
    victim.tell_the_truth()
    assert (victim.admitted(), victim.fault()) == ({FIRST, SECOND}, "")


def test_f15_a_page_cut_anywhere_is_taken_whole_or_not_at_all(victim: Victim) -> None:
    victim.us.giver.give(indicator(2))
    whole = victim.us.giver.page(3)
    packed_page = gzip.compress(whole.body)
    cuts = [(whole.body, whole.headers, at) for at in range(0, len(whole.body), len(whole.body) // 12)]
    cuts += [(packed_page, whole.headers | GZIP, at) for at in range(0, len(packed_page), len(packed_page) // 6)]
    for body, headers, at in cuts:
        for length in (len(body), at):  # the line breaks, or a proxy ends it neatly
            victim.us.pages = [Answer(body[:at], headers=headers, length=length)]
            victim.attempt()
            assert victim.fault(), at
            assert len(victim.mx.everything("from:us")) == 3

    victim.attempt()
    assert (victim.admitted(), victim.fault()) == ({FIRST, SECOND}, "")


def test_f16_pages_in_any_order_end_in_the_same_log(victim: Victim) -> None:
    victim.us.giver.page_size = 2  # an object and its checkpoint
    for n in range(2, 5):
        victim.us.giver.give(indicator(n))
    victim.us.pages = [victim.us.giver.page(n) for n in (1, 3, 3, 1, 5, 0)]
    for _ in range(8):
        victim.attempt()
    victim.us.pages = []

    for _ in range(3):
        victim.attempt()

    assert [entry.obj() for entry in victim.mx.everything("from:us")] == victim.us.giver.log
    assert victim.admitted() == {made_id("indicator", n) for n in range(1, 5)}


@pytest.mark.parametrize("what", IMPOSTORS)
def test_f21_whoever_cannot_prove_who_he_is_hears_and_gives_nothing(victim: Victim, tmp_path: Path, what: str) -> None:
    """N2: and the true server, with another certificate, goes on where it was."""
    root = authority()
    trust = Trust(root.root.write(tmp_path, "root")[0])
    for made, fault in ((IMPOSTORS[what](root), "not one we trust"), (root.issue(), "")):
        with serving(tls(tmp_path, made)) as us:
            us.giver.give(indicator(1))
            us.giver.give(indicator(2))
            with Line(Address(US.name, f"{us.url}/taxii2/", "mx", lambda: "s" * 40, trust), "to-mx") as line:
                victim.line = line
                victim.attempt()
            assert fault in victim.fault()
            assert bool(us.asked) is not bool(fault)
            assert (SECOND in victim.admitted()) is not bool(fault)


# --- lies of a server that seals nothing -------------------------------------------------------------------------
@pytest.mark.parametrize("what", CIRCLES)
def test_a_circle_of_a_server_that_seals_nothing_is_said(mx: Node, us: Script, line: Line, what: str) -> None:
    victim = Victim(mx, us, line)
    drained = Drain(mx.db, mx.peer, line, mx.clock)
    CIRCLES[what](us)

    victim.attempt(drained.turn)
    victim.attempt(drained.turn)
    assert "us: its server" in victim.fault()
    assert victim.admitted()

    us.pages = [envelope([indicator(77)], 99)]
    victim.attempt(drained.turn)
    assert (made_id("indicator", 77) in victim.admitted(), victim.fault()) == (True, "")


# --- clocks ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("years", [-10, 10])
def test_f17_a_clock_that_is_years_off_changes_nothing(victim: Victim, years: int) -> None:
    """Neither in the `Date` header, nor in when entries were added, nor in what closes them."""
    off = years * 365 * DAY
    giver = victim.us.giver
    giver.add(indicator(2))
    told = {"number": giver.last.number, "link": giver.last.link.hex(), "key": giver.signer.id}
    signature = seal.signature(giver.signer, giver.start, giver.last)
    said = {"created": format_timestamp(START + off), "modified": format_timestamp(START + off)}
    giver.say(wire.CHECKPOINT, **told | {"signature": signature} | said)
    page = giver.page(3, added=format_timestamp(START + off, 6))
    date_header: dict[str, str | None] = {"Date": f"Mon, 04 May {2026 + years} 09:30:00 GMT"}
    victim.us.pages = [Answer(page.body, headers=page.headers | date_header)]

    victim.attempt()
    assert (victim.admitted(), victim.fault(), victim.aside()) == ({FIRST, SECOND}, "", {})
    assert victim.line.skew_s is not None

    giver.give(indicator(3))
    victim.attempt()
    assert made_id("indicator", 3) in victim.admitted()
