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
    ("who", "rights"),
    [("customs", (True, True)), ("reader", (True, False)), ("writer", (False, True)), ("stranger", None)],
)
def test_it_says_what_this_account_may_do(node: Node, who: str, rights: tuple[bool, bool] | None) -> None:
    answer = node.ask(f"/puente/collections/{BENCH}/", who)

    assert answer.status_code == (200 if rights else 404)
    if rights:
        assert (answer.json()["can_read"], answer.json()["can_write"]) == rights


@pytest.mark.row("TX-43", "TX-44")
def test_it_serves_a_collection_by_its_alias(node: Node) -> None:
    node.post(indicator(1), path=OBJECTS.replace(BENCH, "bench-customs"))
    one = f"{OBJECTS}{indicator(1)['id']}/"

    for path in (f"/puente/collections/{BENCH}/", OBJECTS, MANIFEST, one, f"{one}versions/"):
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


@pytest.mark.row("TX-43", "TX-47")
def test_it_deletes_by_the_alias_too(node: Node) -> None:
    node.post(indicator(1))
    path = f"{OBJECTS.replace(BENCH, 'bench-customs')}{indicator(1)['id']}/"

    assert node.ask(path, method="DELETE").status_code == 200
    assert node.ask(OBJECTS).json() == {}


@pytest.mark.row("TX-41")
def test_it_lists_them_in_the_same_order_each_time(node: Node) -> None:
    assert len({node.ask("/puente/collections/", "reader").content for _ in range(20)}) == 1


@pytest.mark.row("TX-23")
def test_it_shows_no_trace_of_what_others_hold(node: Node) -> None:
    """The same questions before and after somebody fills a collection that this account has no right in."""
    asked = ["/taxii2/", "/puente/", "/puente/collections/", f"{OBJECTS}?limit=1", f"{MANIFEST}?limit=1"]
    asked += [
        f"{OBJECTS}{indicator(7)['id']}/",
        f"{OBJECTS}{indicator(7)['id']}/versions/",
        f"{OBJECTS}?match[type]=note",
    ]
    node.post(*map(indicator, range(3)))

    def seen() -> list[tuple[object, ...]]:
        answers = [node.ask(path) for path in asked]
        dates = [answer.headers.get("X-TAXII-Date-Added-Last") for answer in answers]
        return [(a.status_code, {**a.json(), "error_id": ""}, date) for a, date in zip(answers, dates, strict=True)]

    before = seen()
    node.post(*map(indicator, range(9)), who="reader", path=OBJECTS.replace(BENCH, HIDDEN))
    assert seen() == before
