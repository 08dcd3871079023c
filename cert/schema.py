"""The OASIS JSON schemas of STIX 2.1, compiled once, and the first fault that they find in one object.

The schemas come with stix2-validator. Where they are stricter than the standard or wrong, `_amended` says how and why.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator, Registry

from cert.errors import Missing, Refused
from cert.faults import worded
from cert.stix import META, SCO, SDO, SRO

_BASE = "http://raw.githubusercontent.com/oasis-open/cti-stix2-json-schemas/stix2.1/schemas/"
_FOLDERS = {"observables": SCO, "sdos": SDO, "sros": SRO, "common": META}


def schema_problem(obj: dict[str, Any]) -> Refused | None:
    """The first fault that the OASIS schema of the object's type finds, or None. The object's `type` is a string."""
    validator = _validator(_schema_of(obj))
    if validator.is_valid(obj):
        return None
    return worded(obj, list(validator.iter_errors(obj)))


@cache
def properties_of(object_type: str) -> frozenset[str]:
    """The names of the properties that STIX 2.1 defines for a type, none for a type it does not know."""
    path = _paths().get(object_type)
    return frozenset(_named(_documents()[_BASE + path])) if path else frozenset()


@cache
def vocabulary(object_type: str, name: str) -> frozenset[str]:
    """The words of an open vocabulary, such as `malware-type-ov`, that the schema of a type lists."""
    return frozenset(_documents()[_BASE + _paths()[object_type]]["definitions"][name]["enum"])


def is_observable(obj: dict[str, Any]) -> bool:
    """Whether an object is an SCO: by its type, and for a type nobody here knows by being unversioned (SX-15)."""
    if obj["type"] in _paths():
        return obj["type"] in SCO
    kinds = [entry.get("extension_type") for entry in _entries(obj.get("extensions"))]
    versioned = "created" in obj or "modified" in obj or "new-sdo" in kinds or "new-sro" in kinds
    return "new-sco" in kinds or not versioned


def _schema_of(obj: dict[str, Any]) -> str:
    own = _paths().get(obj["type"])
    return own or ("common/cyber-observable-core.json" if is_observable(obj) else "common/core.json")


def _entries(extensions: Any) -> list[dict[str, Any]]:
    return [item for item in extensions.values() if isinstance(item, dict)] if isinstance(extensions, dict) else []


@cache
def _paths() -> dict[str, str]:
    return {name: f"{folder}/{name}.json" for folder, names in _FOLDERS.items() for name in names}


@cache
def _validator(path: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": _BASE + path}, registry=_registry())


@cache
def _registry() -> Registry:
    return Registry(list(_documents().items()))


@cache
def _documents() -> dict[str, Any]:
    """Address to schema. The package is located and not imported: importing it costs 1.7 seconds."""
    spec = find_spec("stix2validator")
    if spec is None or spec.origin is None:
        raise Missing("no-schemas", "The STIX schemas are not installed. Run `uv sync` in the project folder.")
    root = Path(spec.origin).parent / "schemas-2.1" / "schemas"
    return {
        _BASE + (path := file.relative_to(root).as_posix()): _amended(path, json.loads(file.read_bytes()))
        for file in sorted(root.rglob("*.json"))
    }


def _amended(path: str, schema: dict[str, Any]) -> dict[str, Any]:
    _drop_min_items(schema)
    if amend := _AMENDMENTS.get(path):
        amend(schema)
    return schema


def _drop_min_items(node: Any) -> None:
    # The door judges empty lists itself: refused on top, and deeper down reported and kept, as ATT&CK has them (SX-03).
    if isinstance(node, dict):
        if node.get("minItems") == 1:
            del node["minItems"]
        for item in node.values():
            _drop_min_items(item)
    elif isinstance(node, list):
        for item in node:
            _drop_min_items(item)


def _core(schema: dict[str, Any]) -> None:
    # A relay that rewrites .000Z as Z sends the same version; the precision is a duty of who writes it (SX-07, SX-61).
    for name in ("created", "modified"):
        schema["properties"][name] = {"$ref": "../common/timestamp.json"}


def _property_names(schema: dict[str, Any]) -> None:
    # The published expression is not anchored on the right, so that any name with a lawful beginning passed (SX-05).
    names = schema["patternProperties"]
    names["^(id|[a-z][a-z0-9_]{2,249})$"] = names.pop("^([a-z][a-z0-9_]{2,249})|id$")


def _dictionary(schema: dict[str, Any]) -> None:
    # The published expression lets an empty key pass (SX-04).
    names = schema["patternProperties"]
    names["^[a-zA-Z0-9_-]{1,250}$"] = names.pop("^[a-zA-Z0-9_-]{0,250}$")


def _granular_marking(schema: dict[str, Any]) -> None:
    # A marking of a language has no marking_ref, and `hashes.MD5` is a lawful selector; the door resolves them (SX-65).
    schema["required"] = ["selectors"]
    del schema["properties"]["selectors"]["items"]["pattern"]


def _extension_definition(schema: dict[str, Any]) -> None:
    # The last part refuses extension_properties in words that name nothing; the door says the same plainly (SX-43).
    del schema["allOf"][-1]


def _external_reference(schema: dict[str, Any]) -> None:
    # The published one refuses a CVE number under another source than `cve`. The door checks the forms (SX-12, SX-35).
    del schema["oneOf"]
    schema["properties"] |= {"source_name": {"type": "string"}, "external_id": {"type": "string"}}
    schema["required"] = ["source_name"]
    schema["anyOf"] = [{"required": [name]} for name in ("description", "url", "external_id")]


def _marking_definition(schema: dict[str, Any]) -> None:
    # The published one knows TLP 1.0 only, and refuses it with any further property; the door compares (SX-69, SX-70).
    del schema["oneOf"]
    schema["properties"]["id"] = {"allOf": [{"$ref": "identifier.json"}, {"pattern": "^marking-definition--"}]}
    schema["properties"] |= {"definition_type": {"type": "string"}, "definition": {"type": "object"}}
    schema["required"] = ["id", "type", "spec_version", "created"]
    schema["anyOf"] = [{"required": ["extensions"]}, {"required": ["definition_type", "definition"]}]


def _observed_data(schema: dict[str, Any]) -> None:
    # The published expression names the types that may not stand here by their beginnings, `notebook` with `note`.
    refs = schema["allOf"][1]["properties"]["object_refs"]
    refs["items"] = {"$ref": "../common/identifier.json"}


def _address(schema: dict[str, Any]) -> None:
    # The published expressions refuse leading zeros, mapped addresses and defanged ones; the door knows them (SX-48).
    del schema["allOf"][1]["properties"]["value"]["pattern"]


_AMENDMENTS = {
    "common/core.json": _core,
    "common/dictionary.json": _dictionary,
    "common/extension-definition.json": _extension_definition,
    "common/external-reference.json": _external_reference,
    "common/granular-marking.json": _granular_marking,
    "common/marking-definition.json": _marking_definition,
    "common/properties.json": _property_names,
    "observables/ipv4-addr.json": _address,
    "observables/ipv6-addr.json": _address,
    "sdos/observed-data.json": _observed_data,
}


def _named(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema.get("properties", {})
    for part in schema.get("allOf", ()):
        yield from _named(_documents()[_BASE + part["$ref"].removeprefix("../")] if "$ref" in part else part)
    for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
        yield from _named(part)
