"""POST: what is stored, what is told, and what is too much."""

import json
import uuid
from typing import Any

import pytest

from cert.errors import Missing
from cert.store import aside, log
from cert.store.engine import Engine, reading
from feeds.taxii.app import taxii_app
from tests.bench import mix
from tests.feeds.taxii.conftest import Start
from tests.feeds.taxii.house import BUSY, FAULT
from tests.feeds.taxii.node import (
    HIDDEN,
    MANIFEST,
    OBJECTS,
    SECOND,
    START,
    STATUS,
    Clock,
    Node,
    assert_error,
    ids,
    indicator,
)

HOUR = 3_600 * SECOND
BROKEN = {
    "TX-17 cut": b'{"objects":[{',
    "TX-17 a key twice": b'{"objects":[{"type":"a","type":"b"}]}',
    "TX-17 not a number": b'{"objects":[{"x":NaN}]}',
    "TX-17 infinity": b'{"objects":[{"x":1e999}]}',
    "TX-17 deep": b'{"objects":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "TX-17 spaces": b" " * 1_000_000,
    "TX-16 lone surrogate": b'{"objects":[{"x":"\\ud800"}]}',
    "TX-10 not UTF-8": b'{"objects":[{"x":"\xff"}]}',
    "TX-10 byte order mark and nothing": b"\xef\xbb\xbf",
    "empty": b"",
}
UNUSABLE = {
    "TX-91 a list": b"[]",
    "TX-91 a text": b'"x"',
    "TX-91 no objects": b"{}",
    "TX-91 objects is none": b'{"objects":{}}',
    "TX-95 no object": b'{"objects":[]}',
    "TX-95 a bundle": b'{"type":"bundle","objects":[{}]}',
}


@pytest.mark.row("TX-10", "TX-16", "TX-17")
@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_it_refuses_broken_json(node: Node, body: bytes) -> None:
    assert_error(node.post(json=None, data=body), 400)
    assert node.ask(OBJECTS).json() == {}


