"""SYNC: what the peer released is mirrored, entry for entry, or not at all."""

from typing import Any

import pytest

from cert.errors import PeerUnreachable
from cert.store.engine import reading
from feeds import pull, store
from feeds.line import Line
from tests.cast import Node, indicator, made_id
from tests.feeds.scripted import Answer, Script, date, envelope


def sync(mx: Node, line: Line) -> bool:
    return pull.pull(mx.db, mx.peer, line, mx.clock)


def unreachable(mx: Node, line: Line) -> str:
    with pytest.raises(PeerUnreachable) as told:
        sync(mx, line)
    return str(told.value)


def mirrored(mx: Node) -> list[Any]:
    return [entry.obj() for entry in mx.everything(mx.peer.inbound)]


def until(mx: Node) -> str:
    with reading(mx.db) as c:
        return store.mirrored_until(c, "us")


def test_it_mirrors_all_pages_and_remembers_where_it_stands(mx: Node, us: Script, line: Line) -> None:
    us.pages = [envelope([indicator(1), indicator(2)], 1, next="a"), envelope([indicator(3)], 3)]

    assert sync(mx, line)
    assert mirrored(mx) == [indicator(1), indicator(2), indicator(3)]
    assert until(mx) == date(3)

    assert not sync(mx, line)
    assert us.polls()[-1]["added_after"] == date(3)


def test_it_goes_on_with_the_same_question_and_the_server_s_next(mx: Node, us: Script, line: Line) -> None:
    us.pages = [
        envelope([indicator(1)], 1, next="a"),
        envelope([indicator(2)], 2, next="b"),
        envelope([indicator(3)], 3),
    ]

    sync(mx, line)

    assert [(q.get("added_after"), q.get("next")) for q in us.polls()] == [(None, None), (None, "a"), (None, "b")]


def test_it_takes_nothing_after_a_gap_and_keeps_what_came_before_it(mx: Node, us: Script, line: Line) -> None:
    us.pages = [envelope([indicator(1)], 1, next="a"), envelope([indicator(3)], 3)]

    assert "goes on at 3, but the next entry we lack is 2" in unreachable(mx, line)
    assert mirrored(mx) == [indicator(1)]
    assert until(mx) == date(1)


def test_it_takes_no_log_that_does_not_begin_at_its_beginning(mx: Node, us: Script, line: Line) -> None:
    us.pages = [envelope([indicator(5)], 5)]

    assert unreachable(mx, line)
    assert mirrored(mx) == []


def test_it_ends_when_a_server_repeats_the_same_page_for_ever(mx: Node, us: Script, line: Line) -> None:
    """N4."""
    us.pages = [envelope([indicator(1)], 1, next="a") for _ in range(50)]

    assert unreachable(mx, line)
    assert mirrored(mx) == [indicator(1)]
    assert len(us.polls()) == 2


def test_it_ends_when_a_server_has_more_but_nothing_to_give(mx: Node, us: Script, line: Line) -> None:
    us.pages = [envelope([], 1, more=True, next="a") for _ in range(50)]

    assert not sync(mx, line)
    assert len(us.polls()) == 1


def test_it_asks_again_by_date_when_more_comes_without_next(mx: Node, us: Script, line: Line) -> None:
    """N5, OpenCTI#6734: nothing is lost, whatever the flag says."""
    us.pages = [envelope([indicator(1)], 1, more=True), envelope([indicator(2)], 2)]

    assert sync(mx, line)
    assert sync(mx, line)
    assert mirrored(mx) == [indicator(1), indicator(2)]


def test_it_mirrors_a_log_rolled_back_by_its_owner_not_over_ours(mx: Node, us: Script, line: Line) -> None:
    """F20: the peer restored an old backup; his log now goes on with other entries under numbers we have."""
    us.pages = [envelope([indicator(1), indicator(2)], 1)]
    sync(mx, line)
    us.pages = [envelope([indicator(9)], 2)]

    assert "goes on at 2" in unreachable(mx, line)
    assert mirrored(mx) == [indicator(1), indicator(2)]


@pytest.mark.parametrize("odd", ["no object", 5, None, [], {}, {"type": "indicator"}, {"type": 5, "id": []}])
def test_it_mirrors_what_is_no_object_too(mx: Node, us: Script, line: Line, odd: Any) -> None:
    """Judging is for admission; the mirror has the same entries under the same numbers."""
    us.pages = [envelope([indicator(1), odd, indicator(2)], 1)]

    assert sync(mx, line)
    assert mirrored(mx) == [indicator(1), odd, indicator(2)]


def test_it_mirrors_what_the_peer_said_twice_twice(mx: Node, us: Script, line: Line) -> None:
    us.pages = [envelope([indicator(1), indicator(1), indicator(1, name="otro")], 1)]
    sync(mx, line)

    assert mirrored(mx) == [indicator(1), indicator(1), indicator(1, name="otro")]


@pytest.mark.parametrize("page", range(3))
def test_it_loses_and_doubles_nothing_wherever_the_line_breaks(mx: Node, us: Script, line: Line, page: int) -> None:
    """N5: whichever page is cut, the next turn goes on where the last whole one ended."""
    whole = [envelope([indicator(n)], n, next=str(n) if n < 3 else "") for n in (1, 2, 3)]
    cut = Answer(whole[page].body[:30], headers=whole[page].headers, length=len(whole[page].body))
    us.pages = [*whole[:page], cut]

    assert unreachable(mx, line)
    us.pages = [*whole[page:]]
    assert sync(mx, line)

    assert mirrored(mx) == [indicator(1), indicator(2), indicator(3)]


def test_it_holds_everything_under_the_peer_s_own_name(mx: Node, us: Script, line: Line) -> None:
    us.pages = [envelope([indicator(1)], 1)]
    sync(mx, line)

    (entry,) = mx.everything(mx.peer.inbound)
    assert (entry.origin, entry.id) == (mx.peer.org, made_id("indicator", 1))
    assert mx.newest(made_id("indicator", 1)) == []
