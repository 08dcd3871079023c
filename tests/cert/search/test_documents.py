"""A line of the record as the index knows it."""

from typing import Any

import orjson
import pytest

from cert.extension import CORE, PUENTE
from cert.search.documents import Document, document
from cert.store.log import Entry

INCIDENT = {
    "type": "incident",
    "id": "incident--1",
    "created": "2026-11-24T10:00:00.000Z",
    "created_by_ref": "identity--author",
    "name": "Redes caídas en Otay Mesa",
    "description": "Tráfico desde hxxp://evil[.]mx",
    "labels": ['rsit:availability="ddos"'],
    "external_references": [{"source_name": "puente", "external_id": "MX-2026-K7Q4ZD"}],
    "extensions": {
        PUENTE: {
            "extension_type": "property-extension",
            "system_refs": ["infrastructure--0a0a0a0a-1111-4111-8111-111111111111"],
        },
        CORE: {"extension_type": "property-extension", "criticality": 70},
    },
}

DIGEST = 7105348270898811248


def made(obj: dict[str, Any], *, line: int | None = 7, version: int | None = 5) -> Document:
    entry = Entry(
        number=3,
        kind="object",
        line=line,
        id=obj["id"],
        origin=1,
        version=version,
        date_added=9,
        handling=None,
        digest=b"",
        body=orjson.dumps(obj),
    )
    return document(entry, {"org:1", "cert"}, "mx", "amber")


def test_it_says_what_can_be_filtered_and_counted() -> None:
    doc = made(INCIDENT)

    assert (doc.line, doc.number, doc.type, doc.nation, doc.handling) == (7, 3, "incident", "mx", "amber")
    assert (doc.rsit, doc.severity, doc.systems) == (
        "availability",
        "high",
        ("infrastructure--0a0a0a0a-1111-4111-8111-111111111111",),
    )
    assert doc.labels == ("cert", "org:1")


def test_it_holds_the_words_a_person_would_look_for() -> None:
    doc = made(INCIDENT)

    assert "redes caidas en otay mesa" in doc.exact
    assert "http evil mx" in doc.exact
    assert "mx 2026 k7q4zd" in doc.exact
    assert {"red", "caid", "ddo", "availabiliti"} <= set(doc.words.split())


def test_it_leaves_out_times_and_references() -> None:
    assert {"2026", "identity", "author", "extension"}.isdisjoint(
        made(INCIDENT | {"external_references": []}).exact.split()
    )


def test_it_states_the_keys_of_the_object_and_its_id() -> None:
    assert set(made(INCIDENT).keys) == {"id:incident--1", "system:infrastructure--0a0a0a0a-1111-4111-8111-111111111111"}


def test_it_is_ordered_by_version_or_by_the_day_it_came() -> None:
    assert made(INCIDENT).time == 5
    assert made(INCIDENT, version=None).time == 9


def test_it_is_the_same_in_every_process() -> None:
    """An index is compared with the record by this number, and another process may have written it."""
    pattern = "[" + " OR ".join(f"mutex:name = '{n}'" for n in range(9)) + "]"
    signal = {"type": "indicator", "id": "indicator--1", "name": "Señal", "pattern_type": "stix", "pattern": pattern}

    assert made(INCIDENT).digest == DIGEST
    assert made(signal).digest == 1099063868521016159


@pytest.mark.parametrize(
    "change",
    [
        *({"line": 8}, {"type": "note"}, {"nation": "us"}, {"labels": ("cert",)}, {"words": "red"}, {"exact": "redes"}),
        *({"keys": ("id:incident--1",)}, {"systems": ()}, {"handling": "red"}, {"rsit": ""}, {"severity": "low"}),
        *({"time": 6}, {"labels": ("cert,org:1",)}, {"keys": (), "systems": made(INCIDENT).keys}),
    ],
    ids=lambda change: "+".join(change),
)
def test_its_digest_tells_any_change_of_what_an_engine_keeps(change: dict[str, Any]) -> None:
    assert made(INCIDENT)._replace(**change).digest != DIGEST


def test_its_digest_says_nothing_about_what_no_engine_keeps() -> None:
    assert made(INCIDENT)._replace(number=9, id="incident--2", origin=5).digest == DIGEST
    assert 0 <= DIGEST < 2**63


def test_it_refuses_an_act() -> None:
    with pytest.raises(ValueError, match="has no line"):
        made(INCIDENT, line=None)