@pytest.mark.row("TX-91", "TX-95")
@pytest.mark.parametrize("body", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_it_refuses_an_unusable_envelope(node: Node, body: bytes) -> None:
    assert_error(node.post(json=None, data=body), 422)
    assert node.ask(OBJECTS).json() == {}


@pytest.mark.row("TX-86", "TX-87", "TX-88", "TX-101", "TX-120")
def test_it_stores_and_says_so(node: Node) -> None:
    answer = node.post(json={"objects": [indicator(1), indicator(2)], "x_more": 1})

    assert answer.status_code == 202
    status = answer.json()
    uuid.UUID(status.pop("id"), version=4)
    assert status == {
        "status": "complete",
        "request_timestamp": "2026-05-04T09:30:00.000000Z",
        "total_count": 2,
        "success_count": 2,
        "failure_count": 0,
        "pending_count": 0,
        "successes": [{"id": indicator(n)["id"], "version": indicator(n)["modified"]} for n in (1, 2)],
    }
    assert ids(node.ask(OBJECTS)) == [indicator(1)["id"], indicator(2)["id"]]


@pytest.mark.row("TX-90", "TX-104")
@pytest.mark.parametrize("place", [0, 25, 49])
def test_it_stores_the_good_ones_beside_a_bad_one(node: Node, place: int) -> None:
    objects = [indicator(n) for n in range(50)]
    objects[place] = indicator(place, id="indicator--../../etc/passwd")

    status = node.post(*objects).json()

    assert (status["success_count"], status["failure_count"], status["total_count"]) == (49, 1, 50)
    assert status["failures"][0]["id"] == "indicator--../../etc/passwd"
    assert status["failures"][0]["version"].endswith("Z")
    assert status["failures"][0]["message"]
    assert len(ids(node.ask(OBJECTS))) == 49


@pytest.mark.row("TX-90")
@pytest.mark.parametrize("thing", [None, 7, "x", [], {}, {"id": 5}])
def test_it_names_the_place_of_a_thing_without_an_id(node: Node, thing: object) -> None:
    failures = node.post(indicator(1), thing).json()["failures"]

    assert len(failures) == 1
    assert failures[0]["message"].startswith("Object 2 of the envelope: ")


@pytest.mark.row("TX-81", "TX-92", "TX-96")
def test_it_counts_a_repetition_as_a_success(node: Node) -> None:
    node.post(indicator(1), indicator(1), indicator(2))
    before = node.ask(OBJECTS)

    status = node.post(indicator(1), indicator(2)).json()

    assert (status["success_count"], status["failure_count"]) == (2, 0)
    assert node.ask(OBJECTS).headers["X-TAXII-Date-Added-Last"] == before.headers["X-TAXII-Date-Added-Last"]
    assert len(ids(before)) == 2


@pytest.mark.row("TX-93", "TX-G8")
def test_it_keeps_the_first_of_two_contents_and_names_what_differs(node: Node) -> None:
    node.post(indicator(1))

    failure = node.post(indicator(1, name="Other")).json()["failures"][0]

    assert "name" in failure["message"]
    assert failure["version"] == "2026-05-04T09:30:00.000Z"
    assert node.ask(OBJECTS).json()["objects"] == [indicator(1)]


@pytest.mark.row("TX-93")
def test_it_keeps_the_other_content_for_review_once(node: Node) -> None:
    node.post(indicator(1), indicator(1, name="Other"))
    node.post(indicator(1, name="Other"), indicator(1, name="Third", pattern="[url:value = 'x']", description="y"))

    with reading(node.db) as c:
        kept = [(one.stix_id, one.differs) for one in aside.all_variants(c, "bench:customs", 10)]
        told = [entry.obj() for entry in log.after(c, "acts", 0, 10)]

    assert sorted(kept) == [
        (indicator(1)["id"], ("description", "name", "pattern")),
        (indicator(1)["id"], ("name",)),
    ]
    assert [(act["who"], act["count"], act["ids"]) for act in told] == [
        ("customs", count, [indicator(1)["id"]]) for count in (1, 2)
    ]


@pytest.mark.row("TX-89")
@pytest.mark.parametrize(("count", "listed"), [(1, 1), (100, 100), (101, 0)])
def test_it_lists_every_success_or_none(node: Node, count: int, listed: int) -> None:
    assert len(node.post(*map(indicator, range(count))).json().get("successes", [])) == listed


@pytest.mark.row("TX-63", "TX-88")
def test_it_names_the_version_of_an_address_as_the_manifest_does(node: Node) -> None:
    address = {"type": "ipv4-addr", "spec_version": "2.1", "value": "203.0.113.7", "id": ADDRESS}

    told = [node.post(address | more).json()["successes"][0] for more in ({}, {"x_note": "other"}, {})]

    listed = node.ask(MANIFEST).json()["objects"]
    assert told == [{"id": ADDRESS, "version": listed[n]["date_added"]} for n in (0, 1, 0)]
    assert node.ask(f"{OBJECTS}{ADDRESS}/versions/").json()["versions"] == [one["version"] for one in listed]


ADDRESS = "ipv4-addr--28bb3599-77cd-5a82-a950-b5bcf5e51eb5"


@pytest.mark.row("TX-31")
def test_it_refuses_what_is_said_in_another_name(node: Node) -> None:
    forged = indicator(1, created_by_ref="identity--00000000-0000-4000-8000-000000000001")

    assert "may not speak for" in node.post(forged).json()["failures"][0]["message"]
    assert node.ask(OBJECTS).json() == {}


STAMPS = ("2026-05-04T09:30:00.123456789Z", "2026-05-04T09:30:00Z", "2026-05-04T09:30:00.1234567Z")
ODD = {
    **{f"modified {stamp}": indicator(1) | {"modified": stamp} for stamp in STAMPS},
    "a long pattern": indicator(1, pattern="[" + " OR ".join(["url:value = 'x'"] * 300) + "]"),
    "a pattern of another language": indicator(1, pattern="rule x { condition: true }", pattern_type="yara"),
    "STIX 2.0": {name: item for name, item in indicator(1).items() if name != "spec_version"},
    "an unknown type": indicator(1) | {"type": "x-new", "id": indicator(1)["id"].replace("indicator", "x-new")},
    "an id of another version": indicator(1, id="indicator--00000000-0000-1000-8000-000000000001"),
    "deep": indicator(1, x_deep=json.loads("[" * 40 + "]" * 40)),
    "large numbers": indicator(1, x_number=2**53 - 1, x_fraction=1e-7, x_negative=-0.0),
    "empty": indicator(1, description="", labels=["x"], x_empty=[]),
    "before there were computers": indicator(1)
    | {"created": "1700-01-01T00:00:00Z", "modified": "1700-01-01T00:00:00Z"},
}


@pytest.mark.row("TX-103", "TX-90")
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_it_serves_on_whatever_was_sent(node: Node, odd: dict[str, Any]) -> None:
    status = node.post(odd, indicator(2)).json()

    assert status["total_count"] == 2
    assert status["success_count"] >= 1
    for query in ("", "?match[version]=all", "?match[version]=first", "?match[type]=indicator,x-new", "?limit=1"):
        for path in (OBJECTS, MANIFEST, f"{OBJECTS}{indicator(2)['id']}/", f"{OBJECTS}{indicator(2)['id']}/versions/"):
            assert node.ask(path + query).status_code == 200
    assert indicator(2)["id"] in ids(node.ask(OBJECTS))
    assert len(ids(node.ask(OBJECTS))) == status["success_count"]


@pytest.mark.row("TX-85", "TX-16")
def test_it_gives_back_what_it_was_sent_value_for_value(node: Node) -> None:
    """Some of everything that a national CERT files, in cases of two dozen."""
    sent = list(mix.objects(600))

    assert node.post(*sent).json()["failure_count"] == 0

    once = list({obj["id"]: obj for obj in sent}.values())  # some addresses are met again
    assert node.ask(f"{OBJECTS}?match[version]=all").json()["objects"] == once


@pytest.mark.row("TX-123")
def test_it_serves_for_ever(node: Node) -> None:
    node.post(indicator(1), indicator(2))
    token = node.ask(f"{OBJECTS}?limit=1").json()["next"]
    node.clock.now += 20 * 365 * 24 * HOUR

    assert ids(node.ask(f"{OBJECTS}?limit=1&next={token}")) == [indicator(2)["id"]]
    assert len(ids(node.ask(MANIFEST))) == 2


@pytest.mark.row("TX-26", "TX-98", "TX-99", "TX-100")
def test_it_keeps_a_status_two_days_for_the_one_who_posted(start: Start) -> None:
    node = start()
    status = node.post(indicator(1)).json()
    path = f"{STATUS}{status['id']}/"

    assert start().ask(path).json() == status
    assert_error(node.ask(path, "reader"), 404)
    assert_error(node.ask(f"{STATUS}not-a-uuid/"), 404)
    node.clock.now += 48 * HOUR
    assert node.ask(path).status_code == 200
    node.clock.now += 1
    assert_error(node.ask(path), 404)


@pytest.mark.row("TX-107", "TX-108", "TX-109")
def test_it_serves_one_object(node: Node) -> None:
    node.post(indicator(1), indicator(1, START + SECOND), indicator(2))
    path = f"{OBJECTS}{indicator(1)['id']}/"

    assert node.ask(path).json() == {"objects": [indicator(1, START + SECOND)]}
    assert len(ids(node.ask(f"{path}?match[version]=all&match[id]=ignored"))) == 2
    assert node.ask(f"{path}?added_after=2030-01-01T00:00:00Z").json() == {}
    assert node.ask(path.replace("--", "%2D%2D")).json() == node.ask(path).json()
    assert_error(node.ask(f"{OBJECTS}{indicator(3)['id']}/"), 404)
    assert_error(node.ask(path.replace(OBJECTS, f"/puente/collections/{HIDDEN}/objects/"), "reader"), 404)


# --- too much ----------------------------------------------------------------------------------------------------
def envelope_of(size: int) -> bytes:
    text = b'{"objects":[{"type":"'
    return text + b"x" * (size - len(text) - 4) + b'"}]}'


@pytest.mark.row("TX-97")
def test_it_takes_a_body_up_to_the_last_byte(start: Start) -> None:
    node = start(max_content_length=100_000)

    assert node.post(json=None, data=envelope_of(100_000)).status_code == 202
    assert node.post(json=None, data=iter([envelope_of(100_000)])).status_code == 202  # chunked
    assert_error(node.post(json=None, data=envelope_of(100_001)), 413)
    assert_error(node.post(json=None, data=iter([envelope_of(100_001)])), 413)


@pytest.mark.row("TX-118", "TX-117")
def test_it_survives_its_own_failure(node: Node) -> None:
    node.clock.now = FAULT

    answer = node.post(indicator(1))

    assert_error(answer, 500)
    assert "secret" not in answer.text
    assert node.ask(OBJECTS).status_code == 200


@pytest.mark.row("TX-119")
def test_it_asks_to_come_back_while_the_database_is_busy(node: Node) -> None:
    node.clock.now = BUSY

    answer = node.post(indicator(1))

    assert_error(answer, 503)
    assert answer.headers["Retry-After"] == "5"
    assert "locked" not in answer.text


def test_it_refuses_a_weak_key(db: Engine, clock: Clock) -> None:
    with pytest.raises(Missing):
        taxii_app(db, title="CERT", secret_key=b"short", clock=clock)
