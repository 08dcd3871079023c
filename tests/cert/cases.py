"""Objects that try the door, each with the row it stands for: refused, taken as lawful, kept with a remark."""

import copy
import json
from pathlib import Path
from typing import Any

from cert import markings
from cert.extension import CORE
from cert.stix import parse_timestamp

SAMPLES = Path(__file__).parents[1] / "samples"
MINIMAL = {obj["type"]: obj for obj in json.loads((SAMPLES / "minimal.json").read_bytes())}
NOW = parse_timestamp("2026-03-14T09:00:00Z")
LATER = "2026-03-14T08:45:00.000Z"
EARLIER = "2026-03-14T08:29:59.999Z"
OWN = "extension-definition--5d1f2a6e-0c0f-4b58-9c3a-7d1f2b3c4d5e"
UUID = "5d1f2a6e-0c0f-4b58-9c3a-7d1f2b3c4d5e"


def sample(object_type: str, **change: Any) -> dict[str, Any]:
    """The smallest object of a type, with some properties added or replaced."""
    minimal: dict[str, Any] = copy.deepcopy(MINIMAL[object_type])
    return minimal | change


def incident(**core: Any) -> dict[str, Any]:
    """An incident with the core extension; a property given as None is left out of it."""
    known = {"extension_type": "property-extension", "determination": "confirmed", "investigation_status": "open"}
    return sample("incident", extensions={CORE: {k: v for k, v in (known | core).items() if v is not None}})


