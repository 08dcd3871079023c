"""OASIS's own client, unmodified, against a running server."""

import json
from collections.abc import Iterator
from typing import Any

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


# --- every public method -----------------------------------------------------------------------------------------


class Told:
    """Calls every public method and property of an object of the client, and knows which were called."""

    def __init__(self, thing: object) -> None:
        self.thing = thing
        self.left = {name for name in dir(type(thing)) if not name.startswith("_")}

    def __getattr__(self, name: str) -> object:
        self.left.discard(name)
        return getattr(self.thing, name)


def test_it_serves_every_public_method_of_the_client(node: Node) -> None:
    """A method that a later client brings along makes this fail until it is called here."""
    server: Any = Told(Server(f"{node.url}/taxii2/", user="customs", password=SECRET))
    server.refresh()
    assert (server.title, server.description, server.contact, server.custom_properties) == ("CERT", None, None, {})
    assert [one.url for one in server.api_roots] == [f"{node.url}/puente/", f"{node.url}/federal/"]

    root: Any = Told(server.default)
    root.refresh()
    root.refresh_information()
    root.refresh_collections()
    assert (root.title, root.description, root.custom_properties) == ("CERT", None, {})
    assert root.versions == ["application/taxii+json;version=2.1"]
    assert root.max_content_length == 16 << 20

    collection: Any = Told(root.collections[0])
    collection.refresh()
    about = (collection.id, collection.alias, collection.title, collection.description, collection.custom_properties)
    assert about == (BENCH, "bench-customs", "Bench:Customs", None, {})
    assert (collection.can_read, collection.can_write) == (True, True)
    assert collection.media_types == ["application/stix+json;version=2.1"]
    assert collection.objects_url == f"{node.url}/puente/collections/{BENCH}/objects/"
    one, two = indicator(1), indicator(1, START + 1_000)
    added: Any = Told(collection.add_objects({"objects": [one, two, indicator(2)]}))
    assert collection.get_objects(type="indicator")["objects"] == [two, indicator(2)]
    assert collection.get_object(one["id"], version="all")["objects"] == [one, two]
    assert len(collection.get_manifest(spec_version="2.1")["objects"]) == 2
    assert collection.object_versions(one["id"])["versions"] == [one["modified"], two["modified"]]
    collection.delete_object(one["id"], version="last")
    assert collection.get_object(one["id"])["objects"] == [one]

    added.refresh()
    added.wait_until_final()
    counts = (added.total_count, added.success_count, added.failure_count, added.pending_count)
    assert (added.id, added.status, counts) == (root.get_status(added.id).id, "complete", (3, 3, 0, 0))
    assert [one["version"] for one in added.successes] == [one["modified"], two["modified"], one["modified"]]
    assert (added.failures, added.pendings, added.custom_properties) == ([], [], {})
    assert added.request_timestamp is not None

    for thing in (added, collection, root, server):
        assert thing.url
        thing.close()
        assert thing.left <= set(), type(thing.thing)
