"""How the exchange goes, on a page and by command, and what an operator can do about it."""

import json
from pathlib import Path

import pytest

from cert import follow
from cert.errors import PeerUnreachable, Phrase, Refused
from cert.follow import Follower, now_us
from cert.stix import format_timestamp
from cert.store import aside, log
from cert.store.engine import writing
from feeds import ledger, release
from feeds.health import BROKEN, FLOWS, FROZEN, PAUSED, WAITS
from feeds.line import Line
from tests.cast import MINUTE, indicator, made_id
from tests.feeds import border
from tests.feeds.border import Both, Nation, puente, states, told
from tests.feeds.scripted import Answer, Script


def test_it_flows_when_both_are_in_step(both: Both) -> None:
    both.mx.give(indicator(1))
    both.settle()

    assert states(both.mx) == states(both.us) == (FLOWS, FLOWS)
    found = told(both.mx)
    assert (found["out"]["waiting"], found["in"]["waiting"], found["quarantine"]) == (0, 0, 0)
    assert found["out"]["entries"] == len(both.mx.entries("to:us"))


@pytest.mark.row("TX-225")
def test_what_was_released_and_not_receipted_waits_and_is_late_after_a_while(both: Both) -> None:
    both.mx.give(indicator(1), indicator(2))
    both.mx.tasks["release"].turn()

    assert states(both.mx) == (FLOWS, FLOWS)
    assert states(both.mx, MINUTE) == (WAITS, FLOWS)
    assert told(both.mx)["out"]["waiting"] == 3  # and the checkpoint


def test_what_waits_is_seen_behind_our_own_receipts(both: Both) -> None:
    """Given a nation that gave little and acknowledged much, when it gives again, then that is seen to wait."""
    for n in range(4):
        both.us.give(indicator(n))
        both.settle()
    both.mx.give(indicator(9))
    both.mx.tasks["release"].turn()

    assert told(both.mx)["out"]["waiting"] == 2  # and the checkpoint


def test_what_is_decided_and_not_sent_waits_too(both: Both) -> None:
    both.mx.give(indicator(1))

    assert states(both.mx, MINUTE) == (WAITS, FLOWS)


def test_what_is_only_filed_at_home_is_nobody_s_business(both: Both) -> None:
    with writing(both.mx.db) as c:
        log.append_acts(c, "record", "other", [{"who": "ana"}], now_us())

    assert states(both.mx, MINUTE) == (FLOWS, FLOWS)


@pytest.mark.row("TX-225")
def test_a_paused_direction_rests_and_loses_nothing(both: Both) -> None:
    assert puente(both.mx, "peer", "pause", "us", "--direction", "out").exit_code == 0
    both.mx.give(indicator(1))
    both.settle()
    assert states(both.mx)[0] == PAUSED
    assert made_id("indicator", 1) not in [entry.id for entry in both.us.entries()]

    assert puente(both.mx, "peer", "resume", "us").exit_code == 0
    both.settle()
    assert made_id("indicator", 1) in [entry.id for entry in both.us.entries()]
    assert puente(both.mx, "peer", "resume", "us").exit_code == 1


def test_a_frozen_direction_says_why_until_it_is_let_go_on(both: Both) -> None:
    with writing(both.mx.db) as c:
        ledger.freeze(c, "us", ledger.IN, Refused("fork", "Entry 3 is another one."), b"{}", now_us())
    both.us.give(indicator(1))
    with pytest.raises(Exception, match="Entry 3 is another one"):
        both.settle()

    assert states(both.mx)[1] == FROZEN
    done = puente(both.mx, "peers")
    assert (done.exit_code, "Entry 3 is another one." in done.output) == (3, True)

    puente(both.mx, "peer", "resume", "us")
    both.settle()
    assert states(both.mx)[1] == FLOWS
    assert made_id("indicator", 1) in [entry.id for entry in both.mx.entries()]


def test_a_fault_of_the_line_is_told(both: Both) -> None:
    with writing(both.mx.db) as c:
        aside.report(c, "pull:us", ok=False, why=Phrase("Nothing answers there."), now=now_us())

    assert states(both.mx)[1] == BROKEN
    assert told(both.mx)["in"]["trouble"] == "Nothing answers there."


@pytest.mark.row("TX-225")
def test_it_says_when_a_direction_that_is_broken_is_tried_again(both: Both) -> None:
    """TX-225: and not where it waits for people."""
    at = now_us() + MINUTE
    with writing(both.mx.db) as c:
        aside.report(c, "pull:us", ok=False, why=Phrase("Nothing answers there."), now=now_us(), next_try=at)

    assert told(both.mx)["in"]["next_try"] == format_timestamp(at)
    assert f"tried again at {format_timestamp(at)}" in puente(both.mx, "peers").output
    assert told(both.mx)["out"]["next_try"] is None

    puente(both.mx, "peer", "pause", "us")
    assert told(both.mx)["in"]["next_try"] is None


@pytest.mark.row("TX-213")
def test_the_next_try_is_when_the_server_that_asked_us_to_wait_is_asked_again(us: Script, line: Line) -> None:
    """TX-213: each turn until then says the same moment."""
    us.pages = [Answer(status=503, headers={"Retry-After": "60"})]
    tries = []
    for _ in range(2):
        with pytest.raises(PeerUnreachable) as told:
            line.objects("", "")
        tries.append(told.value.wait_s)

    assert 0 < tries[1] < tries[0] == 60
    assert len(us.polls()) == 1


