"""For a server that cannot fetch: what was released is posted, in parts it takes, and what it refuses is in sight."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from cert import follow
from cert.errors import PeerUnreachable
from cert.follow import now_us
from cert.store import aside, log, signin
from cert.store.engine import reading, writing
from config import wiring
from config.cast import US
from feeds import post, wire
from feeds.line import Line, TooLarge
from tests.cast import indicator, made_id
from tests.feeds.border import Both
from tests.feeds.scripted import OBJECTS, Answer, Script


@pytest.fixture
def bench(both: Both) -> str:
    """A workbench of the United States that Mexico's account may write to."""
    with writing(both.us.db) as c:
        signin.grant(c, "mx", "import", can_read=True, can_write=True)
    return "import"


@contextmanager
def posting(both: Both, bench: str) -> Iterator[Line]:
    with wiring.line_to(both.mx.settings, both.mx.db, both.mx.peer, bench) as line:
        yield line


def turn(both: Both, line: Line) -> None:
    while follow.turn(both.mx.db, post.follower(both.mx.db, both.mx.peer, line, now_us), now_us):
        pass


def arrived(both: Both) -> set[str]:
    return {entry.id for entry in both.us.entries("bench:import")}


def refused(both: Both) -> list[tuple[str, str]]:
    with reading(both.mx.db) as c:
        return [(one.stix_id, str(one.why)) for one in aside.all_aside(c, 99, "post:us")]


@pytest.mark.row("TX-217")
def test_it_posts_what_was_released_and_nothing_of_what_nodes_tell_each_other(both: Both, bench: str) -> None:
    both.mx.give(indicator(1), indicator(2))
    both.settle()

    with posting(both, bench) as line:
        turn(both, line)

    released = {entry.id for entry in both.mx.entries("to:us") if not wire.kind(entry.obj())}
    assert {made_id("indicator", 1), made_id("indicator", 2)} <= released
    assert {made_id("indicator", 1), made_id("indicator", 2)} <= arrived(both)
    assert arrived(both) | {stix_id for stix_id, _ in refused(both)} == released  # what is signed by us is not a feed's


@pytest.mark.row("TX-213")
def test_it_may_be_done_again(both: Both, bench: str) -> None:
    both.mx.give(indicator(1))
    both.settle()
    with posting(both, bench) as line:
        turn(both, line)
        before = both.us.entries("bench:import")
        with writing(both.mx.db) as c:
            log.move_cursor(c, "post:us", log.cursor(c, "post:us"), 0)

        turn(both, line)

    assert both.us.entries("bench:import") == before


@pytest.mark.row("TX-217")
def test_what_the_server_refuses_is_set_aside_with_its_reason_and_the_rest_arrives(both: Both, bench: str) -> None:
    both.mx.give(indicator(1), indicator(2, created_by_ref=US.identity), indicator(3))  # we may not speak for them
    both.settle()

    with posting(both, bench) as line:
        turn(both, line)

    assert {made_id("indicator", 1), made_id("indicator", 3)} <= arrived(both)
    assert len(dict(refused(both))[made_id("indicator", 2)]) > 10


@pytest.mark.row("TX-219")
def test_it_keeps_envelopes_below_what_the_server_takes(
    both: Both, bench: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    whole = Line.deposit

    def deposit(line: Line, bodies: Any) -> dict[str, str]:
        sizes.append(len(b'{"objects":[' + b",".join(bodies) + b"]}"))
        return whole(line, bodies)

    monkeypatch.setattr(Line, "deposit", deposit)
    monkeypatch.setattr(Line, "longest", lambda _line: 2_000)
    both.mx.give(*(indicator(n) for n in range(20)))
    both.settle()

    with posting(both, bench) as line:
        turn(both, line)

    assert max(sizes) <= 2_000
    assert {made_id("indicator", n) for n in range(20)} <= arrived(both)


@pytest.mark.row("TX-219")
def test_it_halves_what_is_too_large(both: Both, bench: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a server that takes less than it says, everything arrives but the one object that is too large alone."""
    whole = Line.deposit

    def deposit(line: Line, bodies: Any) -> dict[str, str]:
        if sum(map(len, bodies)) > 3_000:
            raise TooLarge("too large")
        return whole(line, bodies)

    monkeypatch.setattr(Line, "deposit", deposit)
    both.mx.give(*(indicator(n) for n in range(20)), indicator(99, description="x" * 4_000))
    both.settle()

    with posting(both, bench) as line:
        turn(both, line)

    assert {made_id("indicator", n) for n in range(20)} <= arrived(both)
    assert "no object of this length" in dict(refused(both))[made_id("indicator", 99)]


STATUS = f"/root/status/{made_id('status', 1)}/"


def status(state: str, **more: Any) -> Answer:
    body = {"id": made_id("status", 1), "status": state, "total_count": 1, "success_count": 1, "failure_count": 0}
    return Answer(json.dumps(body | {"pending_count": 0} | more).encode(), status=more.pop("code", 200))


@pytest.mark.row("TX-217")
def test_it_waits_for_a_server_that_decides_later(us: Script, line: Line) -> None:
    pending = [status("pending"), status("complete", failures=[{"id": "x--1", "message": "No."}], failure_count=1)]
    us.answers[OBJECTS] = replace(status("pending"), status=202)
    us.answers[STATUS] = lambda _query: pending.pop(0)

    assert line.deposit([b"{}"]) == {"x--1": "No."}


@pytest.mark.row("TX-218")
@pytest.mark.parametrize("more", [{}, {"successes": []}, {"failures": [], "pendings": []}, {"x_more": 1}])
def test_it_reads_a_status_that_says_little(us: Script, line: Line, more: dict[str, Any]) -> None:
    us.answers[OBJECTS] = replace(status("complete", **more), status=202)

    assert line.deposit([b"{}"]) == {}


@pytest.mark.row("TX-218")
def test_a_status_that_hides_what_failed_is_no_answer(us: Script, line: Line) -> None:
    us.answers[OBJECTS] = replace(status("complete", failure_count=1), status=202)

    with pytest.raises(PeerUnreachable, match="does not say which"):
        line.deposit([b"{}"])
