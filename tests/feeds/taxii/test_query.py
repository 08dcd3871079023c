"""Filters, over HTTP: what is found, and what cannot be meant."""

import random

import pytest

from cert.stix import META, SCO, SDO, SRO
from tests.feeds.taxii.node import MANIFEST, OBJECTS, SECOND, START, Node, assert_error, ids, indicator, names

LAST = "X-TAXII-Date-Added-Last"
ADDRESS = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bcf5e51eb5"
REFUSED = {
    "TX-50 a word": "added_after=yesterday",
    "TX-50 no such month": "added_after=2024-13-01T00:00:00Z",
    "TX-50 no such day": "added_after=2024-02-30T00:00:00Z",
    "TX-50 an offset": "added_after=2024-01-01T00:00:00%2B02:00",
    "TX-50 empty": "added_after=",
    "TX-52 zero": "limit=0",
    "TX-52 negative": "limit=-1",
    "TX-52 exponent": "limit=1e3",
    "TX-52 fraction": "limit=1.0",
    "TX-52 Arabic digit": "limit=%D9%A3",
    "TX-52 huge": f"limit=1{'0' * 30}",
    "TX-54 limit twice": "limit=1&limit=1",
    "TX-54 match twice": "match[id]=a&match%5Bid%5D=b",
    "TX-54 unknown match twice": "match[foo]=a&match[foo]=b",
    "TX-56 a value twice": "match[id]=a,a",
    "TX-58 all and last": "match[version]=all,last",
    "TX-58 no version": "match[version]=newest",
    "TX-62 no version of STIX": "match[spec_version]=newest",
    "TX-56 a type twice": "match[type]=note,note",
    "TX-65 empty": "match[id]=",
    "TX-65 empty between": "match[id]=a,,b",
    "TX-65 bracket": "match[id=a",
    "TX-65 no name": "match[]=a",
    "TX-65 not UTF-8": "match[id]=%ff",
    "TX-65 NUL": "match[id]=%00",
    "TX-65 no value": "limit",
    "TX-66 too many": "match[id]=" + ",".join(str(n) for n in range(501)),
    "TX-71 no token": "next=abc",
    "TX-71 not ASCII": "next=%C3%A9",
    "TX-71 empty": "next=",
}


@pytest.mark.row("TX-50", "TX-52", "TX-54", "TX-56", "TX-58", "TX-62", "TX-65", "TX-66", "TX-71")
@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED.keys())
def test_it_refuses_what_cannot_be_meant(node: Node, query: str) -> None:
    for path in (OBJECTS, MANIFEST, f"{OBJECTS}{indicator(1)['id']}/"):
        assert_error(node.ask(f"{path}?{query}"), 400)


@pytest.mark.row("TX-48", "TX-73")
def test_it_takes_added_after_strictly(node: Node) -> None:
    node.post(*map(indicator, range(5)))
    first = node.ask(f"{OBJECTS}?limit=2")

    rest = node.ask(f"{OBJECTS}?added_after={first.headers[LAST]}")

    assert ids(first) + ids(rest) == [indicator(n)["id"] for n in range(5)]
    assert node.ask(f"{OBJECTS}?added_after={rest.headers[LAST]}").json() == {}


@pytest.mark.row("TX-49")
def test_it_goes_by_the_date_added_and_not_by_the_object(node: Node) -> None:
    node.post(indicator(1) | {"created": "2001-01-01T00:00:00.000Z", "modified": "2001-01-01T00:00:00.000Z"})

    assert len(ids(node.ask(f"{OBJECTS}?added_after=2020-01-01T00:00:00.000000Z"))) == 1


@pytest.mark.row("TX-51")
@pytest.mark.parametrize("text", ["09:30:00Z", "09:30:00.9Z", "09:30:00.999999Z", "09:30:00.999999999Z"])
def test_it_takes_any_number_of_decimals(node: Node, text: str) -> None:
    node.post(indicator(1))
    node.clock.now += SECOND
    node.post(indicator(2))

    assert ids(node.ask(f"{OBJECTS}?added_after=2026-05-04T{text}")) == [indicator(2)["id"]]


@pytest.mark.row("TX-55", "TX-67")
def test_it_finds_several_ids_at_once(node: Node) -> None:
    node.post(*map(indicator, range(5)))
    wanted = [indicator(n)["id"] for n in (1, 3)]

    assert ids(node.ask(f"{OBJECTS}?match[id]={wanted[1]},{wanted[0]},x")) == wanted
    assert ids(node.ask(f"{OBJECTS}?match%5Bid%5D={wanted[0]}")) == wanted[:1]