def test_it_says_whether_anybody_works_on_a_direction(both: Both) -> None:
    assert [told(both.mx)[way]["worked_on"] for way in ("out", "in")] == [False, False]
    assert "start `puente border`" in puente(both.mx, "peers").output

    lock = follow.take_lock(both.mx.db, "pull:us")
    assert lock is not None
    with lock:
        assert [told(both.mx)[way]["worked_on"] for way in ("out", "in")] == [False, True]


# --- commands ----------------------------------------------------------------------------------------------------
def test_it_reconciles_logs_that_are_equal(both: Both) -> None:
    done = puente(both.mx, "reconcile", "us")

    assert done.exit_code == 0, done.output
    assert done.output.count("equal as far as both go") == 2


@pytest.mark.parametrize("place", ["the first", "in the middle", "the last"])
def test_it_names_the_first_entry_that_differs(both: Both, place: str) -> None:
    head = len(both.us.entries("from:mx"))
    number = {"the first": 1, "in the middle": head // 2, "the last": head}[place]
    with writing(both.us.db) as c:
        c.exec_driver_sql(
            "UPDATE seals SET link = zeroblob(32) WHERE number >= ? "
            "AND log = (SELECT n FROM logs WHERE name = 'from:mx')",
            (number,),
        )

    done = puente(both.mx, "reconcile", "us", "--json")

    assert done.exit_code == 3
    assert [one["differs_at"] for one in json.loads(done.stdout)] == [number, None]


def test_it_fetches_again_what_it_holds_and_nothing_is_double(both: Both) -> None:
    before = both.mx.entries("from:us"), both.mx.seals("from:us"), len(both.mx.entries())

    assert puente(both.mx, "peer", "pull-again", "us", "--from", "3").exit_code == 0
    both.settle()

    assert (both.mx.entries("from:us"), both.mx.seals("from:us"), len(both.mx.entries())) == before
    assert states(both.mx) == states(both.us) == (FLOWS, FLOWS)


def test_it_sees_that_its_own_mirror_was_changed(both: Both) -> None:
    """F24: what is fetched again is compared byte by byte with what is held."""
    with writing(both.mx.db) as c:
        c.exec_driver_sql(
            "UPDATE bodies SET body = CAST(replace(CAST(body AS TEXT), 'a', 'b') AS BLOB) WHERE n = (SELECT body "
            "FROM entries WHERE log = (SELECT n FROM logs WHERE name = 'from:us') AND number = 5)"
        )
    puente(both.mx, "peer", "pull-again", "us")

    with pytest.raises(Exception, match="Entry 5 of his log is another one"):
        both.settle()
    assert both.mx.frozen() == "fork"


def test_a_new_key_seals_beside_the_old_one_and_the_old_one_can_be_retired(both: Both) -> None:
    """F22."""
    old = json.loads(puente(both.mx, "keys", "show", "--json").stdout)["keys"][0]["id"]
    assert puente(both.mx, "keys", "rotate").exit_code == 0
    both.mx.restart()
    both.mx.give(indicator(1))
    both.settle()
    assert puente(both.mx, "keys", "retire", old[:12]).exit_code == 0
    both.mx.restart()
    both.mx.give(indicator(2))
    both.settle()

    assert both.us.frozen() == ""
    assert {made_id("indicator", n) for n in (1, 2)} <= {entry.id for entry in both.us.entries()}
    keys = json.loads(puente(both.mx, "keys", "show", "--json").stdout)["keys"]
    assert [key["trusted"] for key in keys] == [False, True]


def test_the_key_in_use_cannot_be_retired(both: Both) -> None:
    (key,) = json.loads(puente(both.mx, "keys", "show", "--json").stdout)["keys"]

    done = puente(both.mx, "keys", "retire", key["id"])

    assert (done.exit_code, "in use" in done.output) == (1, True)


def test_what_an_older_version_left_unsealed_is_sealed_and_read_on(two_nodes: Path, tmp_path: Path) -> None:
    """Given two nodes that exchanged before there were seals, when both are brought up to date, nothing is lost."""
    with border.both(two_nodes, tmp_path / "both") as both:
        _exchange_as_before_there_were_seals(both.mx, both.us)
        assert (both.mx.seals("to:us"), len(both.us.entries("from:mx"))) == ([], 5)

        both.mx.give(indicator(1))
        both.settle()

        assert both.mx.seals("to:us") == both.us.seals("from:mx")
        assert [e.body for e in both.mx.entries("to:us")] == [e.body for e in both.us.entries("from:mx")]
        assert made_id("indicator", 1) in [entry.id for entry in both.us.entries()]
        assert states(both.mx) == states(both.us) == (FLOWS, FLOWS)


def _exchange_as_before_there_were_seals(giver: Nation, taker: Nation) -> None:
    """Release without closing, and mirror the first five entries."""
    sends = Follower("release:us", "record", inside=release.send(giver.peer, lambda *_: None), take=release.one_act)
    while follow.turn(giver.db, sends, now_us):
        pass
    with writing(taker.db) as c:
        log.mirror(c, "from:mx", [entry.body for entry in giver.entries("to:us")[:5]], now_us())
