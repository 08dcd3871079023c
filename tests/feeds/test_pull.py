"""SYNC: what the peer released is mirrored, sealed, entry for entry, or not at all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cert.errors import PeerUnreachable
from cert.store.engine import reading, writing
from feeds import errands, ledger, pull, store, wire
from feeds.ledger import IN
from feeds.line import PAGE, Line
from feeds.store import Errand
from tests.cast import Node, indicator, made_id
from tests.feeds.scripted import Answer, Giver, Script, date


@pytest.fixture
def mx(mx: Node, us: Script) -> Node:
    """The node of the cast, which knows the peer's root key."""
    us.giver.known_to(mx)
    return mx


def sync(mx: Node, line: Line) -> bool:
    return pull.pull(mx.db, mx.peer, line, mx.clock)


def unreachable(mx: Node, line: Line) -> str:
    with pytest.raises(PeerUnreachable) as told:
        sync(mx, line)
    return str(told.value)


def mirrored(mx: Node) -> list[Any]:
    return [entry.obj() for entry in mx.everything(mx.peer.inbound)]


def told(mx: Node) -> list[Any]:
    """What was mirrored beside checkpoints and keys."""
    return [obj for obj in mirrored(mx) if not wire.kind(obj)]


def stands(mx: Node) -> tuple[int, str]:
    """The last sealed entry of the mirror, and when it was added there."""
    with reading(mx.db) as c:
        return ledger.last_seal(c, mx.peer.inbound, b"").number, store.mirrored_until(c, "us")


def frozen(mx: Node) -> str:
    with reading(mx.db) as c:
        found = ledger.frozen(c, "us", IN)
    return found.code if found else ""


def asked(us: Script) -> list[int]:
    return [int(query["x_puente_after"]) for query in us.polls()]


def test_it_mirrors_all_pages_and_remembers_where_it_stands(mx: Node, us: Script, line: Line) -> None:
    us.giver.page_size = 2
    us.giver.give(indicator(1), indicator(2), indicator(3))

    assert sync(mx, line)
    assert mirrored(mx) == us.giver.log
    assert stands(mx) == (5, date(5))

    assert not sync(mx, line)
    assert asked(us)[-1] == 5


@pytest.mark.parametrize(
    ("page_size", "before"),
    [(500, 0), (2, 0), (2, 1)],
    ids=["with the only page", "with the first of two pages", "with the second"],
)
def test_it_begins_again_in_the_middle_of_a_turn(mx: Node, us: Script, line: Line, page_size: int, before: int) -> None:
    """Given somebody who lets it begin again just while a page is under way, then no entry is left unsealed."""
    us.giver.give(indicator(1), indicator(2))
    sync(mx, line)
    us.giver.page_size = page_size
    us.giver.give(indicator(3), indicator(4), indicator(5))

    def meanwhile(query: dict[str, str]) -> Answer:
        with writing(mx.db) as c:
            errands.pull_again(c, mx.peer, Errand("us", errands.AGAIN, 2, "sofia", mx.clock()), mx.clock())
        return us.giver.page(int(query["x_puente_after"]))

    us.pages = [*([us.giver.page(4)] * before), meanwhile]
    while sync(mx, line):
        pass

    assert (frozen(mx), mirrored(mx)) == ("", us.giver.log)
    with reading(mx.db) as c:
        assert [ledger.seal_of(c, mx.peer.inbound, seal.number) for seal in us.giver.seals] == us.giver.seals


def test_it_keeps_the_seal_of_every_entry(mx: Node, us: Script, line: Line) -> None:
    us.giver.give(indicator(1), indicator(2))
    sync(mx, line)

    with reading(mx.db) as c:
        kept = [ledger.seal_of(c, mx.peer.inbound, number) for number in range(1, 5)]
    assert kept == us.giver.seals


@pytest.mark.row("TX-206", "TX-220")
def test_it_asks_by_number_with_the_same_limit_each_time(mx: Node, us: Script, line: Line) -> None:
    """TX-206, TX-220."""
    us.giver.page_size = 2
    us.giver.give(indicator(1), indicator(2), indicator(3))

    sync(mx, line)

    assert asked(us) == [0, 2, 4]
    assert {(q["limit"], q["match[version]"], q.get("next")) for q in us.polls()} == {(str(PAGE), "all", None)}


def test_it_takes_nothing_of_a_batch_with_a_gap_and_keeps_those_before_it(mx: Node, us: Script, line: Line) -> None:
    us.giver.give(indicator(1))
    sync(mx, line)
    us.giver.page_size = 2
    us.giver.give(indicator(2), indicator(3), indicator(4))
    us.pages = [us.giver.page(3), us.giver.page(6)]

    assert "goes on at entry 7, but the next one we lack is 6" in unreachable(mx, line)
    assert mirrored(mx) == us.giver.log[:3]
    assert frozen(mx) == "gap"


def test_it_takes_no_log_that_does_not_begin_at_its_beginning(mx: Node, us: Script, line: Line) -> None:
    us.giver.give(indicator(1))
    us.pages = [us.giver.page(1)]

    assert unreachable(mx, line)
    assert (mirrored(mx), frozen(mx)) == ([], "gap")


def test_it_asks_for_nothing_while_it_is_frozen_and_goes_on_when_people_say_so(
    mx: Node, us: Script, line: Line
) -> None:
    us.giver.give(indicator(1))
    us.pages = [us.giver.page(1)]
    unreachable(mx, line)

    assert "nothing is taken from him since" in unreachable(mx, line)
    assert len(us.polls()) == 1

    with writing(mx.db) as c:
        assert ledger.settle(c, "us", IN, mx.clock())
    assert sync(mx, line)
    assert told(mx) == [indicator(1)]


