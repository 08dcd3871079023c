"""DELETE: what an account takes back from its workbench is gone from there, and from nowhere else."""

import pytest

from cert.intake import carry
from cert.store import log
from cert.store.engine import reading, writing
from tests.feeds.taxii.node import (
    BENCH,
    HIDDEN,
    MANIFEST,
    OBJECTS,
    SECOND,
    START,
    TO_US,
    Node,
    assert_error,
    ids,
    indicator,
)

ONE = f"{OBJECTS}{indicator(1)['id']}/"


def delete(node: Node, path: str = ONE, who: str = "customs") -> int:
    answer = node.ask(path, who, "DELETE")
    if answer.status_code != 200:
        assert_error(answer, answer.status_code)
    return answer.status_code


def version(n: int) -> dict[str, object]:
    return indicator(1, START + n * SECOND, name=f"version {n}")


@pytest.mark.row("TX-111", "TX-112", "TX-G5", "TX-G6")
def test_it_takes_back_an_object_with_all_its_versions(node: Node) -> None:
    node.post(version(1), version(2), indicator(2), version(3))

    answer = node.ask(ONE, method="DELETE")

    assert (answer.status_code, answer.content) == (200, b"{}")
    for path in (ONE, f"{ONE}?match[version]=all", f"{ONE}versions/"):
        assert_error(node.ask(path), 404)
    for path in (OBJECTS, MANIFEST):
        for query in ("", "match[version]=all", f"match[id]={indicator(1)['id']}", "match[type]=indicator"):
            assert indicator(1)["id"] not in ids(node.ask(f"{path}?{query}"))
    assert ids(node.ask(MANIFEST)) == [indicator(2)["id"]]


@pytest.mark.row("TX-113")
@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("match[version]=2026-05-04T09:30:02Z", [1, 3]),
        ("match[version]=last", [1, 2]),
        ("match[version]=first,last&match[spec_version]=2.1", [2]),
    ],
)
def test_it_takes_back_single_versions(node: Node, query: str, left: list[int]) -> None:
    node.post(*map(version, (1, 2, 3)))

    assert delete(node, f"{ONE}?{query}") == 200

    names = [found["name"] for found in node.ask(f"{ONE}?match[version]=all").json()["objects"]]
    assert names == [f"version {n}" for n in left]
    assert node.ask(ONE).json()["objects"][0]["name"] == names[-1]
    assert len(node.ask(f"{ONE}versions/").json()["versions"]) == len(left)


@pytest.mark.row("TX-114")
def test_it_finds_nothing_to_take_back(node: Node) -> None:
    node.post(indicator(1))

    assert delete(node, f"{OBJECTS}{indicator(2)['id']}/") == 404
    assert delete(node, f"{ONE}?match[version]=2030-01-01T00:00:00Z") == 404
    assert delete(node, f"{ONE}?match[spec_version]=2.0") == 404
    assert [delete(node), delete(node)] == [200, 404]


@pytest.mark.row("TX-47", "TX-46")
def test_it_takes_both_rights_and_a_workbench(node: Node) -> None:
    node.post(indicator(1))
    hidden = ONE.replace(BENCH, HIDDEN)

    assert [delete(node, who=who) for who in ("reader", "writer", "stranger")] == [403, 403, 404]
    assert [delete(node, hidden), delete(node, hidden, "stranger")] == [404, 404]
    assert delete(node, ONE.replace(BENCH, TO_US), "us") == 403
    assert ids(node.ask(OBJECTS)) == [indicator(1)["id"]]


@pytest.mark.row("TX-65")
@pytest.mark.parametrize("query", ["added_after=2030-01-01T00:00:00Z", "limit=1", "match[id]=x", "match[colour]=red"])
def test_it_deletes_nothing_by_a_filter_it_does_not_have(node: Node, query: str) -> None:
    node.post(indicator(1))

    assert delete(node, f"{ONE}?{query}") == 400
    assert ids(node.ask(OBJECTS)) == [indicator(1)["id"]]


@pytest.mark.row("TX-115")
def test_it_leaves_an_act_behind(node: Node) -> None:
    node.post(version(1), version(2))
    delete(node)

    with reading(node.db) as c:
        (act,) = log.after(c, "acts", 0, 10)
    assert act.kind == "taxii-delete"
    versions = ["2026-05-04T09:30:01.000000Z", "2026-05-04T09:30:02.000000Z"]
    assert act.obj() == {
        "who": "customs",
        "collection": "bench-customs",
        "id": indicator(1)["id"],
        "versions": versions,
    }


@pytest.mark.row("TX-116", "TX-81")
def test_it_takes_an_object_again_with_a_new_date(node: Node) -> None:
    node.post(indicator(1))
    before = node.ask(OBJECTS).headers["X-TAXII-Date-Added-Last"]
    delete(node)

    assert node.post(indicator(1, name="other")).json()["success_count"] == 1

    assert node.ask(OBJECTS).json()["objects"][0]["name"] == "other"
    assert node.ask(OBJECTS).headers["X-TAXII-Date-Added-Last"] > before


@pytest.mark.row("TX-78", "TX-77")
def test_it_goes_on_where_the_rest_was_deleted(node: Node) -> None:
    node.post(*map(indicator, range(1, 5)))
    token = node.ask(f"{OBJECTS}?limit=2").json()["next"]
    for n in (1, 3, 4):
        delete(node, f"{OBJECTS}{indicator(n)['id']}/")

    assert node.ask(f"{OBJECTS}?limit=2&next={token}").content == b"{}"
    assert ids(node.ask(OBJECTS)) == [indicator(2)["id"]]


@pytest.mark.row("TX-115", "TX-G10")
def test_it_leaves_the_record_alone(node: Node) -> None:
    """Intake carries what was posted, whether it was deleted before or after."""
    node.post(indicator(1))
    delete(node)
    with writing(node.db) as c:
        log.create_log(c, "record", 1)
        carry("intake:customs", "bench:customs")(c, log.after(c, "bench:customs", 0, 10), START)

    with reading(node.db) as c:
        assert [entry.id for entry in log.after(c, "record", 0, 10)] == [indicator(1)["id"]]