def custom(extension_type: str, **change: Any) -> dict[str, Any]:
    """An object of a type that STIX does not know; a property given as None is left out."""
    obj = sample(
        "incident", type="x-carril", id=f"x-carril--{UUID}", extensions={OWN: {"extension_type": extension_type}}
    )
    return {name: value for name, value in (obj | change).items() if value is not None}


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("SX-03", sample("incident", labels=[]), "labels"),
    ("SX-03", sample("report", object_refs=[]), "object_refs"),
    ("SX-03", sample("incident", x_list=[]), "x_list"),
    ("SX-04", sample("file", hashes={}), "hashes"),
    ("SX-04", sample("process", environment_variables={"a b": "c"}), "environment_variables.a b"),
    ("SX-04", sample("process", environment_variables={"é": "c"}), "environment_variables.é"),
    ("SX-04", sample("process", environment_variables={"a" * 251: "c"}), "environment_variables." + "a" * 251),
    ("SX-05", sample("incident", name=None), "name"),
    ("SX-05", sample("incident", x_deep={"a_b": [{"c_d": None}]}), "x_deep.a_b.c_d"),
    ("SX-05", sample("incident", x_Carril=1), "x_Carril"),
    ("SX-05", sample("incident", ab=1), "ab"),
    ("SX-05", sample("incident", **{"x" * 251: 1}), "x" * 251),
    ("SX-06", sample("incident", created="2026-03-14T08:30:00"), "created"),
    ("SX-06", sample("incident", created="2026-03-14T08:30:00+00:00"), "created"),
    ("SX-06", sample("incident", created="2026-02-30T08:30:00.000Z"), "created"),
    ("SX-06", sample("indicator", valid_from="2026-02-30T08:30:00Z"), "valid_from"),
    ("SX-08", sample("incident", modified=EARLIER), "modified"),
    ("SX-10", sample("incident", confidence=101), "confidence"),
    ("SX-10", sample("incident", confidence=-1), "confidence"),
    ("SX-10", sample("incident", confidence="50"), "confidence"),
    ("SX-10", sample("incident", confidence=50.0), "confidence"),
    ("SX-10", sample("incident", confidence=True), "confidence"),
    ("SX-12", sample("incident", external_references=[{"source_name": "x"}]), "external_references"),
    ("SX-12", sample("incident", external_references=[{"url": "h:a"}]), "external_references.source_name"),
    ("SX-13", sample("incident", created_by_ref=f"malware--{UUID}"), "created_by_ref"),
    ("SX-13", sample("incident", object_marking_refs=[f"malware--{UUID}"]), "object_marking_refs"),
    ("SX-16", sample("incident", extensions={OWN: {"x_a": 1}}), f"extensions.{OWN}.extension_type"),
    ("SX-16", sample("incident", extensions={OWN: {"extension_type": "x"}}), f"extensions.{OWN}.extension_type"),
    ("SX-16", sample("incident", extensions={OWN: {"extension_type": "new-sdo"}}), f"extensions.{OWN}"),
    ("SX-16", sample("ipv4-addr", extensions={OWN: {"extension_type": "new-sco"}}), f"extensions.{OWN}"),
    ("SX-16", custom("new-sdo", modified=None), "modified"),
    ("SX-18", sample("incident", name=" \t"), "name"),
    ("SX-19", {"type": "bundle", "id": f"bundle--{UUID}", "objects": [sample("incident")]}, "type"),
    ("SX-20", sample("incident", spec_version="2.0"), "spec_version"),
    ("SX-21", sample("incident", name="a\0b"), "type"),
    ("SX-23", sample("indicator", valid_until="2026-03-14T08:30:00Z"), "valid_until"),
    ("SX-23", sample("indicator", pattern="[ipv4-addr:value = ]"), "pattern"),
    ("SX-24", sample("observed-data", last_observed=EARLIER), "last_observed"),
    ("SX-24", sample("observed-data", number_observed=0), "number_observed"),
    ("SX-24", sample("observed-data", number_observed=1_000_000_000), "number_observed"),
    ("SX-24", sample("observed-data", objects={"0": MINIMAL["mutex"]}), "object_refs"),
    ("SX-24", sample("observed-data", object_refs=[f"relationship--{UUID}"]), "object_refs"),
    ("SX-24", sample("observed-data", object_refs=[f"malware--{UUID}"]), "object_refs"),
    ("SX-25", sample("sighting", sighting_of_ref=f"ipv4-addr--{UUID}"), "sighting_of_ref"),
    ("SX-25", sample("sighting", sighting_of_ref=f"relationship--{UUID}"), "sighting_of_ref"),
    ("SX-25", sample("sighting", count=-1), "count"),
    ("SX-25", sample("sighting", observed_data_refs=[f"incident--{UUID}"]), "observed_data_refs"),
    ("SX-25", sample("sighting", where_sighted_refs=[f"incident--{UUID}"]), "where_sighted_refs"),
    ("SX-25", sample("sighting", first_seen=LATER, last_seen=EARLIER), "last_seen"),
    ("SX-29", sample("opinion", opinion="maybe"), "opinion"),
    ("SX-30", sample("course-of-action", action="block"), "action"),
    ("SX-32", sample("infrastructure", first_seen=LATER, last_seen=EARLIER), "last_seen"),
    ("SX-33", sample("malware", is_family=True), "name"),
    ("SX-34", sample("attack-pattern", external_references=[{"source_name": "capec", "external_id": "163"}]),
     "external_references"),
    ("SX-35", sample("vulnerability", external_references=[{"source_name": "cve", "external_id": "CVE-26-1"}]),
     "external_references"),
    ("SX-38", sample("location", latitude=1.5), "region"),
    ("SX-38", sample("location", latitude=91, longitude=0), "latitude"),
    ("SX-38", sample("location", precision=10.0), "region"),
    ("SX-39", sample("malware-analysis", sample_ref=f"malware--{UUID}"), "sample_ref"),
    ("SX-40", sample("relationship", source_ref=f"sighting--{UUID}"), "source_ref"),
    ("SX-40", sample("relationship", target_ref=markings.TLP2["red"]), "target_ref"),
    ("SX-40", sample("relationship", relationship_type="Related to"), "relationship_type"),
    ("SX-40", sample("relationship", start_time=LATER, stop_time=LATER), "stop_time"),
    ("SX-41", sample("marking-definition", modified=LATER), "modified"),
    ("SX-41", sample("marking-definition", revoked=False), "revoked"),
    ("SX-41", sample("marking-definition", definition={"x_a": 1}), "definition"),
    ("SX-43", sample("extension-definition", extension_properties=["x_a"]), "extension_properties"),
    ("SX-62", sample("incident", modified="2099-01-01T00:00:00.000Z"), "modified"),
    ("SX-65", sample("incident", granular_markings=[{"selectors": ["name"]}]), "granular_markings"),
    ("SX-65", sample("incident", granular_markings=[
        {"selectors": ["name"], "lang": "es", "marking_ref": markings.TLP2["red"]}]), "granular_markings"),
    ("SX-65", sample("incident", granular_markings=[{"selectors": [], "lang": "es"}]), "granular_markings"),
    ("SX-67", sample("marking-definition", object_marking_refs=[MINIMAL["marking-definition"]["id"]]),
     "object_marking_refs"),
    ("SX-69", sample("marking-definition", definition_type="tlp", definition={"tlp": "red"}), "id"),
    ("SX-70", markings.FIXED[markings.TLP1["red"]] | {"definition": {"tlp": "white"}}, "id"),
    ("SX-70", markings.FIXED[markings.TLP2["red"]] | {
        "extensions": markings.FIXED[markings.TLP2["clear"]]["extensions"]}, "id"),
    ("SX-70", markings.FIXED[markings.TLP2["red"]] | {"name": "TLP:CLEAR"}, "id"),
    ("SX-70", markings.FIXED[markings.TLP2["red"]] | {"x_also": "clear"}, "id"),
    ("SX-74", sample("language-content", lang="es"), "lang"),
    ("SX-74", sample("language-content", contents={"zz_@@": {"name": "x"}}), "contents.zz_@@"),
    ("SX-76", sample("language-content", contents="x"), "contents"),
    ("SX-76", sample("language-content", contents=["x"]), "contents"),
    ("SX-76", sample("language-content", contents={"en": "x"}), "contents.en"),
    ("SX-83", incident(determination=None), f"extensions.{CORE}.determination"),
    ("SX-83", incident(investigation_status=None), f"extensions.{CORE}.investigation_status"),
    ("SX-83", incident(determination="maybe"), f"extensions.{CORE}.determination"),
    ("SX-83", incident(criticality=101), f"extensions.{CORE}.criticality"),
    ("address", sample("ipv4-addr", value="203.0.113.256"), "value"),
    ("address", sample("ipv4-addr", value="203[.]0[.]113[.]7"), "value"),
    ("address", sample("ipv6-addr", value="no address"), "value"),
    ("address", sample("mac-addr", value="00-00-5E-00-53-07"), "value"),
]  # fmt: skip
"""Row, object, and the property that the refusal names."""

