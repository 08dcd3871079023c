"""Several API roots: each account sees those in which it has a collection, and nothing is under two of them."""

import pytest

from tests.feeds.taxii.node import (
    BENCH,
    COLLECTION,
    ELSEWHERE,
    MEDIA_TYPE,
    OBJECTS,
    OTHER,
    TO_US,
    Node,
    assert_error,
    ids,
    indicator,
)

THERE = f"/{OTHER}/collections/{ELSEWHERE}/"


@pytest.mark.row("TX-35", "TX-33", "TX-34", "TX-23")
@pytest.mark.parametrize(
    ("who", "found"),
    [
        ("customs", {"default": "/puente/", "api_roots": ["/puente/", f"/{OTHER}/"]}),
        ("us", {"default": "/puente/", "api_roots": ["/puente/"]}),
        ("stranger", {}),
    ],
)
def test_it_discovers_only_roots_that_an_account_can_use(node: Node, who: str, found: dict[str, object]) -> None:
    assert node.ask("/taxii2/", who).json() == {"title": "CERT", **found}
    for path in (f"/{OTHER}/", f"/{OTHER}/collections/"):
        assert node.ask(path, who).status_code == (200 if OTHER in str(found) else 404)


@pytest.mark.row("TX-36", "TX-34")
def test_it_serves_each_root_by_itself(node: Node) -> None:
    found = {path: node.ask(path) for path in node.ask("/taxii2/").json()["api_roots"]}

    assert {path: answer.json()["title"] for path, answer in found.items()} == {
        "/puente/": "CERT",
        f"/{OTHER}/": "Federal agencies",
    }
    for answer in found.values():
        assert answer.json()["versions"] == [MEDIA_TYPE]
        assert answer.json()["max_content_length"] == 16 << 20
    assert [one["id"] for one in node.ask(f"/{OTHER}/collections/").json()["collections"]] == [ELSEWHERE]
    assert [one["id"] for one in node.ask("/puente/collections/").json()["collections"]] == [BENCH]


@pytest.mark.row("TX-38", "TX-109", "TX-26")
def test_it_keeps_roots_apart(node: Node) -> None:
    status = node.post(indicator(1), path=f"{THERE}objects/").json()
    token = node.post(indicator(1), indicator(2)) and node.ask(f"{OBJECTS}?limit=1").json()["next"]

    assert ids(node.ask(f"{THERE}objects/")) == [indicator(1)["id"]]
    assert node.ask(f"/{OTHER}/status/{status['id']}/").json() == status
    assert_error(node.ask(f"/puente/status/{status['id']}/"), 404)
    for end in ("", "objects/", "manifest/", f"objects/{indicator(1)['id']}/"):
        assert_error(node.ask(COLLECTION.replace("puente", OTHER) + end), 404)
        assert_error(node.ask(THERE.replace(OTHER, "puente") + end), 404)
    assert_error(node.post(indicator(3), path=OBJECTS.replace("puente", OTHER)), 404)
    assert_error(node.ask(f"{THERE}objects/?limit=1&next={token}"), 400)


@pytest.mark.row("TX-22", "TX-37")
@pytest.mark.parametrize("end", ["", "collections/", f"collections/{ELSEWHERE}/", "status/x/"])
def test_it_makes_a_hidden_root_look_like_none(node: Node, end: str) -> None:
    hidden, absent = node.ask(f"/{OTHER}/{end}", "reader"), node.ask(f"/nothing/{end}", "reader")

    assert_error(hidden, 404)
    assert {**hidden.json(), "error_id": ""} == {**absent.json(), "error_id": ""}
    assert {**hidden.headers, "Date": ""} == {**absent.headers, "Date": ""}


@pytest.mark.row("TX-40")
def test_it_lists_nothing_for_whoever_has_nothing(node: Node) -> None:
    assert node.ask("/puente/collections/", "stranger").content == b"{}"
    assert_error(node.ask(f"/puente/collections/{TO_US}/", "stranger"), 404)


@pytest.mark.row("TX-37", "TX-65")
@pytest.mark.parametrize("path", ["/%00/", "/puente/collections/%00/", f"{OBJECTS}%00/", "/puente/status/%00/"])
def test_it_knows_no_address_with_a_nul(node: Node, path: str) -> None:
    assert_error(node.ask(path), 404)


@pytest.mark.row("TX-G7")
def test_it_knows_no_object_without_an_s(node: Node) -> None:
    node.post(indicator(1))

    assert_error(node.ask(f"{COLLECTION}object/{indicator(1)['id']}/"), 404)