@pytest.mark.row("TX-66")
def test_it_finds_as_many_ids_at_once_as_an_address_holds(node: Node) -> None:
    node.post(*map(indicator, range(500)))
    every = [indicator(n)["id"] for n in range(500)]

    assert ids(node.ask(f"{OBJECTS}?match[id]={','.join(every[:160])}")) == every[:160]
    assert_error(node.ask(f"{OBJECTS}?match[id]={','.join(every)}"), 414)


@pytest.mark.row("TX-62", "TX-64")
def test_it_ignores_what_it_does_not_know(node: Node) -> None:
    node.post(indicator(1))

    assert len(ids(node.ask(f"{OBJECTS}?match[foo]=bar&colour=red&match[spec_version]=2.0,2.1"))) == 1


@pytest.mark.row("TX-62")
@pytest.mark.parametrize(("asked", "found"), [("", 1), ("2.1", 1), ("2.0,2.1", 1), ("2.0", 0), ("9.9", 0)])
def test_it_takes_all_it_holds_for_stix_21(node: Node, asked: str, found: int) -> None:
    node.post(indicator(1))
    query = f"?match[spec_version]={asked}" if asked else ""

    for path in (OBJECTS, MANIFEST, f"{OBJECTS}{indicator(1)['id']}/", f"{OBJECTS}{indicator(1)['id']}/versions/"):
        answer = node.ask(path + query)
        assert (answer.status_code, answer.content == b"{}") == (200, not found)


@pytest.mark.row("TX-57", "TX-55")
def test_it_finds_objects_by_type(node: Node) -> None:
    note = {"type": "note", "spec_version": "2.1", "id": indicator(1)["id"].replace("indicator", "note")}
    note |= {"created": indicator(1)["created"], "modified": indicator(1)["created"]}
    note |= {"content": "x", "object_refs": [indicator(1)["id"]]}
    node.post(indicator(1), note, indicator(2), indicator(2, START + SECOND))

    found = {
        query: (ids(node.ask(f"{OBJECTS}?{query}")), ids(node.ask(f"{MANIFEST}?{query}")))
        for query in ("match[type]=note", "match[type]=indicator", "match[type]=indicator,note", "match[type]=x-new")
    }

    one, two = indicator(1)["id"], indicator(2)["id"]
    assert [objects for objects, listed in found.values()] == [[note["id"]], [one, two], [one, note["id"], two], []]
    assert all(objects == listed for objects, listed in found.values())
    assert len(ids(node.ask(f"{OBJECTS}?match[type]=indicator&match[version]=all"))) == 3
    assert ids(node.ask(f"{OBJECTS}?match[type]=note&match[id]={one},{note['id']}")) == [note["id"]]
    first = node.ask(f"{OBJECTS}?match[type]=indicator,note&limit=2").json()
    assert ids(node.ask(f"{OBJECTS}?match[type]=indicator,note&limit=2&next={first['next']}")) == [two]


@pytest.mark.row("TX-57")
@pytest.mark.parametrize("kind", sorted(SDO | SRO | SCO | META | {"bundle", "x-new"}))
def test_it_knows_every_type_even_if_it_holds_none(node: Node, kind: str) -> None:
    assert node.ask(f"{OBJECTS}?match[type]={kind}").content == b"{}"


VERSIONS = {
    "default": ("", "3 of 3"),
    "last": ("match[version]=last", "3 of 3"),
    "first": ("match[version]=first", "1 of 3"),
    "all": ("match[version]=all", "3 of 3, 1 of 3, 2 of 3"),
    "first and last": ("match[version]=first,last", "3 of 3, 1 of 3"),
    "exact": ("match[version]=2026-05-04T09:30:02.000000Z", "2 of 3"),
    "TX-59 exact, other spelling": ("match[version]=2026-05-04T09:30:02Z", "2 of 3"),
    "exact or last": ("match[version]=2026-05-04T09:30:02Z,last", "3 of 3, 2 of 3"),
    "no such version": ("match[version]=2026-05-04T09:30:09Z", ""),
}


