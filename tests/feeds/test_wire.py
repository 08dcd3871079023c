"""What two nodes tell each other can be understood by others: it is defined where it stands, and kept apart."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from stix2validator import ValidationOptions, validate_instance
from taxii2client.v21 import ApiRoot, as_pages

from cert import extension
from cert.store import log
from cert.store.engine import reading, writing
from config.cast import MX
from feeds import ledger, wire
from tests.cast import concerns, incident, indicator, made_id
from tests.feeds import border
from tests.feeds.border import Both, Nation

SYSTEM = made_id("infrastructure", 1)


@pytest.fixture
def talked(both: Both) -> Both:
    """Two nations of which each has taken something, one of them not all."""
    both.mx.give(indicator(1), incident(2, extensions=concerns(SYSTEM)))
    both.us.give(indicator(3), indicator(4, created_by_ref=MX.identity))  # which Mexico has not written
    both.settle()
    return both


def told(nation: Nation) -> list[dict[str, Any]]:
    """All that a nation has told the other."""
    return [entry.obj() for entry in nation.entries(nation.peer.outbound)]


def of_kind(both: Both, kind: str) -> list[dict[str, Any]]:
    return [obj for obj in told(both.mx) + told(both.us) if wire.kind(obj) == kind]


def drained(both: Both) -> list[dict[str, Any]]:
    """What Mexico has told, as another maker's client finds it at its server."""
    mx, secret = both.mx.settings, both.us.settings.peers["mx"].password_file.read_text("utf-8").strip()
    with ApiRoot(f"{mx.taxii_url}/puente/", user="us", password=secret) as root:
        there = next(one for one in root.collections if one.alias == "to-us")
        return [obj for page in as_pages(there.get_objects, per_request=7) for obj in page.get("objects", ())]


def test_it_comes_with_the_definition_of_every_extension_before_its_first_use(talked: Both) -> None:
    defined: set[str] = {extension.CORE}  # OASIS publishes it
    for obj in drained(talked):
        assert set(obj.get("extensions", ())) <= defined
        defined |= {obj["id"]}
        if obj["type"] == "extension-definition":
            assert obj["created_by_ref"] in defined

    assert {wire.EXTENSION, extension.PUENTE} <= defined


@pytest.mark.parametrize("kind", sorted(wire.KINDS))
def test_it_is_as_the_schema_in_its_definition_says(talked: Both, kind: str) -> None:
    definition = next(obj for obj in drained(talked) if obj["id"] == wire.EXTENSION)
    schema = jsonschema_rs.validator_for(json.loads(definition["schema"]))

    found = of_kind(talked, kind)
    assert found
    for obj in found:
        schema.validate(obj)
        for name in obj.keys() - {"object_marking_refs", "exceptions"}:
            assert not schema.is_valid({**obj, name: 7.5}), name
    assert kind != wire.RECEIPT or any("exceptions" in obj for obj in found)


def test_an_incident_s_extension_is_as_its_schema_says(talked: Both) -> None:
    definition = next(obj for obj in drained(talked) if obj["id"] == extension.PUENTE)
    schema = jsonschema_rs.validator_for(json.loads(definition["schema"]))
    (said,) = (obj["extensions"][extension.PUENTE] for obj in drained(talked) if obj["id"] == made_id("incident", 2))

    assert schema.is_valid(said)
    assert not schema.is_valid({**said, "system_refs": [made_id("indicator", 1)]})


@pytest.mark.parametrize("kind", sorted({*wire.KINDS, wire.DEFINITION}))
def test_the_validator_of_oasis_takes_it_with_all_its_rules(talked: Both, kind: str) -> None:
    for obj in of_kind(talked, kind):
        found = validate_instance(copy.deepcopy(obj), ValidationOptions(version="2.1", strict=True))
        assert found.is_valid, [str(error) for error in found.errors]


def test_a_definition_never_enters_a_record_and_nobody_owes_anything_for_it(talked: Both) -> None:
    for giver, taker in ((talked.mx, talked.us), (talked.us, talked.mx)):
        definitions = [e for e in giver.entries(giver.peer.outbound) if e.id in wire.DEFINED]
        assert [entry.number for entry in definitions] == [1, 2, 3]
        assert not wire.DEFINED & {entry.id for entry in taker.entries()}
        with reading(giver.db) as c:
            first = ledger.first_owed(c, giver.peer.outbound, 0)
        assert first
        assert first[0] == next(e.number for e in giver.entries(giver.peer.outbound) if not wire.kind(e.obj()))


def test_what_was_said_before_keeps_its_bytes_when_a_node_learns_to_define_it(two_nodes: Path, tmp_path: Path) -> None:
    """Given two nodes of a version that told no definitions, when one is brought up to date, they follow, once."""
    with border.both(two_nodes, tmp_path / "both") as both:
        for nation in (both.mx, both.us):
            with writing(nation.db) as c:
                log.move_cursor(c, f"definitions:{nation.peer.name}", 0, wire.EDITION)
        both.mx.give(indicator(1))
        both.settle()
        before, held = both.mx.entries("to:us"), both.us.entries()
        assert not wire.DEFINED & {entry.id for entry in before}

        for _ in range(2):  # the second time like one who was restored and took back his own from the mirror
            with writing(both.mx.db) as c:
                log.forget_cursor(c, "definitions:us")
            both.settle()

        after = both.mx.entries("to:us")
        assert after[: len(before)] == before
        assert [wire.kind(entry.obj()) for entry in after[len(before) :]] == [wire.DEFINITION] * 3 + [wire.CHECKPOINT]
        assert both.mx.seals("to:us") == both.us.seals("from:mx")
        assert both.us.entries() == held
        assert both.settle() == 0
