"""The contract of the logs: numbers, dates, verdicts, bodies, cursors."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from cert.errors import Conflict, NotFound
from cert.stix import Micros
from cert.store import current, log
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.tables import bodies, ids
from tests.cast import MINUTE, SECOND, START, address, incident, indicator, made_id, marked
from tests.cert.store.statements import CERT, CUSTOMS, NOW, outcomes, put, read, said


@pytest.fixture
def c(store: Engine) -> Iterator[Connection]:
    with writing(store) as connection:
        yield connection


# --- numbers -----------------------------------------------------------------------------------------------------
def test_it_numbers_entries_from_one_without_gaps(store: Engine) -> None:
    verdicts = put(store, *(said(indicator(n)) for n in range(5))) + put(store, said(indicator(9)))

    assert [verdict.number for verdict in verdicts] == [1, 2, 3, 4, 5, 6]
    assert [entry.number for entry in read(store)] == [1, 2, 3, 4, 5, 6]


def test_it_numbers_each_log_by_itself(store: Engine) -> None:
    put(store, said(indicator(1)), said(indicator(2)))
    put(store, said(indicator(1)), to="bench:x")

    assert [entry.number for entry in read(store, "bench:x")] == [1]


def test_it_takes_no_number_for_what_is_rolled_back(store: Engine) -> None:
    put(store, said(indicator(1)))
    with contextlib.suppress(InterruptedError), writing(store) as c:
        log.append(c, "record", [said(indicator(2))], NOW)
        raise InterruptedError

    assert put(store, said(indicator(3)))[0].number == 2
    assert [entry.id for entry in read(store)] == [made_id("indicator", 1), made_id("indicator", 3)]


def test_it_shows_a_slow_writer_s_entries_before_a_fast_one_s(store: Engine) -> None:
    """The fast one waits for its number, so it cannot overtake a smaller one that is not committed yet."""
    appended, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with writing(store) as c:
            log.append(c, "record", [said(indicator(1))], NOW)
            appended.set()
            assert go_on.wait(30)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(slow)
        assert appended.wait(30)
        second = pool.submit(put, store, said(indicator(2)))
        assert read(store) == []
        go_on.set()
        first.result()
        assert second.result()[0].number == 2

    assert [entry.id for entry in read(store)] == [made_id("indicator", n) for n in (1, 2)]


def test_it_loses_what_a_killed_writer_had_not_committed_and_nothing_else(store: Engine, url: str) -> None:
    put(store, said(indicator(1)))
    program = f"from tests.cert.store.writers import write_and_hang; write_and_hang({url!r})"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"appended\n"
        writer.kill()

    assert put(store, said(indicator(8)))[0].number == 2
    assert [entry.id for entry in read(store)] == [made_id("indicator", n) for n in (1, 8)]


# --- dates -------------------------------------------------------------------------------------------------------
def test_it_dates_entries_strictly_rising_even_when_the_clock_steps_back(store: Engine) -> None:
    put(store, said(indicator(1)), said(indicator(2)), now=NOW)
    put(store, said(indicator(3)), now=NOW - MINUTE)
    put(store, said(indicator(4)), now=NOW + MINUTE)

    dates = [entry.date_added for entry in read(store)]
    assert dates == [NOW, NOW + 1, NOW + 2, NOW + MINUTE]


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2**50), st.integers(1, 4)), max_size=8))
def test_it_keeps_numbers_and_dates_in_step_whatever_the_clock_says(
    store: Engine, ticks: list[tuple[int, int]]
) -> None:
    with writing(store) as c:
        for now, count in ticks:
            log.append_acts(c, "acts", "tick", [{"n": n} for n in range(count)], now)
    with reading(store) as c:
        found = [(entry.number, entry.date_added) for entry in log.after(c, "acts", 0, 10_000)]

    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    assert [added for _, added in found] == sorted({added for _, added in found})


# --- verdicts ----------------------------------------------------------------------------------------------------
def test_it_calls_the_same_content_a_duplicate_and_names_where_it_stands(store: Engine) -> None:
    (first,) = put(store, said(indicator(1)))
    (again,) = put(store, said(indicator(1)))

    assert (again.outcome, again.number) == ("duplicate", first.number)
    assert len(read(store)) == 1


def test_it_calls_a_relayed_spelling_of_the_same_content_a_duplicate(store: Engine) -> None:
    """SX-58, SX-61: a default left out and a time spelt otherwise are the same content."""
    put(
        store,
        said(indicator(1, revoked=False) | {"created": "2026-05-04T09:30:00Z", "modified": "2026-05-04T09:30:00Z"}),
    )

    assert outcomes(put(store, said(indicator(1)))) == ["duplicate"]


def test_it_keeps_the_first_of_two_contents_and_names_what_differs(store: Engine) -> None:
    put(store, said(indicator(1, name="uno")))
    (verdict,) = put(store, said(indicator(1, name="dos", confidence=5)))

    assert (verdict.outcome, set(verdict.differs)) == ("conflict", {"name", "confidence"})
    assert [entry.obj()["name"] for entry in read(store)] == ["uno"]


def test_it_judges_within_one_batch_as_between_two(store: Engine) -> None:
    batch = [indicator(1), indicator(1), indicator(1, name="otro"), indicator(1, START + SECOND), indicator(2)]

    verdicts = put(store, *map(said, batch))

    assert outcomes(verdicts) == ["stored", "duplicate", "conflict", "stored", "stored"]
    assert [verdict.number for verdict in verdicts] == [1, 1, 1, 2, 3]


def test_it_finds_no_conflict_between_two_organisations(store: Engine) -> None:
    verdicts = put(store, said(indicator(1, name="uno"), CERT), said(indicator(1, name="dos"), CUSTOMS))

    assert outcomes(verdicts) == ["stored", "stored"]
    assert len({entry.line for entry in read(store)}) == 2


def test_it_gives_one_organisation_the_same_verdict_whatever_another_holds(store: Engine) -> None:
    """L1: nobody learns from a verdict what is held of somebody else's."""
    put(store, said(indicator(1), CUSTOMS))

    assert outcomes(put(store, said(indicator(1), CERT))) == ["stored"]


