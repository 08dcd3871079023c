"""What Puente adds to a STIX incident, and how it reads it back.

Our own extension names the shared systems an incident concerns, so that no other object is needed to find them. The
severity is the `criticality` of the incident core extension; the RSIT class is a label in machine-tag form.
"""

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from cert.errors import Refused
from cert.timestamps import parse_timestamp

CORE = "extension-definition--ef765651-680c-498d-9894-99799f2fa126"
"""Incident core extension (OASIS cti-stix-common-objects, incident-ef7)."""
PUENTE = "extension-definition--6f0f5a5e-5f0a-4b53-9a3e-0d5a1a7f2c11"
AUTHOR = "identity--0f6ad1c6-6a30-4d6c-8e4f-3c5d7a3f4b21"
SHARED_SYSTEM = "puente:shared-system"
"""The label of an infrastructure object that both nations depend on."""
NUMBER_SOURCE = "puente"
MOST_SYSTEMS = 200
"""How many shared systems one incident can concern; what is beyond them is not read."""

_SYSTEM = re.compile(r"infrastructure--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NUMBER = re.compile(r"[A-Z]{2}-[0-9]{4}-[A-Z0-9]{6}")

CRITICALITY = {"low": 15, "medium": 40, "high": 70, "critical": 95}
"""The middle of each band of the core extension: Low 1-29, Moderate 30-49, High 50-89, Extreme 90-100."""

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Puente incident 1.0.0",
    "type": "object",
    "required": ["extension_type"],
    "properties": {
        "extension_type": {"const": "property-extension"},
        "system_refs": {
            "description": "The shared systems that the incident concerns.",
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": f"^{_SYSTEM.pattern}$"},
        },
        "start_time": {"description": "When it began.", "type": "string", "format": "date-time"},
        "end_time": {"description": "When it ended.", "type": "string", "format": "date-time"},
    },
}
DEFINITION: dict[str, Any] = {
    "type": "extension-definition",
    "spec_version": "2.1",
    "id": PUENTE,
    "created_by_ref": AUTHOR,
    "created": "2026-11-24T00:00:00.000Z",
    "modified": "2026-11-26T00:00:00.000Z",
    "name": "Puente incident",
    "description": "Of an incident: the shared systems it concerns (`system_refs`, infrastructure ids), and when it "
    "began and ended (`start_time`, `end_time`). `schema` is a JSON schema of it.",
    "schema": json.dumps(SCHEMA, sort_keys=True),  # itself, and not its address: nothing need be fetched
    "version": "1.0.0",
    "extension_types": ["property-extension"],
}
DEFINITION_AUTHOR: dict[str, Any] = {
    "type": "identity",
    "spec_version": "2.1",
    "id": AUTHOR,
    "created": "2026-11-24T00:00:00.000Z",
    "modified": "2026-11-24T00:00:00.000Z",
    "name": "Puente",
    "identity_class": "organization",
}


def _extension(obj: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    extensions = obj.get("extensions")
    found = extensions.get(name) if isinstance(extensions, dict) else None
    return found if isinstance(found, dict) else {}


def systems(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the shared systems that an incident says it concerns, at most `MOST_SYSTEMS`, as it names them."""
    refs = _extension(obj, PUENTE).get("system_refs")
    if not isinstance(refs, list):
        return ()
    return tuple(islice(filter(is_system_id, refs), MOST_SYSTEMS))


def is_system_id(ref: object) -> bool:
    """Whether this can be the id of a shared system."""
    return isinstance(ref, str) and _SYSTEM.fullmatch(ref) is not None


def severity(obj: Mapping[str, Any]) -> str:
    """`low`, `medium`, `high` or `critical` after the core extension's criticality; "" where it says none."""
    value = _extension(obj, CORE).get("criticality")
    if type(value) is not int or not 1 <= value <= 100:
        return ""
    return "low" if value < 30 else "medium" if value < 50 else "high" if value < 90 else "critical"


def state(obj: Mapping[str, Any]) -> str:
    """The investigation status of an incident: `new`, `open`, `closed` or another word; "" where it says none."""
    value = _extension(obj, CORE).get("investigation_status")
    return value if isinstance(value, str) else ""


def occurred(obj: Mapping[str, Any]) -> tuple[str, str]:
    """When an incident began and ended, as STIX timestamps; "" where it does not say so in one."""
    ours = _extension(obj, PUENTE)
    return _time(ours.get("start_time")), _time(ours.get("end_time"))


def _time(value: object) -> str:
    try:
        return value if isinstance(value, str) and parse_timestamp(value) is not None else ""
    except Refused:
        return ""


def number(obj: Mapping[str, Any]) -> str:
    """The incident number that people say on the telephone, such as MX-2026-K7Q4ZD; "" where there is none.

    It comes from the peer too and goes into headings and file names, so nothing else is taken for one.
    """
    for ref in obj.get("external_references", ()):
        if isinstance(ref, Mapping) and ref.get("source_name") == NUMBER_SOURCE:
            said = ref.get("external_id")
            return said if isinstance(said, str) and _NUMBER.fullmatch(said) else ""
    return ""


def rsit(obj: Mapping[str, Any]) -> str:
    """The RSIT class and type of an object, such as `availability:ddos`; "" where it has none."""
    for label in obj.get("labels", ()):
        if isinstance(label, str) and label.startswith("rsit:") and "=" in label:
            kind, _, value = label.removeprefix("rsit:").partition("=")
            return kind + ":" + value.strip('"')
    return ""


def is_shared_system(obj: Mapping[str, Any]) -> bool:
    """Whether an object is a system that both nations depend on."""
    return obj.get("type") == "infrastructure" and SHARED_SYSTEM in obj.get("labels", ())
