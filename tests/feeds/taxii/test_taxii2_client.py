"""OASIS's own client, unmodified, against a running server."""

import json
from collections.abc import Iterator

import pytest
import requests
from taxii2client.v21 import Collection, Server, as_pages

from tests.feeds.taxii.node import BENCH, SECRET, START, Node, indicator


@pytest.fixture
def collection(node: Node) -> Iterator[Collection]:
    server = Server(f"{node.url}/taxii2/", user="customs", password=SECRET)
    (found,) = server.default.collections
    yield found
    server.close()
    found.close()


def test_it_is_found_from_discovery(node: Node) -> None:
    with Server(f"{node.url}/taxii2/", user="customs", password=SECRET) as server:
        root = server.api_roots[0]
        assert server.title == root.title == "CERT"
        assert root.max_content_length == 16 << 20
        assert [(one.id, one.can_read, one.can_write) for one in root.collections] == [(BENCH, True, True)]


def test_it_adds_and_gets_objects(collection: Collection) -> None:
    status = collection.add_objects({"objects": [indicator(n) for n in range(5)]})
    status.refresh()

    assert (status.status, status.success_count, status.failure_count) == ("complete", 5, 0)
    assert collection.get_objects()["objects"] == [indicator(n) for n in range(5)]
    assert collection.get_object(indicator(3)["id"])["objects"] == [indicator(3)]
    assert len(collection.get_manifest()["objects"]) == 5


def test_it_tells_of_failures(collection: Collection) -> None:
    status = collection.add_objects(json.dumps({"objects": [indicator(1), indicator(2, id="indicator--2")]}))

    assert (status.success_count, status.failure_count) == (1, 1)
    assert status.failures[0]["id"] == "indicator--2"


@pytest.mark.parametrize("per_request", [1, 2, 5, 6])
def test_it_is_drained_page_by_page(collection: Collection, per_request: int) -> None:
    collection.add_objects({"objects": [indicator(n) for n in range(5)]})

    for ask in (collection.get_objects, collection.get_manifest):
        pages = list(as_pages(ask, per_request=per_request))
        assert [obj["id"] for page in pages for obj in page["objects"]] == [indicator(n)["id"] for n in range(5)]


def test_it_is_drained_past_our_own_ceiling(collection: Collection) -> None:
    collection.add_objects({"objects": [indicator(n) for n in range(2_500)]})

    assert [len(page["objects"]) for page in as_pages(collection.get_objects, per_request=5_000)] == [1_000, 1_000, 500]


def test_it_filters(collection: Collection) -> None:
    collection.add_objects({"objects": [indicator(1), indicator(1, START + 1_000), indicator(2)]})

    assert len(collection.get_objects(version="all")["objects"]) == 3
    assert len(collection.get_objects(id=[indicator(1)["id"]], version=["first", "last"])["objects"]) == 2
    assert collection.get_objects(added_after="2030-01-01T00:00:00Z") == {}


def test_it_refuses_a_wrong_password(node: Node) -> None:
    with Server(f"{node.url}/taxii2/", user="customs", password="wrong") as server, pytest.raises(requests.HTTPError):
        server.refresh()
