"""The index is kept equal to the record, built anew beside the live one, and compared: on both engines."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cert import follow
from cert.errors import Conflict, Missing
from cert.intake import WORKBENCH
from cert.search import fill, keep
from cert.search.index import Index, Mark, Shelf
from cert.search.keep import Keeper
from cert.search.query import parse
from cert.store import aside, log
from cert.store.engine import reading, writing
from cert.store.log import RECORD
from config import wiring
from config.node import IMPORT
from tests.cast import Node, concerns, incident, made_id, marked
from tests.cert.search.shelves import compared, keeper_of, nothing, settle, shelf_on

GREEN = {"object_marking_refs": marked("green")}


@pytest.fixture(params=["embedded", "elastic"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    with shelf_on(request, request.param, tmp_path / "shelf") as made:
        yield made


@pytest.fixture
def keeper(mx: Node, shelf: Shelf) -> Iterator[Keeper]:
    with closing(keeper_of(mx.db, shelf, mx.clock)) as made:
        yield made


def found(mx: Node, index: Index, text: str = "suceso") -> int:
    return index.search(parse(text), mx.viewer("luis").labels, 99).count


def cursor(mx: Node, index: Index) -> int:
    with reading(mx.db) as c:
        return log.cursor(c, fill.cursor_name(index))


def test_it_makes_the_index_and_fills_it(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    mx.say(*(incident(n, **GREEN) for n in range(5)))

    settle(keeper)

    assert found(mx, shelf.live()) == 5
    assert compared(mx.db, shelf.live()).wrong == 0
    assert compared(mx.db, shelf.live()).right == shelf.live().count() > 5


def test_it_goes_on_where_it_stopped(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    mx.say(incident(1, **GREEN))
    settle(keeper)
    keeper.close()
    mx.say(incident(2, **GREEN))

    with closing(keeper_of(mx.db, shelf, mx.clock)) as second:
        settle(second)

    assert found(mx, shelf.live()) == 2
    assert shelf.live().mark() == Mark(len(mx.everything()), mx.everything()[-1].date_added)


def test_it_builds_beside_the_live_index_and_takes_its_place(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    mx.say(*(incident(n, **GREEN) for n in range(5)))
    settle(keeper)
    keeper.close()
    before, reader = shelf.generations()[0], shelf.live()

    comparison = keep.rebuild(mx.db, shelf, mx.clock, nothing)

    assert (comparison.wrong, comparison.behind) == (0, 0)
    assert shelf.generations() != (before, None)
    assert shelf.generations()[1] is None
    assert found(mx, reader) == 5
    assert shelf.sweep() == []


def test_it_lets_a_running_worker_promote_what_was_built(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    """No search finds fewer meanwhile: the new index is level with the record before anybody sees it."""
    mx.say(*(incident(n, **GREEN) for n in range(5)))
    settle(keeper)
    held = follow.take_lock(mx.db, keep.TASK)
    assert held is not None
    reader, before = shelf.live(), shelf.generations()[0]
    counts = []
    with held:
        building = threading.Thread(target=keep.rebuild, args=(mx.db, shelf, mx.clock, nothing))
        building.start()
        n = 5
        while building.is_alive():
            mx.say(incident(n, **GREEN))
            n += 1
            settle(keeper)
            counts.append(found(mx, reader))
        building.join()

    assert shelf.generations()[0] != before
    assert counts == sorted(counts), "somebody found fewer than he had found before"
    assert compared(mx.db, shelf.live()).wrong == 0


def test_it_rebuilds_once_at_a_time(mx: Node, shelf: Shelf) -> None:
    held = follow.take_lock(mx.db, "rebuild")
    assert held is not None
    with held, pytest.raises(Conflict, match="already"):
        keep.rebuild(mx.db, shelf, mx.clock, nothing)


def test_it_removes_what_a_rebuild_left_that_was_killed(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    mx.say(incident(1, **GREEN))
    settle(keeper)
    left = shelf.add()
    with closing(shelf.open(left)) as half:
        follow.turn(mx.db, fill.follower(mx.db, half, mx.clock), mx.clock)
    keeper.close()

    keep.rebuild(mx.db, shelf, mx.clock, nothing)

    with pytest.raises(Missing):
        shelf.open(left)
    with reading(mx.db) as c:
        assert log.cursor(c, fill.cursor_of(left)) == 0


def test_it_names_what_differs(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    mx.say(*(incident(n, **GREEN) for n in range(5)))
    settle(keeper)
    live = shelf.live()
    with reading(mx.db) as c:
        lacking, outdated = [e.line or 0 for e in mx.newest(made_id("incident", 1), made_id("incident", 2))]
        (other,) = fill.documents(c, [outdated])
        mark = live.mark()
    assert mark
    keeper.close()
    with closing(shelf.open(live.generation)) as index:
        index.write([other._replace(exact="otro"), other._replace(line=9_999_999)], [lacking], mark)

    comparison = compared(mx.db, live)

    assert (comparison.lacking, comparison.outdated, comparison.surplus) == ((lacking,), (outdated,), (9_999_999,))
    assert comparison.wrong == 3


def test_it_starts_again_from_what_an_index_holds_that_was_restored(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    """Its cursor says more than is there: an older copy of the index came back."""
    mx.say(incident(1, **GREEN))
    settle(keeper)
    mx.say(incident(2, **GREEN))
    with reading(mx.db) as c:
        name = fill.cursor_name(shelf.live())
        at, head = log.cursor(c, name), log.head(c, RECORD)
    with writing(mx.db) as c:
        log.move_cursor(c, name, at, head)

    with closing(keeper_of(mx.db, shelf, mx.clock)) as after_restore:
        keeper.close()
        settle(after_restore)

    assert found(mx, shelf.live()) == 2


def test_it_makes_a_new_index_when_the_record_was_restored(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    """The numbers it gives out again mean other entries than those that the index holds."""
    mx.say(incident(1, **GREEN))
    settle(keeper)
    before = shelf.generations()[0]
    keeper.close()
    with closing(shelf.open(before or "")) as index:
        mark = index.mark()
        assert mark
        index.write([], [], Mark(mark.number, mark.added - 1))

    with closing(keeper_of(mx.db, shelf, mx.clock)) as after_restore:
        settle(after_restore)

    assert shelf.generations()[0] != before
    assert compared(mx.db, shelf.live()).wrong == 0


def test_it_indexes_again_all_that_waits_after_the_index_was_lost(mx: Node, shelf: Shelf, keeper: Keeper) -> None:
    mx.say(*(incident(n, **GREEN) for n in range(3)))
    settle(keeper)
    generation = shelf.generations()[0]
    keeper.close()
    shelf.promote(shelf.add())
    shelf.sweep()

    settle(keeper)

    assert shelf.generations()[0] != generation
    assert (found(mx, shelf.live()), cursor(mx, shelf.live())) == (3, len(mx.everything()))


HOSTILE: dict[str, dict[str, Any]] = {
    "a long id of a system": {"extensions": concerns("infrastructure--" + "z" * 500_000)},
    "a word of a megabyte": {"description": "x" * 1_000_000},
    "a label of a megabyte": {"labels": ["rsit:" + "y" * 1_000_000 + '="z"']},
    "ten thousand labels": {"labels": [f"l{n}" for n in range(10_000)]},
    "year one": {"created": "0001-01-01T00:00:00.000Z", "modified": "0001-01-01T00:00:00.000Z"},
    "combining marks": {"name": "a" + "\u0301" * 50_000},
    "every plane": {"name": "".join(map(chr, range(0x1F300, 0x1F700)))},
    "only signs": {"name": "\u200b\u202e"},
    "deep": {"x_deep": {"a": {"b": {"c": [[[["d"]]]]}}}},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_it_indexes_whatever_the_door_lets_in(mx: Node, shelf: Shelf, keeper: Keeper, what: str) -> None:
    """Nothing a stranger sends may stop the follower, or be lost to it."""
    mx.deposit(
        incident(1, object_marking_refs=marked("green")) | HOSTILE[what],
        incident(2, object_marking_refs=marked("green")),
    )
    mx.follow(wiring.intake_follower(WORKBENCH + IMPORT))
    settle(keeper)

    with reading(mx.db) as c:
        assert aside.all_aside(c, 9) == []
        assert log.cursor(c, fill.cursor_name(shelf.live())) == log.head(c, "record")
    assert found(mx, shelf.live(), "type:incident") == 2
