"""Pages of a log: the right rows, and never a walk through all of it."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from cert.stix import Micros, canonical, sha256
from cert.store import log, pages, people
from cert.store.engine import Connection, Engine, open_db, writing
from cert.store.pages import EVERY, LAST, Span, Versions, Wanted
from cert.store.tables import metadata

BENCH = "bench:x"
ALL = Span(0, 1_000, 1 << 20)
FIRST = Versions(first=True)
SECOND: Micros = 1_000_000


@pytest.fixture
def db(url: str) -> Iterator[Engine]:
    engine = open_db(url)
    with writing(engine) as c:
        metadata.create_all(c)
        org = people.add_organisation(
            c,
            name="Customs",
            kind="agency",
            nation="mx",
            identity_id="identity--1",
            default_handling="green",
            ours=True,
        )
        log.create_log(c, BENCH, org.n)
        log.create_log(c, "bench:other", org.n)
    yield engine
    engine.dispose()


@pytest.fixture
def c(db: Engine) -> Iterator[Connection]:
    with writing(db) as connection:
        yield connection


def stix_id(n: int, kind: str = "tool") -> str:
    return f"{kind}--{uuid.UUID(int=n, version=4)}"


def said(n: int, version: Micros | None, name: str = "", kind: str = "tool") -> log.Statement:
    stamps = (
        {} if version is None else {"created": "2026-01-01T00:00:00Z", "modified": f"2026-01-01T00:00:{version:02}Z"}
    )
    body = canonical({"type": kind, "id": stix_id(n, kind), "name": name or f"{n}@{version}", **stamps})
    return log.Statement(1, stix_id(n, kind), version, sha256(body), body)


def add(c: Connection, *statements: log.Statement, to: str = BENCH, now: Micros = 0) -> None:
    assert {verdict.outcome for verdict in log.append(c, to, statements, now)} == {"stored"}


def numbers(c: Connection, wanted: Wanted, span: Span = ALL) -> list[int]:
    """The numbers on a page; the manifest must agree."""
    page = pages.objects(c, BENCH, wanted, span)
    listed = pages.manifest(c, BENCH, wanted, span)
    assert (listed.numbers, listed.added) == (page.numbers, page.added)
    assert (listed.more, listed.position) == (page.more, page.position)
    return page.numbers


def test_it_reads_on_from_a_number(c: Connection) -> None:
    add(c, *(said(n, 1) for n in range(7)))

    page = pages.objects(c, BENCH, Wanted(), Span(2, 3, 1 << 20))

    assert (page.numbers, page.more, page.position) == ([3, 4, 5], True, 5)
    assert pages.objects(c, BENCH, Wanted(), Span(5, 3, 1 << 20)).numbers == [6, 7]


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        (LAST, [2, 4, 6]),
        (FIRST, [3, 4, 5]),
        (EVERY, [1, 2, 3, 4, 5, 6]),
        (Versions(exact=(2, 9)), [1]),
        (Versions(exact=(2,), last=True, first=True), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_it_chooses_by_version_and_not_by_arrival(c: Connection, versions: Versions, found: list[int]) -> None:
    add(c, said(1, 2), said(1, 3), said(1, 1), said(2, 5), said(3, 1), said(3, 4))
    add(c, said(1, 9), said(2, 1), to="bench:other")

    assert numbers(c, Wanted(None, versions)) == found
    assert numbers(c, Wanted((stix_id(1), stix_id(9)), versions)) == [n for n in found if n <= 3]


def test_it_keeps_every_content_of_an_object_without_versions(c: Connection) -> None:
    add(c, said(1, None, "one"), said(1, None, "two"), now=5)

    assert numbers(c, Wanted()) == [1, 2]
    assert numbers(c, Wanted((stix_id(1),), Versions(exact=(6,)))) == [2]


def test_it_leaves_out_acts(c: Connection) -> None:
    add(c, said(1, 1))
    log.append_acts(c, BENCH, "recall", [{"names": "nothing"}], 0)

    assert numbers(c, Wanted(None, EVERY)) == numbers(c, Wanted()) == [1]


def test_it_ends_before_too_many_bytes_but_never_without_an_object(c: Connection) -> None:
    add(c, said(1, 1, "x" * 500), *(said(n, 1) for n in range(2, 8)))

    assert pages.objects(c, BENCH, Wanted(), Span(0, 100, 100)).numbers == [1]
    assert len(pages.objects(c, BENCH, Wanted(), Span(1, 100, 500)).numbers) < 6


def test_it_gives_way_after_a_stretch_without_a_match(c: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SCAN", 4)
    add(c, said(1, 1), *(said(1, n) for n in range(2, 12)), said(2, 1))

    page = pages.objects(c, BENCH, Wanted(None, FIRST), ALL)
    seen = list(page.numbers)
    while page.more:
        page = pages.objects(c, BENCH, Wanted(None, FIRST), Span(page.position, 1_000, 1 << 20))
        seen += page.numbers

    assert seen == [1, 12]
    assert numbers(c, Wanted((stix_id(2),), FIRST)) == [12]


@pytest.mark.parametrize(
    ("types", "versions", "found"),
    [
        (("tool",), LAST, [3, 5, 7]),
        (("tool",), EVERY, [1, 3, 5, 7]),
        (("tool", "note"), LAST, [2, 3, 5, 6, 7]),
        (("note", "report", "x-new"), EVERY, [2, 4, 6]),
        (("report",), FIRST, [4]),
        (("tool", "report"), Versions(exact=(1, 3)), [1, 3, 4, 5, 7]),
        (("x-new",), LAST, []),
    ],
)
def test_it_finds_objects_by_type(c: Connection, types: tuple[str, ...], versions: Versions, found: list[int]) -> None:
    add(c, said(1, 1), said(1, 1, kind="note"), said(1, 3), said(1, 1, kind="report"), said(2, 1))
    add(c, said(2, 1, kind="note"), said(3, 1))
    add(c, said(9, 1), to="bench:other")

    assert numbers(c, Wanted(None, versions, types)) == found
    assert (
        pages.objects(c, BENCH, Wanted(None, versions, types), Span(2, 1, 1 << 20)).numbers
        == [n for n in found if n > 2][:1]
    )


def test_it_finds_of_some_ids_those_of_a_type(c: Connection) -> None:
    add(c, said(1, 1), said(1, 1, kind="note"), said(2, 1))
    wanted = (stix_id(1), stix_id(1, "note"))

    assert numbers(c, Wanted(wanted, LAST, ("note", "report"))) == [2]
    assert numbers(c, Wanted(wanted, LAST, ("report",))) == numbers(c, Wanted(())) == []


@pytest.mark.parametrize(("versions", "found"), [(LAST, [11, 13]), (FIRST, [1, 13]), (EVERY, [*range(1, 12), 13])])
def test_it_finds_all_of_a_type_page_by_page(
    c: Connection, monkeypatch: pytest.MonkeyPatch, versions: Versions, found: list[int]
) -> None:
    monkeypatch.setattr(pages, "SCAN", 4)
    add(c, *(said(1, n) for n in range(1, 12)), said(2, 1, kind="note"), said(3, 1))
    wanted, span, seen, more = Wanted(None, versions, ("tool",)), Span(0, 3, 1 << 20), list[int](), True

    while more:
        page = pages.objects(c, BENCH, wanted, span)
        assert len(page.numbers) <= span.limit
        assert page.numbers == numbers(c, wanted, span)
        seen, span, more = seen + page.numbers, Span(page.position, 3, 1 << 20), page.more

    assert seen == found


def test_it_turns_a_date_into_a_number(c: Connection) -> None:
    add(c, said(1, 1), said(2, 1), now=10 * SECOND)
    add(c, said(3, 1), now=20 * SECOND)

    assert [pages.number_at(c, BENCH, moment) for moment in (0, 10 * SECOND, 15 * SECOND, 30 * SECOND)] == [0, 1, 2, 3]


def test_it_knows_what_a_log_holds(c: Connection) -> None:
    add(c, said(1, 1))
    add(c, said(2, 1), to="bench:other")

    assert [pages.holds(c, BENCH, stix_id(n)) for n in (1, 2, 3)] == [True, False, False]


IDS = (stix_id(1), stix_id(2))


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # `test_plans` sees how both go about everything
@pytest.mark.parametrize("ids", [None, IDS])
@pytest.mark.parametrize("versions", [LAST, EVERY, FIRST, Versions(exact=(5,)), Versions(last=True, first=True)])
def test_it_never_walks_through_the_whole_log(c: Connection, ids: tuple[str, ...] | None, versions: Versions) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(c, "before_cursor_execute", lambda *told: asked.append(told[2:4]))

    pages.objects(c, BENCH, Wanted(ids, versions), Span(5, 10, 1 << 20))
    statement, given = asked[-1]
    steps = [step[3] for step in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]

    assert [step for step in steps if step.startswith("SCAN") and "json_each" not in step] == []  # what was asked for
    assert [step for step in steps if "(log=?)" in step] == []
    assert ("USE TEMP B-TREE FOR ORDER BY" in steps) == (ids is not None)  # a few lines are sorted, a log never
