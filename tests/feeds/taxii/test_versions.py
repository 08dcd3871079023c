"""The versions of one object, as section 5.8 of the standard has them."""

import pytest

from tests.feeds.taxii.node import (
    BENCH,
    HIDDEN,
    MANIFEST,
    OBJECTS,
    SECOND,
    START,
    Node,
    assert_error,
    indicator,
)

PATH = f"{OBJECTS}{indicator(1)['id']}/versions/"
FIRST, LAST = "X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"


def stamp(n: int) -> str:
    return str(indicator(1, START + n * SECOND)["modified"])


@pytest.fixture
def node(node: Node) -> Node:
    """A node that was sent the versions 3, 1 and 2 of an object, and another object."""
    node.post(*(indicator(1, START + n * SECOND) for n in (3, 1)), indicator(2), indicator(1, START + 2 * SECOND))
    return node


@pytest.mark.row("TX-110", "TX-74")
def test_it_lists_every_version_in_the_order_added(node: Node) -> None:
    answer = node.ask(PATH)
    added = [record["date_added"] for record in node.ask(f"{MANIFEST}?match[version]=all").json()["objects"]]

    assert answer.json() == {"versions": [stamp(3), stamp(1), stamp(2)]}
    assert (answer.headers[FIRST], answer.headers[LAST]) == (added[0], added[3])


@pytest.mark.row("TX-110", "TX-70", "TX-76")
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_it_lists_them_page_by_page_by_either_way(node: Node, limit: int) -> None:
    pages, by_date = [node.ask(f"{PATH}?limit={limit}")], [node.ask(f"{PATH}?limit={limit}")]
    while pages[-1].json().get("more"):
        pages.append(node.ask(f"{PATH}?limit={limit}&next={pages[-1].json()['next']}"))
        by_date.append(node.ask(f"{PATH}?limit={limit}&added_after={by_date[-1].headers[LAST]}"))

    assert [version for page in pages for version in page.json()["versions"]] == [stamp(3), stamp(1), stamp(2)]
    assert [page.json()["versions"] for page in by_date] == [page.json()["versions"] for page in pages]


@pytest.mark.row("TX-110", "TX-48", "TX-62")
def test_it_filters_versions(node: Node) -> None:
    first = node.ask(f"{PATH}?limit=1").headers[LAST]

    assert node.ask(f"{PATH}?added_after={first}").json() == {"versions": [stamp(1), stamp(2)]}
    assert node.ask(f"{PATH}?match[spec_version]=2.0").json() == {}
    assert node.ask(f"{PATH}?added_after=2030-01-01T00:00:00Z").json() == {}
    assert len(node.ask(f"{PATH}?match[version]=first&match[type]=note").json()["versions"]) == 3


@pytest.mark.row("TX-110", "TX-46", "TX-22")
def test_it_knows_only_objects_that_may_be_read(node: Node) -> None:
    assert_error(node.ask(PATH.replace(indicator(1)["id"], indicator(3)["id"])), 404)
    assert_error(node.ask(PATH, "writer"), 403)
    assert_error(node.ask(PATH, "stranger"), 404)
    assert_error(node.ask(PATH.replace(BENCH, HIDDEN), "reader"), 404)


@pytest.mark.row("TX-106", "TX-59")
def test_it_names_versions_that_can_be_asked_for(node: Node) -> None:
    for version in node.ask(PATH).json()["versions"]:
        (found,) = node.ask(f"{OBJECTS}{indicator(1)['id']}/?match[version]={version}").json()["objects"]
        assert found["modified"] == version