def test_it_ends_when_a_server_repeats_the_same_page_for_ever(mx: Node, us: Script, line: Line) -> None:
    """N4."""
    us.giver.page_size = 2
    us.giver.give(indicator(1), indicator(2))
    us.pages = [us.giver.page(0) for _ in range(50)]

    assert unreachable(mx, line)
    assert mirrored(mx) == []
    assert len(us.polls()) == 2


def test_it_ends_when_a_server_has_more_but_nothing_to_give(mx: Node, us: Script, line: Line) -> None:
    us.pages = [us.giver.page(0, more=True, next="a") for _ in range(50)]

    assert not sync(mx, line)
    assert len(us.polls()) == 1


def test_it_asks_again_when_more_comes_without_next_or_more_is_not_said(mx: Node, us: Script, line: Line) -> None:
    """N5, OpenCTI#6734: nothing is lost, whatever the flag says."""
    us.giver.page_size = 1
    us.giver.give(indicator(1), indicator(2))
    us.pages = [us.giver.page(0, next=""), us.giver.page(1, more=False)]

    assert sync(mx, line)
    assert mirrored(mx) == us.giver.log


def test_it_keeps_nothing_that_no_checkpoint_has_closed(mx: Node, us: Script, line: Line) -> None:
    """Given that somebody in between changed an entry in the middle of a batch, when people have talked, then the true
    entries are fetched: the mirror was not spoilt."""
    us.giver.page_size = 2
    us.giver.give(indicator(1), indicator(2), indicator(3))
    true = us.giver.page(0)
    us.pages = [replace(true, body=true.body.replace(b"2026-05-04", b"2026-05-05", 1))]
    assert unreachable(mx, line)
    assert (mirrored(mx), frozen(mx)) == ([], "chain")
    with writing(mx.db) as c:
        ledger.settle(c, "us", ledger.IN, mx.clock())

    assert sync(mx, line)
    assert mirrored(mx) == us.giver.log


def test_it_waits_for_a_peer_that_was_restored_from_an_older_copy(mx: Node, us: Script, line: Line) -> None:
    """F20: his log has become shorter. He takes back from us what he lost, so nobody needs to act."""
    us.giver.give(indicator(1))
    older = us.giver.page(0)
    us.giver.give(indicator(2))
    sync(mx, line)
    us.pages = [Answer(b"{}", headers=older.headers)]

    assert "restored from an older copy" in unreachable(mx, line)
    assert (told(mx), frozen(mx)) == ([indicator(1), indicator(2)], "")

    assert not sync(mx, line)  # he has caught up


def _goes_on_otherwise(giver: Giver) -> None:
    del giver.log[3:], giver.seals[3:]
    giver.give(indicator(9), indicator(8))


def _says_otherwise(giver: Giver) -> None:
    del giver.log[3:], giver.seals[3:]
    giver.give(indicator(9))


@pytest.mark.parametrize("fork", [_goes_on_otherwise, _says_otherwise], ids=["F20 longer", "F20 as long"])
def test_it_mirrors_a_log_rolled_back_by_its_owner_not_over_ours(
    mx: Node, us: Script, line: Line, fork: Callable[[Giver], None]
) -> None:
    """F20: restored from an old copy and used on, his log has other entries under numbers that we have."""
    us.giver.give(indicator(1))
    us.giver.give(indicator(2))
    sync(mx, line)
    held = mirrored(mx)
    fork(us.giver)

    assert unreachable(mx, line)
    assert frozen(mx) in {"fork", "chain"}
    assert mirrored(mx) == held


@pytest.mark.parametrize("odd", ["no object", 5, None, [], {}, {"type": "indicator"}, {"type": 5, "id": []}])
def test_it_mirrors_what_is_no_object_too(mx: Node, us: Script, line: Line, odd: Any) -> None:
    """Judging is for admission; the mirror has the same entries under the same numbers."""
    us.giver.give(indicator(1), odd, indicator(2))

    assert sync(mx, line)
    assert told(mx) == [indicator(1), odd, indicator(2)]


def test_it_mirrors_what_the_peer_said_twice_twice(mx: Node, us: Script, line: Line) -> None:
    us.giver.give(indicator(1), indicator(1), indicator(1, name="otro"))
    sync(mx, line)

    assert told(mx) == [indicator(1), indicator(1), indicator(1, name="otro")]


@pytest.mark.parametrize("page", range(3))
def test_it_loses_and_doubles_nothing_wherever_the_line_breaks(mx: Node, us: Script, line: Line, page: int) -> None:
    """N5: whichever page is cut, the next turn goes on where the last whole one ended."""
    us.giver.page_size = 2
    us.giver.give(indicator(1), indicator(2), indicator(3))
    whole = [us.giver.page(n) for n in (0, 2, 4)]
    us.pages = [*whole[:page], Answer(whole[page].body[:30], headers=whole[page].headers, length=999)]

    assert unreachable(mx, line)
    assert sync(mx, line)

    assert mirrored(mx) == us.giver.log


def test_it_holds_everything_under_the_peer_s_own_name(mx: Node, us: Script, line: Line) -> None:
    us.giver.give(indicator(1))
    sync(mx, line)

    assert {entry.origin for entry in mx.everything(mx.peer.inbound)} == {mx.peer.org}
    assert made_id("indicator", 1) in [entry.id for entry in mx.everything(mx.peer.inbound)]
    assert mx.newest(made_id("indicator", 1)) == []
