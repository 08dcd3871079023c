"""The Traffic Light Protocol as data: the fixed marking-definitions of TLP 1.0 and 2.0, and what each id stands for.

Rights are decided by the id of a marking alone. The fixed objects are here so that we can serve them, and so that an
object that borrows a fixed id for other content is refused (SX-69, SX-70).
"""

from typing import Any

TLP2_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP2_CREATED = "2022-10-01T00:00:00.000Z"
TLP1_CREATED = "2017-01-20T00:00:00.000Z"

TLP2: dict[str, str] = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""Level to marking id, least strict first (OASIS common objects, TLP 2.0 extension 1.0.0)."""

TLP1: dict[str, str] = {
    "white": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "green": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "amber": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "red": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
"""Level to marking id (STIX 2.1, section 7.2.1)."""

_LEVELS = {identifier: level for level, identifier in TLP2.items()} | {
    identifier: "clear" if level == "white" else level for level, identifier in TLP1.items()
}


def level_of(marking_id: str) -> str | None:
    """The TLP 2.0 level that a marking id stands for, or None for any other marking.

    WHITE counts as clear and the legacy AMBER as amber. Nothing of TLP 1.0 stands for amber+strict (SX-71).
    """
    return _LEVELS.get(marking_id)


def strictest(levels: frozenset[str]) -> str | None:
    """The strictest of some TLP 2.0 levels, None where there is none."""
    return next((level for level in reversed(TLP2) if level in levels), None)


def _tlp2(level: str) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP2[level],
        "created": TLP2_CREATED,
        "name": f"TLP:{level.upper()}",
        "extensions": {TLP2_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": level}},
    }


def _tlp1(level: str) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP1[level],
        "created": TLP1_CREATED,
        "definition_type": "tlp",
        "name": f"TLP:{level.upper()}",
        "definition": {"tlp": level},
    }


TLP2_EXTENSION_DEFINITION: dict[str, Any] = {
    "type": "extension-definition",
    "spec_version": "2.1",
    "id": TLP2_EXTENSION,
    "created_by_ref": "identity--b3bca3c2-1f3d-4b54-b44f-dac42c3a8f01",
    "created": TLP2_CREATED,
    "modified": TLP2_CREATED,
    "name": "TLP 2.0",
    "description": "This defines TLP 2.0 as a STIX extension",
    "schema": "https://github.com/oasis-open/cti-stix-common-objects/tree/master/extension-definition-specifications/tlp-2.0",
    "version": "1.0.0",
    "extension_types": ["property-extension"],
}
"""The published object that the TLP 2.0 markings refer to."""

DEFINITIONS: list[dict[str, Any]] = [*map(_tlp2, TLP2), TLP2_EXTENSION_DEFINITION, *map(_tlp1, TLP1)]
"""Every fixed object: the five markings of TLP 2.0, their extension-definition, the four markings of TLP 1.0."""

FIXED: dict[str, dict[str, Any]] = {
    definition["id"]: definition for definition in DEFINITIONS if definition["type"] == "marking-definition"
}
"""Marking id to the one content that may stand under it."""
