"""The index is built anew while people file and search: no error, and no moment of fewer results.

Real processes, on both engines. `REBUILD=100000` does it at that size.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain, count, islice

import pytest

from cert import intake
from cert.follow import now_us
from cert.intake import WORKBENCH
from cert.store import log
from cert.store.engine import reading
from config.node import IMPORT
from tests.bench import mix
from tests.faults.desk import Desk
from tests.nations import nations
from tests.servers import elastic

pytestmark = pytest.mark.xdist_group("journeys")  # it takes both cores

OBJECTS = int(os.environ.get("REBUILD", "3000"))
MINE = "Suceso durante la reconstrucción"


@pytest.fixture(params=["embedded", "elastic"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with ExitStack() as opened:
        told = {}
        if request.param == "elastic":
            url = request.getfixturevalue("elastic_url")
            prefix = opened.enter_context(elastic.swept(url))
            told = {"elasticsearch": url, "elasticsearch_alias": f"{prefix}mx"}
        folder = tmp_path_factory.mktemp("rebuild")
        made = Desk(opened.enter_context(nations(folder, "mx-portal", "mx-work", told={"mx": told})))
        _fill(made)
        yield made


def _fill(desk: Desk) -> None:
    """Bring objects in, and wait until they are indexed."""
    db = desk.both.db("mx")
    with reading(db) as c:
        bench = intake.workbench(c, WORKBENCH + IMPORT)
    objects = islice(chain.from_iterable(map(mix.case, count())), OBJECTS)
    for _ in intake.deposit(db, bench, objects, now_us):
        pass
    deadline = time.monotonic() + 60 + OBJECTS / 200
    while not _is_carried(desk):
        assert time.monotonic() < deadline, desk.both.said()
        time.sleep(0.05)
    desk.until_level(60 + OBJECTS / 200)


def _is_carried(desk: Desk) -> bool:
    with reading(desk.both.db("mx")) as c:
        return log.cursor(c, f"intake:{IMPORT}") == log.head(c, WORKBENCH + IMPORT)


class Meanwhile(threading.Thread):
    """Does something again and again, beside what goes on, and keeps what came of it."""

    def __init__(self, act: Callable[[int], int]) -> None:
        super().__init__()
        self.act = act
        self.came: list[int] = []
        self.over = threading.Event()
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.over.is_set():
                self.came.append(self.act(len(self.came)))
        except BaseException as fault:  # noqa: BLE001 whatever it is, the test is to fail by it
            self.fault = fault

    def end(self) -> list[int]:
        """Stop, and give what came."""
        self.over.set()
        self.join()
        if self.fault:
            raise self.fault
        return self.came


def test_it_is_built_anew_while_people_file_and_search(desk: Desk) -> None:
    everything = desk.count("type:indicator")
    other, third = Desk(desk.both), Desk(desk.both)

    def file(n: int) -> int:
        other.file(f"{MINE} {n}")
        return n

    filing, searching = Meanwhile(file), Meanwhile(lambda _: third.count("type:indicator"))
    mine = Meanwhile(lambda _: desk.count(f'"{MINE}"'))
    for one in (filing, searching, mine):
        one.start()
    started = time.monotonic()
    found = desk.index("rebuild")
    took_s = time.monotonic() - started
    filed, counts, own = filing.end(), searching.end(), mine.end()
    desk.until_level()

    print(f"{found['right']} documents rebuilt in {took_s:.1f} s; {len(filed)} filed, {len(counts)} searches meanwhile")  # noqa: T201
    assert found["wrong"] == 0
    assert filed
    assert set(counts) == {everything}
    assert own == sorted(own), "somebody found fewer than he had found before"
    desk.both.until(lambda: desk.count(f'"{MINE}"') == len(filed))  # a reader is a moment behind
    assert desk.index("check")["wrong"] == 0