def test_it_keeps_every_content_of_an_observable_as_a_statement_of_its_own(store: Engine) -> None:
    """SX-50: an observable has no versions; other labels are a further line, the same ones a duplicate."""
    plain, marked_red = address("203.0.113.7"), address("203.0.113.7", object_marking_refs=marked("red"))

    assert outcomes(put(store, said(plain), said(marked_red), said(plain))) == ["stored", "stored", "duplicate"]
    with reading(store) as c:
        assert len(current.newest(c, "record", [plain["id"]])) == 2


def test_it_takes_a_marking_definition_by_what_it_was_created(store: Engine) -> None:
    """It has `created` and no `modified`, so other content under the same `created` is a conflict."""
    marking: dict[str, Any] = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": made_id("marking-definition", 1),
        "created": "2026-01-01T00:00:00.000Z",
        "definition_type": "statement",
        "definition": {"statement": "Solo aduanas"},
    }

    verdicts = put(store, said(marking), said(marking), said(marking | {"definition": {"statement": "Todos"}}))

    assert outcomes(verdicts) == ["stored", "duplicate", "conflict"]


# --- versions ----------------------------------------------------------------------------------------------------
def test_it_keeps_a_late_older_version_as_history(store: Engine) -> None:
    newer, older = said(indicator(1, START + MINUTE, name="nuevo")), said(indicator(1, name="viejo"))

    assert outcomes(put(store, newer) + put(store, older)) == ["stored", "stored"]
    with reading(store) as c:
        (entry,) = current.newest(c, "record", [newer.id])
        assert entry.obj()["name"] == "nuevo"
        assert entry.line is not None
        assert [v.obj()["name"] for v in current.versions(c, "record", entry.line, 9)] == ["nuevo", "viejo"]