GOOD: list[tuple[str, dict[str, Any]]] = [
    ("SX-06", sample("indicator", valid_from="2026-03-14T08:30:00.1234567Z")),
    ("SX-06", sample("indicator", valid_from="2026-03-14T08:30:00Z")),
    ("SX-07", sample("incident", modified="2026-03-14T08:30:00.123456789Z")),
    ("SX-08", sample("incident", created="2026-03-14T08:30:00.0000001Z", modified="2026-03-14T08:30:00.0000002Z")),
    ("SX-10", sample("incident", confidence=0)),
    ("SX-12", sample("report", external_references=[{"source_name": "NVD", "external_id": "CVE-2026-12345"}])),
    ("SX-14", sample("relationship", source_ref=f"x-carril--{UUID}")),
    ("SX-21", sample("identity", name="Jose\u0301 \u202e\u00ed")),
    ("SX-25", sample("sighting", count=0)),
    ("SX-33", sample("malware", is_family=True, name="Gusano")),
    ("SX-35", sample("vulnerability", external_references=[{"source_name": "cve", "external_id": "CVE-2026-1234567"}])),
    ("SX-38", sample("location", latitude=32.5, longitude=-116.9, precision=10)),
    ("SX-52", sample("url", value="hxxp://a[.]b", defanged=True)),
    ("SX-52", sample("ipv4-addr", value="203[.]0[.]113[.]7", defanged=True)),
    ("SX-65", sample("file", hashes={"MD5": "d" * 32}, granular_markings=[
        {"selectors": ["hashes.MD5"], "marking_ref": markings.TLP2["red"]}])),
    ("SX-65", sample("incident", labels=["a"], granular_markings=[{"selectors": ["labels.[0]", "id"], "lang": "es"}])),
    ("SX-70", markings.FIXED[markings.TLP1["red"]] | {"created_by_ref": f"identity--{UUID}"}),
    ("SX-76", sample("language-content", contents={"en-US": {"nothing_of_the_kind": [{"a": "b"}]}})),
    ("SX-83", incident(criticality=95, recoverability="regular", incident_types=["ddos"])),
    ("address", sample("ipv4-addr", value="203.0.113.0/24")),
    ("address", sample("ipv6-addr", value="::ffff:203.0.113.7")),
    ("address", sample("ipv6-addr", value="2001:db8::/32")),
]  # fmt: skip
"""Row and object."""

NOTED: list[tuple[str, dict[str, Any], str]] = [
    ("SX-03", sample("incident", x_deep={"a_list": []}), "x_deep.a_list is an empty list"),
    ("SX-07", sample("incident", created="2026-03-14T08:30:00Z"), "less precise"),
    ("SX-11", sample("incident", lang="zz-@@"), "no language tag"),
    ("SX-15", sample("incident", x_carril="7"), "x_carril"),
    ("SX-15", custom("new-sdo"), "x-carril is not understood"),
    ("SX-15", custom("new-sco", created=None, modified=None), "x-carril is not understood"),
    ("SX-17", sample("incident", kill_chain_phases=[{"kill_chain_name": "a", "phase_name": "b"}]), "kill_chain_phases"),
    ("SX-23", sample("indicator", indicator_types=["odd"]), "not in the vocabulary"),
    ("SX-38", sample("location", country="Mexico"), "no code of ISO 3166-1"),
    ("SX-48", sample("ipv4-addr", value="203.0.113.007"), "leading zeros"),
    ("SX-49", sample("ipv4-addr", id="ipv4-addr--5d1f2a6e-0c0f-5b58-9c3a-7d1f2b3c4d5e"), "does not follow"),
    ("SX-64", sample("incident", object_marking_refs=[markings.TLP2["red"], markings.TLP1["white"]]), "strictest"),
    ("SX-70", markings.FIXED[markings.TLP1["red"]] | {"created": "2017-01-20T00:00:00Z"}, "less precise"),
    ("SX-83", incident(investigation_status="somewhere"), "not in the vocabulary"),
    ("hash", sample("file", hashes={"MD5": "D" * 32}), "capitals"),
    ("domain", sample("domain-name", value="http://carga.example"), "no domain name"),
]
"""Row, object, and words of the remark."""