@pytest.mark.row("TX-58", "TX-59", "TX-60", "TX-94", "TX-107")
@pytest.mark.parametrize(("query", "found"), VERSIONS.values(), ids=VERSIONS.keys())
def test_it_chooses_versions_by_version_and_not_by_arrival(node: Node, query: str, found: str) -> None:
    for n in (3, 1, 2):
        assert node.post(indicator(1, START + n * SECOND, name=f"{n} of 3")).json()["failure_count"] == 0

    for path in (OBJECTS, f"{OBJECTS}{indicator(1)['id']}/"):
        assert ", ".join(names(node.ask(f"{path}?{query}"))) == found
    assert len(ids(node.ask(f"{MANIFEST}?{query}"))) == len(found.split(",") if found else [])


@pytest.mark.row("TX-61", "TX-G9")
def test_it_chooses_versions_before_it_looks_at_dates(node: Node) -> None:
    added = node.post(indicator(1, START + 2 * SECOND)) and node.ask(OBJECTS).headers[LAST]
    node.post(indicator(1, START + SECOND, name="late"))

    assert node.ask(f"{OBJECTS}?added_after={added}").json() == {}
    assert names(node.ask(f"{OBJECTS}?added_after={added}&match[version]=all")) == ["late"]


@pytest.mark.row("TX-63", "TX-106")
def test_it_names_the_version_of_an_object_without_one_by_its_date(node: Node) -> None:
    node.post(indicator(1), {"type": "ipv4-addr", "spec_version": "2.1", "value": "203.0.113.7", "id": ADDRESS})
    listed = node.ask(MANIFEST).json()["objects"]

    assert listed[1]["version"] == listed[1]["date_added"]
    for record in listed:
        found = node.ask(f"{OBJECTS}?match[id]={record['id']}&match[version]={record['version']}")
        assert ids(found) == [record["id"]]


ASKED = [
    "",
    "limit=2",
    "match[type]=indicator",
    "match[type]=ipv4-addr,note",
    "match[version]=all",
    "match[version]=first",
    "match[version]=first,last&limit=3",
    "match[version]=all&match[type]=indicator&limit=2",
    f"match[id]={indicator(1)['id']},{ADDRESS}",
    f"match[id]={indicator(1)['id']},{indicator(2)['id']}&match[version]=all&match[type]=indicator",
    "match[spec_version]=2.0",
    "match[version]=2026-05-04T09:30:01Z",
]


@pytest.mark.row("TX-105", "TX-68", "TX-55")
def test_it_selects_the_same_for_the_manifest_as_for_objects(node: Node) -> None:
    address = {"type": "ipv4-addr", "spec_version": "2.1", "value": "203.0.113.7", "id": ADDRESS}
    node.post(indicator(1, START + SECOND), address, *map(indicator, range(4)), indicator(2, START + SECOND))
    cut = node.ask(f"{OBJECTS}?limit=2").headers[LAST]

    for query in [*ASKED, *(f"{query}&added_after={cut}".lstrip("&") for query in ASKED)]:
        objects, listed = (node.ask(f"{path}?{query}" if query else path) for path in (OBJECTS, MANIFEST))
        found = [(one["id"], one.get("modified")) for one in objects.json().get("objects", [])]
        records = listed.json().get("objects", [])

        assert [one["id"] for one in records] == [stix_id for stix_id, _ in found], query
        assert all(one["version"] == version for one, (_, version) in zip(records, found, strict=True) if version)
        assert [one["date_added"] for one in records] == sorted(one["date_added"] for one in records)
        assert objects.json().get("more") == listed.json().get("more")
        for header in (LAST, LAST.replace("Last", "First")):
            assert objects.headers.get(header) == listed.headers.get(header)


@pytest.mark.row("TX-65", "TX-118")
def test_it_never_fails_on_what_somebody_made_up(node: Node) -> None:
    """500 queries, the same each time."""
    node.post(indicator(1))
    made_up = random.Random(21)  # noqa: S311 no secret
    parts = [
        "match[id]",
        "match[version]",
        "match[type]",
        "limit",
        "next",
        "added_after",
        "=",
        "&",
        ",",
        "[",
        "]",
        "%",
        "%5B",
        "all",
        "last",
        "first",
    ]
    parts += [*"10-x é'\";+", "%00", "%ff", "2026-05-04T09:30:00Z"]

    for _ in range(500):
        query = "".join(made_up.choices(parts, k=made_up.randint(1, 9)))
        assert node.ask(f"{OBJECTS}?{query}").status_code in {200, 400}, query
