"""Discovery, the root and the collections: each account sees its own."""

import pytest

from tests.feeds.taxii.node import (
    BENCH,
    HIDDEN,
    MANIFEST,
    MEDIA_TYPE,
    OBJECTS,
    OTHER,
    TO_US,
    Node,
    assert_error,
    indicator,
)


@pytest.mark.row("TX-32", "TX-33", "TX-34", "TX-36")
def test_it_leads_from_discovery_to_the_root(node: Node) -> None:
    found = node.ask("/taxii2/").json()
    root = node.ask(found["default"]).json()

    assert found == {"title": "CERT", "default": "/puente/", "api_roots": ["/puente/", f"/{OTHER}/"]}
    assert root == {"title": "CERT", "versions": [MEDIA_TYPE], "max_content_length": 16 << 20}


@pytest.mark.row("TX-40", "TX-41", "TX-42")
def test_it_lists_the_collections_of_an_account(node: Node) -> None:
    listed = node.ask("/puente/collections/", "reader")

    assert [found["id"] for found in listed.json()["collections"]] == [BENCH, HIDDEN]
    assert listed.json()["collections"][0] == {
        "id": BENCH,
        "title": "Bench:Customs",
        "alias": "bench-customs",
        "can_read": True,
        "can_write": False,
        "media_types": ["application/stix+json;version=2.1"],
    }
    assert node.ask("/puente/collections/", "stranger").json() == {}


@pytest.mark.row("TX-24", "TX-45")
@pytest.mark.parametrize(
    ("who", "rights"), [("customs", (True, True)), ("reader", (True, False)), ("writer", (False, True))]
)
def test_it_says_what_this_account_may_do(node: Node, who: str, rights: tuple[bool, bool]) -> None:
    found = node.ask(f"/puente/collections/{BENCH}/", who).json()

    assert (found["can_read"], found["can_write"]) == rights


@pytest.mark.row("TX-43", "TX-44")
def test_it_serves_a_collection_by_its_alias(node: Node) -> None:
    node.post(indicator(1), path=OBJECTS.replace(BENCH, "bench-customs"))

    for path in (f"/puente/collections/{BENCH}/", OBJECTS, MANIFEST, f"{OBJECTS}{indicator(1)['id']}/"):
        assert node.ask(path.replace(BENCH, "bench-customs")).json() == node.ask(path).json()
    assert node.ask(f"/puente/collections/{BENCH}/").json() == node.ask("/puente/collections/").json()["collections"][0]


@pytest.mark.row("TX-21", "TX-46")
def test_it_lets_an_account_do_only_what_it_may(node: Node) -> None:
    node.post(indicator(1))

    for path in (OBJECTS, MANIFEST, f"{OBJECTS}{indicator(1)['id']}/"):
        assert_error(node.ask(path, "writer"), 403)
    assert_error(node.post(indicator(2), who="reader"), 403)
    assert len(node.ask(OBJECTS).json()["objects"]) == 1


@pytest.mark.row("TX-46")
def test_it_takes_no_post_into_a_border_log_whatever_was_granted(node: Node) -> None:
    path = f"/puente/collections/{TO_US}/"

    assert node.ask(path, "us").json()["can_write"] is False
    assert_error(node.post(indicator(1), who="us", path=f"{path}objects/"), 403)


@pytest.mark.row("TX-22")
@pytest.mark.parametrize("end", ["", "objects/", "manifest/", f"objects/{indicator(1)['id']}/"])
def test_it_makes_hidden_and_absent_look_alike(node: Node, end: str) -> None:
    hidden = node.ask(f"/puente/collections/{HIDDEN}/{end}")
    absent = node.ask(f"/puente/collections/{HIDDEN[:-1]}0/{end}")

    assert_error(hidden, 404)
    assert {**hidden.json(), "error_id": ""} == {**absent.json(), "error_id": ""}
    assert {**hidden.headers, "Date": ""} == {**absent.headers, "Date": ""}
