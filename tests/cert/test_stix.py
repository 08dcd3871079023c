"""Questions about plain STIX dicts: times, references, digests, versions. The text level is in test_ijson.py."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cert.errors import Refused
from cert.stix import (
    differing,
    digest,
    format_timestamp,
    instant,
    next_version_problem,
    objects_of,
    parse_timestamp,
    refs,
    respell,
    survey,
)

T = "2026-03-14T08:30:00.000Z"
OTAY = "infrastructure--2b0e7a0e-6f4c-4b0b-8f2a-1d8c1f1c0a01"
CERT = "identity--8c7f3f58-6d1c-4a57-9a52-0a2f0d7a5e02"
RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
INCIDENT: dict[str, Any] = {
    "type": "incident",
    "spec_version": "2.1",
    "id": "incident--0f0c3b6e-2f8f-4f54-8f0a-6a4d9f1b7c03",
    "created": T,
    "modified": T,
    "created_by_ref": CERT,
    "name": "Caída del carril",
}


def sealed(obj: dict[str, Any]) -> bytes:
    from cert.stix import canonical

    return digest(obj, canonical(obj), survey(obj))


def test_a_timestamp_it_reads_to_the_microsecond() -> None:
    expected = int(datetime(2026, 3, 14, 8, 30, 7, 123456, UTC).timestamp() * 1_000_000)
    assert parse_timestamp("2026-03-14T08:30:07.1234567Z") == expected
    assert instant("2026-03-14T08:30:07.1234567Z") == (expected, "7")


@pytest.mark.parametrize(
    "text", ["2026-02-30T00:00:00Z", "2026-03-14T08:30:00", "2026-03-14 08:30:00Z", "", "ayer", "2026-03-14T08:30:00.Z"]
)
def test_a_timestamp_it_refuses_when_it_names_no_instant(text: str) -> None:
    with pytest.raises(Refused, match=r"Write UTC|no such day"):
        parse_timestamp(text)


@given(st.integers(min_value=-62_135_596_800_000_000, max_value=253_402_300_799_999_999))
def test_a_timestamp_it_writes_and_reads_back(moment: int) -> None:
    assert parse_timestamp(format_timestamp(moment, 6)) == moment
    assert parse_timestamp(format_timestamp(moment)) == moment - moment % 1000


def test_a_leap_second_it_counts_into_the_next_minute() -> None:
    assert parse_timestamp("2016-12-31T23:59:60Z") == parse_timestamp("2017-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("2026-03-14T08:30:00Z", T),
        ("2026-03-14T08:30:00.000000Z", T),
        ("2026-03-14T08:30:00.1Z", "2026-03-14T08:30:00.100Z"),
        ("2026-03-14T08:30:00.1234567Z", "2026-03-14T08:30:00.1234567Z"),
        ("a las ocho", "a las ocho"),
    ],
)
def test_times_it_spells_in_one_way(text: str, spelling: str) -> None:
    assert respell(text) == spelling


def test_references_it_finds_anywhere_in_order_and_once() -> None:
    obj = INCIDENT | {
        "object_marking_refs": [RED, RED],
        "granular_markings": [{"selectors": ["name"], "marking_ref": RED}],
        "extensions": {"extension-definition--6f0f5a5e-5f0a-4b53-9a3e-0d5a1a7f2c11": {"system_refs": [OTAY]}},
        "x_note_ref": "not an id",
    }
    assert refs(obj) == (
        ("created_by_ref", CERT),
        ("object_marking_refs", RED),
        ("granular_markings.marking_ref", RED),
        ("extensions.extension-definition--6f0f5a5e-5f0a-4b53-9a3e-0d5a1a7f2c11.system_refs", OTAY),
    )


def test_a_digest_it_keeps_when_a_relay_respells_times_and_drops_defaults() -> None:
    respelled = INCIDENT | {"created": "2026-03-14T08:30:00Z", "modified": "2026-03-14T08:30:00.0Z", "revoked": False}
    assert sealed(respelled) == sealed(INCIDENT)
    assert differing(INCIDENT, respelled) == ()


@pytest.mark.parametrize(
    "change", [{"name": "Otro"}, {"revoked": True}, {"confidence": 0}, {"description": T[:-5] + "Z"}]
)
def test_a_digest_it_changes_with_the_content(change: dict[str, Any]) -> None:
    assert sealed(INCIDENT | change) != sealed(INCIDENT)
    assert differing(INCIDENT, INCIDENT | change) == tuple(change)


def test_times_in_running_text_it_leaves_alone_in_the_digest() -> None:
    assert sealed(INCIDENT | {"description": T}) != sealed(INCIDENT | {"description": "2026-03-14T08:30:00Z"})


def test_the_spec_version_of_an_observable_it_counts_as_a_default() -> None:
    address = {"type": "ipv4-addr", "id": "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd", "value": "198.51.100.3"}
    assert sealed(address) == sealed(address | {"spec_version": "2.1", "defanged": False})


def test_a_bundle_it_opens_and_a_single_object_it_takes() -> None:
    bundle = {"type": "bundle", "id": "bundle--0c1f1b7a-51a7-4f4d-9a70-6f3b0d1b7c09", "objects": [INCIDENT]}
    assert objects_of(bundle) == objects_of({"objects": [INCIDENT]}) == objects_of([INCIDENT]) == objects_of(INCIDENT)


@pytest.mark.parametrize("document", [{}, [], {"type": "bundle", "objects": []}, "text", 3, None, {"objects": "x"}])
def test_a_document_it_refuses_without_objects(document: Any) -> None:
    with pytest.raises(Refused, match="no STIX objects"):
        objects_of(document)


def test_it_keeps_the_good_ones_where_one_is_no_object() -> None:
    assert objects_of({"type": "bundle", "objects": [1, INCIDENT]}) == [1, INCIDENT]


def test_a_next_version_it_accepts_when_it_is_newer() -> None:
    newer = INCIDENT | {
        "modified": "2026-03-14T08:30:00.001Z",
        "created": "2026-03-14T08:30:00Z",
        "name": "Otro nombre",
    }
    assert next_version_problem(INCIDENT, newer) is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"modified": T}, "modified"),
        ({"modified": "2026-03-14T08:29:59.999Z"}, "modified"),
        ({"created": "2026-03-14T08:29:59.999Z"}, "created"),
        ({"created_by_ref": OTAY}, "created_by_ref"),
        ({"id": OTAY}, "id"),
        ({"type": "infrastructure"}, "type"),
    ],
)
def test_a_next_version_it_refuses_when_the_wrong_thing_changed(change: dict[str, Any], name: str) -> None:
    problem = next_version_problem(INCIDENT, INCIDENT | {"modified": "2026-03-15T00:00:00.000Z"} | change)
    assert problem is not None
    assert problem.data["property"] == name


def test_a_next_version_it_refuses_after_a_revocation() -> None:
    problem = next_version_problem(INCIDENT | {"revoked": True}, INCIDENT | {"modified": "2027-01-01T00:00:00.000Z"})
    assert problem is not None
    assert problem.code == "revoked"
