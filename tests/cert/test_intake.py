"""The way in for machines: deposited at a workbench, carried to the record by intake alone."""

from typing import Any

import pytest

from cert import intake
from cert.errors import NotFound
from cert.store import aside, current, log
from cert.store.engine import reading, writing
from config import node as making
from config.cast import MX, US
from tests.cast import MINUTE, SECOND, START, Node, address, incident, indicator, made_id, marked

BENCH = "bench:import"


def deposit(mx: Node, *objects: Any, bench: str = BENCH, batch: int = 500) -> list[intake.Outcome]:
    with reading(mx.db) as c:
        there = intake.workbench(c, bench)
    return [outcome for some in intake.deposit(mx.db, there, objects, mx.clock, batch) for outcome in some]


def carried(mx: Node) -> list[str]:
    """What of the workbench has arrived in the record."""
    mx.settle()
    feed = mx.org("Imported files").n
    return [entry.id for entry in mx.everything() if entry.origin == feed]


def asides(mx: Node) -> list[aside.Aside]:
    with reading(mx.db) as c:
        return aside.all_aside(c, 99)


def test_it_carries_what_is_deposited_to_the_record_once(mx: Node) -> None:
    assert mx.deposit(indicator(1), incident(2)) == ["stored", "stored"]
    assert mx.deposit(indicator(1), incident(2)) == ["duplicate", "duplicate"]

    assert carried(mx) == [made_id("indicator", 1), made_id("incident", 2)]
    assert carried(mx) == [made_id("indicator", 1), made_id("incident", 2)]


def test_it_serves_the_bytes_that_came_and_keeps_them_in_the_record(mx: Node) -> None:
    odd = indicator(1, name="Ñ\u2028", x_extra={"b": [1, 2.5], "a": "/"})
    mx.deposit(odd)
    carried(mx)

    assert mx.everything(BENCH)[0].obj() == odd
    assert mx.newest(odd["id"])[0].body == mx.everything(BENCH)[0].body


def test_it_judges_each_object_by_itself_and_says_why(mx: Node) -> None:
    batch = [
        indicator(1),
        indicator(1, name="otro"),
        {"type": "indicator"},
        "no object",
        None,
        indicator(2, created_by_ref=MX.identity),
        indicator(3, START + 2 * 24 * 60 * MINUTE),
        indicator(4),
    ]

    outcomes = deposit(mx, *batch)

    assert [one.outcome for one in outcomes] == [
        *("stored", "conflict", "refused", "refused", "refused", "refused", "refused", "stored")
    ]
    assert all(one.sentence.endswith(".") for one in outcomes if one.outcome not in {"stored"})
    assert [one.id for one in outcomes[2:5]] == ["", "", ""]
    assert carried(mx) == [made_id("indicator", 1), made_id("indicator", 4)]


def test_it_gives_a_batch_when_it_is_durable_and_not_before(mx: Node) -> None:
    with reading(mx.db) as c:
        there = intake.workbench(c, BENCH)
    batches = intake.deposit(mx.db, there, (indicator(n) for n in range(5)), mx.clock, batch=2)

    assert [one.outcome for one in next(batches)] == ["stored", "stored"]
    assert len(mx.everything(BENCH)) == 2
    assert [len(rest) for rest in batches] == [2, 1]


@pytest.mark.parametrize("whom", [MX.identity, US.identity])
def test_it_lets_no_machine_speak_for_a_nation(mx: Node, whom: str) -> None:
    (outcome,) = deposit(mx, indicator(1, created_by_ref=whom))

    assert outcome.outcome == "refused"
    assert whom in outcome.sentence


@pytest.mark.parametrize("whom", [MX.identity, US.identity])
def test_it_lets_no_machine_rename_a_nation(mx: Node, whom: str) -> None:
    """Without an author, or under another one, an identity object would still stand for who we are."""
    named = {"type": "identity", "id": whom, "name": "CERT Falso", "identity_class": "organization"}
    for author in (None, made_id("identity", 5)):
        (outcome,) = deposit(mx, incident(1, **named, created_by_ref=author))
        assert outcome.outcome == "refused"


def test_it_lets_an_agency_s_workbench_speak_for_that_agency_only(mx: Node) -> None:
    agency = mx.org(MX.agencies[0])
    with writing(mx.db) as c:
        making.add_workbench(c, "aduanas", "Aduanas", "amber", mx.clock(), agency.name)

    outcomes = deposit(
        mx,
        indicator(1, created_by_ref=agency.identity_id),
        indicator(2, created_by_ref=MX.identity),
        bench="bench:aduanas",
    )
    mx.settle()

    assert [one.outcome for one in outcomes] == ["stored", "refused"]
    assert [entry.origin for entry in mx.newest(made_id("indicator", 1))] == [agency.n]


def test_it_keeps_what_its_importer_said_of_unmarked_objects(mx: Node) -> None:
    mx.deposit(indicator(1), indicator(2, object_marking_refs=marked("green")), handling="red")
    carried(mx)

    assert {entry.handling for entry in mx.newest(made_id("indicator", 1), made_id("indicator", 2))} == {"red"}


def test_it_sets_aside_what_the_record_cannot_take_and_goes_on(mx: Node) -> None:
    """Two workbenches of one organisation may contradict each other: the first stands, the second is seen."""
    with writing(mx.db) as c:
        making.add_workbench(c, "otro", "Otro", "green", mx.clock(), "Imported files")
    mx.deposit(indicator(1))
    mx.deposit(indicator(1, name="otro"), indicator(2), bench="otro")
    mx.settle()

    assert [(one.follower, one.number, one.code) for one in asides(mx)] == [("intake:otro", 1, "conflict")]
    assert [e.obj()["name"] for e in mx.newest(made_id("indicator", 1), made_id("indicator", 2))] == [
        "Señal 1",
        "Señal 2",
    ]


def test_it_lets_a_late_older_version_be_history(mx: Node) -> None:
    mx.deposit(indicator(1, START + SECOND, name="nuevo"))
    mx.deposit(indicator(1, name="viejo"))
    carried(mx)

    assert [entry.obj()["name"] for entry in mx.newest(made_id("indicator", 1))] == ["nuevo"]


def test_it_carries_references_so_that_what_refers_can_be_found(mx: Node) -> None:
    mx.deposit(indicator(1, created_by_ref=made_id("identity", 3)))
    carried(mx)

    with reading(mx.db) as c:
        assert len(current.referrers(c, [made_id("identity", 3)], 9)) == 1


def test_it_repeats_nothing_after_a_crash_between_deposit_and_intake(mx: Node) -> None:
    mx.deposit(*(indicator(n) for n in range(5)))
    carried(mx)
    with writing(mx.db) as c:
        log.move_cursor(c, "intake:import", 5, 0)

    assert carried(mx) == [made_id("indicator", n) for n in range(5)]
    assert asides(mx) == []


def test_it_takes_the_same_address_under_two_markings(mx: Node) -> None:
    mx.deposit(address("203.0.113.7"), address("203.0.113.7", object_marking_refs=marked("red")))

    assert len(carried(mx)) == 2


def test_it_knows_no_workbench_that_was_not_made(mx: Node) -> None:
    with reading(mx.db) as c, pytest.raises(NotFound, match="elsewhere"):
        intake.workbench(c, "bench:elsewhere")


def test_it_counts_no_other_log_as_a_workbench(mx: Node) -> None:
    assert intake.workbenches(mx.db) == [BENCH]
