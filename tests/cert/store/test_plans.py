"""How each question is answered: along an index, on either engine, whether the server has counted its rows or not."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text

from cert import door
from cert.store import aside, current, deleting, log, pages
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import Entry
from cert.store.pages import EVERY, LAST, Span, Versions, Wanted
from feeds import store as exchange
from tests.bench import mix
from tests.cert.store.statements import CERT, CUSTOMS, NOW

HELD = 2_000
LARGE = ("bodies", "current", "entries", "ids", "lines", "refs")
"""The tables that grow with what is held."""

BENCH = "bench:x"
MARKING = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"

Ask = Callable[[Connection, list[Entry]], object]


def ids(sample: list[Entry]) -> list[str]:
    return [entry.id for entry in sample]


def lines(sample: list[Entry]) -> list[int]:
    return [entry.line for entry in sample if entry.line is not None]


def page_of(versions: Versions, count: int, c: Connection, sample: list[Entry]) -> object:
    wanted = Wanted(tuple(ids(sample)[:count]) if count else None, versions)
    return pages.objects(c, BENCH, wanted, Span(0, 500, 1 << 20))


def page_of_type(versions: Versions, c: Connection, _sample: list[Entry]) -> object:
    return pages.objects(c, BENCH, Wanted(None, versions, ("indicator", "note")), Span(0, 500, 1 << 20))


QUESTIONS: dict[str, Ask] = {
    "read on": lambda c, s: log.after(c, "record", 900, 500),
    "read on at the end": lambda c, s: log.after(c, "record", HELD, 500),
    "by number": lambda c, s: log.entries_numbered(c, "record", [entry.number for entry in s]),
    "newest by id": lambda c, s: current.newest(c, "record", ids(s)),
    "newest by one id": lambda c, s: current.newest(c, "record", ids(s)[:1]),
    "newest by line": lambda c, s: current.by_line(c, "record", lines(s)),
    "next lines": lambda c, s: current.lines_beyond(c, "record", 900, 500),
    "newest lines": lambda c, s: current.newest_lines(c, "record", "incident", 50, 500),
    "who refers to these": lambda c, s: current.referrers(c, ids(s), 200),
    "which relationships do": lambda c, s: current.referrers(c, ids(s), 200, kind="relationship"),
    "who is marked so": lambda c, s: current.referrers(c, [MARKING], 200, marking=True, beyond=900),
    "one version": lambda c, s: current.version(c, "record", CUSTOMS, s[0].id, s[0].version),
    "the same versions": lambda c, s: current.same_versions(c, BENCH, s),
    "versions of a line": lambda c, s: current.versions(c, "record", lines(s)[0], 20),
    "contents": lambda c, s: current.contents(c, "record", ids(s)),
    "of a rare type": lambda c, s: current.of_type(c, "record", "infrastructure", {CERT, CUSTOMS}, 100),
    "the number at a moment": lambda c, s: pages.number_at(c, BENCH, s[0].date_added),
    "whether it is held": lambda c, s: pages.holds(c, BENCH, s[0].id),
    "set aside": lambda c, s: aside.all_aside(c, 20, "search:x"),
    "held back": lambda c, s: exchange.all_held(c, 20, before=900),
    "a page": lambda c, s: pages.objects(c, BENCH, Wanted(), Span(900, 500, 1 << 20)),
    **{
        f"a page of {versions} of {count or 'all'}": partial(page_of, versions, count)
        for versions in (LAST, EVERY, Versions(first=True), Versions(exact=(NOW,)), Versions(last=True, first=True))
        for count in (0, 1, 50)
    },
    **{
        f"a page of {versions} of a type": partial(page_of_type, versions)
        for versions in (LAST, EVERY, Versions(first=True), Versions(exact=(NOW,)))
    },
    "variants": lambda c, s: aside.all_variants(c, BENCH, 20),
    "dates": lambda c, s: pages.dates(c, BENCH, [entry.number for entry in s]),
    "a manifest": lambda c, s: pages.manifest(c, BENCH, Wanted(), Span(900, 500, 1 << 20)),
    "append": lambda c, s: log.append(c, "record", [log.restated(entry) for entry in s], NOW),
    "mirror": lambda c, s: log.mirror(c, "from:us", [log.restated(entry) for entry in s], NOW),
    "delete": lambda c, s: deleting.delete_versions(c, BENCH, Wanted((s[0].id,), EVERY)),
}


@pytest.fixture
def sample(store: Engine) -> list[Entry]:
    """Some entries of a record that holds as much as a small desk, and of a workbench that holds the same."""
    said = [log.statement(door.check(obj, NOW), CUSTOMS) for obj in mix.objects(HELD)]
    for name in (BENCH, "record"):
        for first in range(0, HELD, log.BATCH):
            with writing(store, bulk=True) as c:
                log.append(c, name, said[first : first + log.BATCH], NOW)
    with reading(store) as c:
        return log.after(c, "record", 500, 100)


class Plans:
    """What an engine does for each statement that it is given, while `seen` is asked for."""

    def __init__(self, db: Engine) -> None:
        self.explain = "EXPLAIN QUERY PLAN " if db.dialect.name == "sqlite" else "EXPLAIN "
        self.seen: list[str] = []
        event.listen(db, "before_cursor_execute", self._look)

    def _look(self, c: Connection, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        if many or statement.split()[0] not in {"SELECT", "DELETE", "UPDATE"}:
            return
        beside: Any = c.connection.cursor()
        beside.execute(self.explain + statement, given)
        self.seen.append("\n".join([statement, *(str(row[-1]) for row in beside.fetchall())]))
        beside.close()

    def walks(self) -> Iterator[str]:
        """The plans that walk through a large table."""
        for plan in self.seen:
            if any(f"Seq Scan on {name}" in plan or f"\nSCAN {name}" in plan for name in LARGE):
                yield plan


@pytest.mark.parametrize("counted", [False, True], ids=["not yet counted", "counted"])
def test_it_answers_every_question_along_an_index(store: Engine, sample: list[Entry], counted: bool) -> None:
    if counted:
        with writing(store) as c:
            c.execute(text("ANALYZE"))
    plans = Plans(store)
    with writing(store) as c:
        for ask in QUESTIONS.values():
            ask(c, sample)

    assert len(plans.seen) > len(QUESTIONS)
    assert list(plans.walks()) == []
