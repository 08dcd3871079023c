"""What a request costs: nothing for signing in, and no more when more is held."""

import statistics
import time
from collections.abc import Callable

import pytest

from cert.stix import canonical, sha256
from cert.store import log
from cert.store.engine import writing
from tests.feeds.taxii.node import COLLECTION, HIDDEN, OBJECTS, ON_BOTH, START, Node, ids, indicator

FEW, MANY = 1_000, 16_000
PAGE = 100


def cost_ms(*asks: Callable[[], object], times: int) -> list[float]:
    """The median of each, taken in turns."""
    found: list[list[float]] = [[] for _ in asks]
    for _ in range(times):
        for ask, taken in zip(asks, found, strict=True):
            started = time.perf_counter()
            ask()
            taken.append((time.perf_counter() - started) * 1_000)
    return [statistics.median(taken) for taken in found]


@pytest.mark.row("TX-29")
def test_it_takes_a_credential_in_no_time(node: Node) -> None:
    """Beside a request that is refused before anything is looked up."""
    signed_in, nobody = cost_ms(lambda: node.ask("/taxii2/"), lambda: node.ask("/taxii2/", auth=None), times=100)

    assert signed_in - nobody < 5


@pytest.mark.row("TX-22")
def test_it_takes_as_long_for_hidden_as_for_absent(node: Node) -> None:
    hidden, absent = f"/puente/collections/{HIDDEN}/objects/", f"/puente/collections/{HIDDEN[:-1]}0/objects/"

    one, other = cost_ms(lambda: node.ask(hidden), lambda: node.ask(absent), times=50)

    assert abs(one - other) < 0.3 * max(one, other)


def fill(node: Node, numbers: range) -> None:
    """Append without the door, which is not what is measured."""
    for first in range(numbers.start, numbers.stop, log.BATCH):
        said = []
        for n in range(first, first + log.BATCH):
            body = canonical(indicator(n))
            said.append(log.Statement(2, indicator(n)["id"], START, sha256(body), body))
        with writing(node.db, bulk=True) as c:
            log.append(c, "bench:customs", said, START)


@ON_BOTH
@pytest.mark.row("TX-83", "TX-69")
def test_it_costs_a_page_the_same_however_much_is_held(node: Node) -> None:
    queries = ["", "&match[type]=indicator", "&match[version]=all"]

    def pages(token: str) -> list[Callable[[], object]]:
        return [lambda query=query: node.ask(f"{OBJECTS}?limit={PAGE}{query}{token}") for query in queries]  # type: ignore[misc]

    fill(node, range(FEW))
    before = cost_ms(*pages(""), times=15)
    fill(node, range(FEW, MANY))
    middle = node.ask(f"{OBJECTS}?limit={MANY - 500}").headers["X-TAXII-Date-Added-Last"]
    first, deep = cost_ms(*pages(""), times=15), cost_ms(*pages(f"&added_after={middle}"), times=15)

    assert len(ids(node.ask(f"{OBJECTS}?limit={PAGE}&added_after={middle}"))) == PAGE
    for was, now, there in zip(before, first, deep, strict=True):
        assert now < 2 * was + 3
        assert there < 2 * was + 3


@pytest.mark.row("TX-44")
def test_it_asks_for_no_more_than_an_answer_needs(node: Node) -> None:
    assert node.ask(COLLECTION).json() == node.ask("/puente/collections/").json()["collections"][0]
