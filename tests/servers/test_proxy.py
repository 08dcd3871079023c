"""The fault proxy does each fault, says so, and otherwise lets everything pass."""

import gzip
import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.servers import elastic, proxy
from tests.servers.proxy import Proxy


@pytest.fixture
def index(elastic_url: str) -> Iterator[str]:
    """The name of an index of our own."""
    with elastic.swept(elastic_url) as prefix:
        yield f"{prefix}index"


@pytest.fixture
def between(elastic_url: str) -> Iterator[Proxy]:
    with proxy.before(elastic_url, keep=True) as started:
        yield started


def bulk_of(index: str, *numbers: int) -> str:
    return "".join(f'{{"index":{{"_index":"{index}","_id":"{n}"}}}}\n{{"n":{n}}}\n' for n in numbers)


def post_bulk(url: str, index: str, *numbers: int) -> tuple[int, Any]:
    return elastic.ask(url, "POST", "/_bulk?refresh=true", bulk_of(index, *numbers))


def count(elastic_url: str, index: str) -> int:
    status, answer = elastic.ask(elastic_url, "GET", f"/{index}/_count?ignore_unavailable=true")
    assert status == 200, answer
    return int(answer["count"])


def test_it_lets_everything_pass_on_one_connection(between: Proxy, index: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", between.port)

    packed = {"content-type": "application/x-ndjson", "content-encoding": "gzip", "accept-encoding": "gzip"}
    connection.request("POST", "/_bulk?refresh=true", gzip.compress(bulk_of(index, 1, 2).encode()), packed)
    answer = connection.getresponse()
    told = json.loads(gzip.decompress(answer.read()))
    connection.request("HEAD", f"/{index}")
    head = connection.getresponse()
    head.read()
    connection.request("GET", f"/{index}/_search", headers={"accept-encoding": "gzip"})
    found = json.loads(gzip.decompress(connection.getresponse().read()))
    connection.close()

    assert (answer.status, told["errors"], head.status) == (200, False, 200)
    assert answer.getheader("X-Elastic-Product") == "Elasticsearch"
    assert found["hits"]["total"]["value"] == 2
    assert [(one.method, one.path) for one in between.requests][1:] == [
        ("HEAD", f"/{index}"),
        ("GET", f"/{index}/_search"),
    ]
    assert between.requests[0].body == bulk_of(index, 1, 2).encode()


def test_it_answers_in_place_of_the_cluster_as_often_as_it_is_told(
    between: Proxy, elastic_url: str, index: str
) -> None:
    with between.fault(proxy.answer(429), on=proxy.bulk, times=2) as refusing:
        refused = [post_bulk(between.url, index, 1)[0] for _ in range(2)]
        assert count(elastic_url, index) == 0
        passed, _ = post_bulk(between.url, index, 1)
        searched, _ = elastic.ask(between.url, "GET", f"/{index}/_search")

    assert (refused, passed, searched, refusing.hits) == ([429, 429], 200, 200, 2)


@pytest.mark.parametrize(
    ("act", "stored"),
    [(proxy.reset, 0), (proxy.reset_at_accept, 0), (proxy.lose_reply, 1), (proxy.cut_reply, 1)],
    ids=["reset", "reset at accept", "reply lost", "reply cut"],
)
def test_it_breaks_off(act: proxy.Act, stored: int, between: Proxy, elastic_url: str, index: str) -> None:
    with between.fault(act) as breaking, pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        post_bulk(between.url, index, 1)

    assert breaking.hits == 1
    assert count(elastic_url, index) == stored
    assert post_bulk(between.url, index, 1, 2)[0] == 200


def test_it_holds_a_request_until_its_time_or_the_end_of_the_fault(
    between: Proxy, elastic_url: str, index: str
) -> None:
    with ThreadPoolExecutor() as beside:
        with between.fault(proxy.delay(60), on=proxy.bulk) as holding:
            held = beside.submit(post_bulk, between.url, index, 1)
            while not holding.hits:
                assert not held.done()
            assert count(elastic_url, index) == 0
        assert held.result(30)[0] == 200

    began = time.monotonic()
    with between.fault(proxy.delay(0.2)):
        post_bulk(between.url, index, 2)
    assert time.monotonic() - began >= 0.2
    assert count(elastic_url, index) == 2


def test_it_rewrites_an_answer(between: Proxy, index: str) -> None:
    def fail_first(answer: Any) -> Any:
        answer["items"][0]["index"] = {"status": 400, "error": {"type": "mapper_parsing_exception"}}
        return {**answer, "errors": True}

    with between.fault(proxy.rewrite(fail_first), on=proxy.bulk) as failing:
        status, answer = post_bulk(between.url, index, 1, 2)

    assert (status, answer["errors"], failing.hits) == (200, True, 1)
    assert [item["index"]["status"] for item in answer["items"]] == [400, 201]


def test_it_vanishes_and_comes_back_where_it_was(between: Proxy, index: str) -> None:
    waiting = http.client.HTTPConnection("127.0.0.1", between.port)
    waiting.request("GET", "/_cluster/health")
    waiting.getresponse().read()

    between.vanish()
    with pytest.raises(ConnectionRefusedError):
        post_bulk(between.url, index, 1)
    assert waiting.sock.recv(1) == b""
    waiting.close()
    between.come_back()

    assert post_bulk(between.url, index, 1)[0] == 200