@pytest.mark.parametrize(
    "change",
    [
        {"created_by_ref": made_id("identity", 2)},
        {"created_by_ref": None},
        {"created": "2026-05-04T09:29:59.000Z"},
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["newer", "late-older"])
def test_it_refuses_a_version_by_another_author_or_of_another_birth(
    store: Engine, change: dict[str, Any], late: bool
) -> None:
    """SX-53, SX-54."""
    first, second = (START, START + MINUTE) if not late else (START + MINUTE, START)
    put(store, said(indicator(1, first, created_by_ref=made_id("identity", 1))))

    (verdict,) = put(store, said(indicator(1, second, **{"created_by_ref": made_id("identity", 1), **change})))

    assert verdict.outcome == "refused"
    assert str(verdict.why).endswith(".")
    assert len(read(store)) == 1


def test_it_accepts_nothing_after_a_revocation(store: Engine) -> None:
    """SX-56, W8: revoked is final, also for a version that was made before it and revives the object."""
    put(store, said(indicator(1)), said(indicator(1, START + MINUTE, revoked=True)))

    (later,) = put(store, said(indicator(1, START + 2 * MINUTE)))

    assert later.outcome == "refused"
    with reading(store) as c:
        (entry,) = current.newest(c, "record", [made_id("indicator", 1)])
    assert entry.obj()["revoked"] is True


def test_it_judges_versions_within_one_batch_too(store: Engine) -> None:
    batch = [indicator(1), indicator(1, START + MINUTE, revoked=True), indicator(1, START + 2 * MINUTE)]

    assert outcomes(put(store, *map(said, batch))) == ["stored", "stored", "refused"]


@settings(max_examples=30)
@given(st.permutations(range(5)), st.integers(1, 2**20))
def test_it_holds_the_newest_version_whatever_order_they_came_in(store: Engine, order: list[int], which: int) -> None:
    with writing(store) as c:
        for version in order:
            log.append(c, "record", [said(incident(which, START + version * SECOND, name=str(version)))], NOW)
        (entry,) = current.newest(c, "record", [made_id("incident", which)])

    assert entry.obj()["name"] == "4"


# --- bodies ------------------------------------------------------------------------------------------------------
def test_it_keeps_a_body_once_however_many_logs_hold_it(store: Engine) -> None:
    one = said(indicator(1))
    for name in ("bench:x", "record", "to:us"):
        put(store, one, to=name)
    with writing(store) as c:
        log.mirror(c, "from:us", [one], NOW)
        log.append(c, "bench:x", [one], NOW)

    with reading(store) as c:
        assert c.execute(select(func.count()).select_from(bodies).where(bodies.c.body == one.body)).scalar_one() <= 2
        assert c.execute(select(func.count()).select_from(ids)).scalar_one() == 1
    assert {read(store, name)[0].body for name in ("bench:x", "record", "to:us", "from:us")} == {one.body}


def test_it_carries_a_mirrored_body_into_the_record_without_a_second_copy(store: Engine) -> None:
    one = said(indicator(1), CUSTOMS)
    with writing(store) as c:
        log.mirror(c, "from:us", [one], NOW)
        log.append(c, "record", [one], NOW)

    with reading(store) as c:
        assert c.execute(select(func.count()).select_from(bodies)).scalar_one() == 1


def test_it_stores_the_bytes_that_came(store: Engine) -> None:
    one = said(indicator(1, name="Ñandú 🦤 \u2028", x_grados=[1, 2.5, -0.1], x_leer={"z": "/", "a": "\u007f"}))
    put(store, one)

    assert read(store)[0].body == one.body


def test_it_stores_what_names_something_too_long_to_be_an_id(store: Engine) -> None:
    """A foreign property may look like a reference; but an id of STIX ends, and so does what an index can hold."""
    long = "x" * 6_000 + made_id("", 1)
    put(store, said(indicator(1, x_other_ref=long)))

    assert read(store)[0].obj()["x_other_ref"] == long


def test_it_mirrors_every_entry_whatever_it_is(store: Engine) -> None:
    """A peer's log is copied, not judged: twice the same, another content, and what is no object at all."""
    copied: list[log.Statement | bytes] = [
        said(indicator(1)),
        said(indicator(1)),
        said(indicator(1, name="otro")),
        b'"no object"',
    ]
    with writing(store) as c:
        log.mirror(c, "from:us", copied, NOW)

    entries = read(store, "from:us")
    assert [entry.number for entry in entries] == [1, 2, 3, 4]
    assert [entry.body for entry in entries] == [s if isinstance(s, bytes) else s.body for s in copied]
    assert (entries[3].line, entries[3].id, entries[3].origin) == (None, "", 0)


# --- acts --------------------------------------------------------------------------------------------------------
def test_it_appends_acts_between_objects_with_numbers_of_the_same_row(store: Engine, c: Connection) -> None:
    log.append(c, "record", [said(indicator(1))], NOW)
    assert log.append_acts(c, "record", "release", [{"peer": "us"}, {"peer": "us"}], NOW) == [2, 3]
    assert log.append(c, "record", [said(indicator(2))], NOW)[0].number == 4

    assert [entry.kind for entry in log.after(c, "record", 0, 9)] == ["object", "release", "release", "object"]


# --- reading on --------------------------------------------------------------------------------------------------
def test_it_gives_the_entries_after_a_number_and_no_more_than_asked(store: Engine) -> None:
    put(store, *(said(indicator(n)) for n in range(6)))

    assert [entry.number for entry in read(store, after=2, limit=3)] == [3, 4, 5]
    assert read(store, after=6) == []


@pytest.mark.parametrize("ask", [lambda c: log.append(c, "nowhere", [], 0), lambda c: log.head(c, "nowhere")])
def test_it_knows_no_log_that_was_not_made(c: Connection, ask: Any) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        ask(c)


def test_it_moves_a_cursor_from_where_it_stands_and_from_nowhere_else(store: Engine) -> None:
    with writing(store) as c:
        assert log.cursor(c, "search:x") == 0
        log.move_cursor(c, "search:x", 0, 10)
        log.move_cursor(c, "search:x", 10, 12)
        with pytest.raises(Conflict):
            log.move_cursor(c, "search:x", 10, 13)
        assert log.cursor(c, "search:x") == 12


def test_it_lets_one_of_two_followers_move_the_cursor(store: Engine) -> None:
    """Both have read the same position; the slower one is told, and its work is undone."""

    def move(to: Micros) -> bool:
        try:
            with writing(store) as c:
                log.move_cursor(c, "admit:us", 0, to)
                return True
        except Conflict:
            return False

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(move, range(1, 9)))

    assert won.count(True) == 1
    with reading(store) as c:
        assert log.cursor(c, "admit:us") == won.index(True) + 1
