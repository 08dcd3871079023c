"""Many at once: nobody misses anything, nothing is there twice, and every date rises."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest

from cert import door
from cert.store import log
from cert.store.engine import writing
from tests.feeds.taxii.node import MANIFEST, OBJECTS, SECOND, START, Node, closing, ids, indicator

LAST = "X-TAXII-Date-Added-Last"
Given = TypeVar("Given")


@contextmanager
def client_of(node: Node) -> Iterator[Node]:
    """Another client of the same server, for a thread."""
    with closing(Node(node.url, node.db, node.clock)) as client:
        yield client


def at_once(node: Node, do: Callable[[Node, int], Given], count: int) -> list[Given]:
    def one(n: int) -> Given:
        with client_of(node) as client:
            return do(client, n)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def dates(node: Node) -> list[str]:
    return [one["date_added"] for one in node.ask(f"{MANIFEST}?match[version]=all&limit=1000").json()["objects"]]


@pytest.mark.row("TX-102", "TX-79", "TX-92")
def test_it_stores_once_what_many_post_at_a_time(node: Node) -> None:
    answers = at_once(node, lambda client, n: client.post(indicator(0), indicator(n + 1)).json(), 20)

    assert [answer["success_count"] for answer in answers] == [2] * 20
    assert sorted(ids(node.ask(OBJECTS))) == sorted(indicator(n)["id"] for n in range(21))
    assert sorted(set(dates(node))) == dates(node)


@pytest.mark.row("TX-77", "TX-79", "TX-G1", "TX-G2")
@pytest.mark.parametrize("way", ["next", "added_after"])
def test_it_shows_a_reader_everything_that_eight_writers_add(node: Node, way: str) -> None:
    """The reader asks on and on while they write; he misses nothing and sees nothing twice."""
    done = threading.Event()

    def read() -> list[str]:
        seen, place = list[str](), ""
        with client_of(node) as client:
            while True:
                last_round = done.is_set()
                answer = client.ask(f"{OBJECTS}?limit=7&match[version]=all{place}")
                seen += ids(answer)
                if LAST in answer.headers:
                    place = f"&added_after={answer.headers[LAST]}"
                if way == "next" and "next" in answer.json():
                    place = f"&next={answer.json()['next']}"
                elif last_round and not answer.json():
                    return seen

    with ThreadPoolExecutor(1) as reading:
        seen = reading.submit(read)
        at_once(node, lambda client, n: [client.post(indicator(10 * n + m), indicator(99)) for m in range(6)], 8)
        done.set()
        found = seen.result(60)

    assert sorted(found) == sorted(indicator(n)["id"] for n in [*(10 * n + m for n in range(8) for m in range(6)), 99])


@pytest.mark.row("TX-77", "TX-78")
def test_it_gives_what_is_left_while_others_delete(node: Node) -> None:
    node.post(*map(indicator, range(60)))
    gone = [indicator(n)["id"] for n in range(0, 60, 3)]

    def delete(client: Node, n: int) -> None:
        for stix_id in gone[n::4]:
            assert client.ask(f"{OBJECTS}{stix_id}/", method="DELETE").status_code == 200

    with ThreadPoolExecutor(1) as deleting:
        done = deleting.submit(at_once, node, delete, 4)
        seen, token = list[str](), ""
        while True:
            page = node.ask(f"{OBJECTS}?limit=5{token}").json()
            seen += [one["id"] for one in page.get("objects", [])]
            if "next" not in page:
                break
            token = f"&next={page['next']}"
        done.result(60)

    assert len(seen) == len(set(seen))
    assert set(seen) >= {indicator(n)["id"] for n in range(60)} - set(gone)
    assert set(ids(node.ask(OBJECTS))) == {indicator(n)["id"] for n in range(60)} - set(gone)


@pytest.mark.row("TX-79", "TX-G2")
def test_it_lets_no_slow_writer_appear_behind_a_date_that_was_served(node: Node) -> None:
    """A writer that takes its time holds up the next one: what a poller was given is never overtaken."""
    checked = log.statement(door.check(indicator(1), START), 2)
    with ThreadPoolExecutor(1) as pool:
        with writing(node.db) as c:
            log.append(c, "bench:customs", [checked], START)
            fast = pool.submit(node.post, indicator(2))
            with client_of(node) as client:
                assert ids(client.ask(OBJECTS)) == []
        assert fast.result(60).json()["success_count"] == 1

    assert ids(node.ask(OBJECTS)) == [indicator(1)["id"], indicator(2)["id"]]


@pytest.mark.row("TX-80", "TX-79")
def test_it_never_gives_a_smaller_date_when_the_clock_steps_back(node: Node) -> None:
    for n in range(4):
        node.post(indicator(n))
        node.clock.now -= 3_600 * SECOND

    assert sorted(set(dates(node))) == dates(node)
    assert ids(node.ask(OBJECTS)) == [indicator(n)["id"] for n in range(4)]


@pytest.mark.row("TX-101", "TX-100")
def test_it_shows_what_it_has_taken_at_once(node: Node) -> None:
    for n in range(40):
        status = node.post(indicator(n)).json()
        path = f"{OBJECTS}{indicator(n)['id']}/"

        assert (status["status"], status["pending_count"]) == ("complete", 0)
        assert node.ask(f"/puente/status/{status['id']}/").json() == status
        assert ids(node.ask(path)) == ids(node.ask(f"{MANIFEST}?match[id]={indicator(n)['id']}")) != []
        assert len(node.ask(f"{path}versions/").json()["versions"]) == 1
