"""The door: what it takes as it came, what it refuses by which property, and what it only remarks on."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cert.door import check, notes
from cert.errors import Refused
from cert.stix import Checked, parse_json, parse_timestamp
from tests.cert.cases import BAD, GOOD, LATER, MINIMAL, NOTED, NOW, UUID, sample

REQUIRED = {
    "attack-pattern": ["name"],
    "campaign": ["name"],
    "course-of-action": ["name"],
    "grouping": ["context", "object_refs"],
    "identity": ["name"],
    "incident": ["name"],
    "indicator": ["pattern", "pattern_type", "valid_from"],
    "infrastructure": ["name"],
    "intrusion-set": ["name"],
    "malware": ["is_family"],
    "malware-analysis": ["product", "result"],
    "note": ["content", "object_refs"],
    "observed-data": ["first_observed", "last_observed", "number_observed", "object_refs"],
    "opinion": ["opinion", "object_refs"],
    "report": ["name", "published", "object_refs"],
    "threat-actor": ["name"],
    "tool": ["name"],
    "vulnerability": ["name"],
    "relationship": ["relationship_type", "source_ref", "target_ref"],
    "sighting": ["sighting_of_ref"],
    "marking-definition": ["created", "spec_version", "id"],
    "language-content": ["object_ref", "contents"],
    "extension-definition": ["created_by_ref", "name", "schema", "version", "extension_types"],
    "ipv4-addr": ["value", "id"],
    "url": ["value"],
    "network-traffic": ["protocols", "src_ref"],
    "software": ["name"],
    "mutex": ["name"],
}


def refused(obj: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        check(obj, NOW)
    return caught.value


@pytest.mark.parametrize("object_type", MINIMAL)
def test_it_takes_an_object_with_only_the_required_properties(object_type: str) -> None:
    checked = check(sample(object_type), NOW)
    assert parse_json(checked.body) == MINIMAL[object_type]
    assert (checked.id, checked.type) == (MINIMAL[object_type]["id"], object_type)
    assert notes(checked) == ()


@pytest.mark.parametrize(("object_type", "name"), [(t, n) for t, names in REQUIRED.items() for n in names])
def test_it_refuses_an_object_without_a_required_property_and_names_it(object_type: str, name: str) -> None:
    obj = sample(object_type)
    del obj[name]
    refusal = refused(obj)
    assert refusal.data["property"] == name
    assert name in str(refusal)


@pytest.mark.parametrize("name", ["type", "spec_version", "id", "created", "modified"])
def test_it_refuses_an_incident_without_a_common_property_and_names_it(name: str) -> None:
    obj = sample("incident")
    del obj[name]
    assert refused(obj).data["property"] == name


@pytest.mark.parametrize(
    "identifier",
    [
        "", "incident", "incident--", "incident--1", f"Incident--{UUID}", f"malware--{UUID}", f"incident-{UUID}",
        f"incident--{UUID}0", f"incident--{UUID[:-1]}g", f" incident--{UUID}", f"incident--{UUID}\n", 7,
    ],
)  # fmt: skip
def test_it_refuses_a_malformed_id(identifier: Any) -> None:
    assert refused(sample("incident", id=identifier)).data["property"] == "id"


@pytest.mark.parametrize("version", "1345")
def test_it_takes_the_random_or_named_uuids_of_others(version: str) -> None:
    identifier = f"incident--5d1f2a6e-0c0f-{version}b58-9c3a-7d1f2b3c4d5e"
    assert check(sample("incident", id=identifier), NOW).id == identifier


@pytest.mark.parametrize(("row", "obj", "name"), BAD, ids=[f"{row}-{n}" for n, (row, _, _) in enumerate(BAD)])
def test_it_refuses_by_the_property_at_fault(row: str, obj: dict[str, Any], name: str) -> None:
    refusal = refused(obj)
    assert refusal.data["property"] == name
    assert str(refusal).endswith(".")
    assert len(str(refusal)) < 400


@pytest.mark.parametrize(("row", "obj"), GOOD, ids=[f"{row}-{n}" for n, (row, _) in enumerate(GOOD)])
def test_it_takes_what_is_lawful_without_changing_it(row: str, obj: dict[str, Any]) -> None:
    before = copy.deepcopy(obj)
    checked = check(obj, NOW)
    assert obj == before == parse_json(checked.body)
    assert notes(checked) == ()


@pytest.mark.parametrize(("row", "obj", "words"), NOTED, ids=[f"{row}-{n}" for n, (row, _, _) in enumerate(NOTED)])
def test_it_keeps_what_is_odd_and_says_so(row: str, obj: dict[str, Any], words: str) -> None:
    checked = check(obj, NOW)
    assert parse_json(checked.body) == obj
    assert any(words in note for note in notes(checked))


def test_it_says_that_stix_2_0_must_become_2_1() -> None:
    obj = sample("incident")
    del obj["spec_version"]
    assert "STIX 2.1" in str(refused(obj))


@pytest.mark.parametrize("obj", [None, 7, "incident", [], {}, {"type": 7}, {"id": f"incident--{UUID}"}])
def test_it_refuses_what_is_no_object(obj: Any) -> None:
    assert refused(obj).data["property"] == "type"


def versions(*objects: dict[str, Any]) -> set[tuple[int | None, bytes]]:
    return {(found.version, found.digest) for found in (check(obj, NOW) for obj in objects)}


def test_three_spellings_of_one_version_it_counts_as_one() -> None:
    spellings = ("2026-03-14T08:30:00Z", "2026-03-14T08:30:00.000Z", "2026-03-14T08:30:00.000000Z")
    assert len(versions(*(sample("incident", created=text, modified=text) for text in spellings))) == 1


def test_a_version_it_takes_from_modified_else_created_and_none_for_an_observable() -> None:
    assert check(sample("incident", modified=LATER), NOW).version == parse_timestamp(LATER)
    assert check(sample("marking-definition"), NOW).version == parse_timestamp("2026-03-14T08:30:00Z")
    assert check(sample("windows-registry-key", modified=LATER), NOW).version is None


def test_a_day_ahead_it_still_takes() -> None:
    assert check(sample("incident", modified="2026-03-15T09:00:00.000Z"), NOW).version == NOW + 86_400_000_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({name for obj in MINIMAL.values() for name in obj} | {
    "confidence", "lang", "labels", "extensions", "external_references", "granular_markings", "object_marking_refs",
    "created_by_ref", "hashes", "revoked", "country", "definition_type", "x_own",
})  # fmt: skip


@given(st.sampled_from(sorted(MINIMAL)), st.sampled_from(NAMES), json_values)
def test_anything_it_answers_with_an_object_or_a_refusal(object_type: str, name: str, value: Any) -> None:
    try:
        checked = check(sample(object_type, **{name: value}), NOW)
    except Refused:
        return
    assert isinstance(checked, Checked)


@pytest.mark.parametrize("odd", ["%(a)s", "100 %", "%(property)s", "%", "%%(x)d"])
def test_it_refuses_in_words_even_where_the_sender_wrote_what_looks_like_a_blank(odd: str) -> None:
    broken = {**MINIMAL["vulnerability"], "external_references": [{"source_name": "cve", "external_id": odd}]}

    with pytest.raises(Refused):
        check(broken, NOW)
