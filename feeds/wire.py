"""The wire kinds: what two nodes tell each other beside their objects, each a STIX object of a type of our own.

They travel in the border logs like everything else, under the seal of the checkpoint that follows, so they carry no
signature of their own (a key list does: it must be believed first). They never enter the record as objects. Nor do the
definitions of our extensions, which stand in each log so that other software can look up there what our types and
properties mean: every node knows them.
"""

import uuid
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import orjson

from cert import door, extension, stix
from cert.stix import Micros, format_timestamp
from cert.store import log
from cert.store.log import Statement

CHECKPOINT = "puente-checkpoint"
RECEIPT = "puente-receipt"
KEYS = "puente-keys"
KINDS = frozenset((CHECKPOINT, RECEIPT, KEYS))
"""The types; no object of ours or of anybody else may have one."""
OWES_NOTHING = KINDS
"""Types for which nobody owes a receipt: else two nodes would thank each other for ever."""

EXTENSION = "extension-definition--4f1d7c0e-8a55-4a37-9a0b-3f6a3c2e7d18"
EDITION = 1
"""Of all definitions together: count it up when one changes, and every peer is told them again."""
DEFINED = frozenset((EXTENSION, extension.PUENTE, extension.AUTHOR))
"""The ids of the definitions and of their author; no other object may have one."""
DEFINITION = "puente-definition"
"""The kind of what has such an id."""


def definition() -> dict[str, Any]:
    """The extension-definition that all wire kinds refer to, with its JSON schema in it: nothing need be fetched."""
    schema = orjson.loads((resources.files("feeds") / "wire.schema.json").read_bytes())
    return {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": EXTENSION,
        "created_by_ref": extension.AUTHOR,
        "created": "2026-11-26T00:00:00.000Z",
        "modified": "2026-11-26T00:00:00.000Z",
        "name": "Puente exchange",
        "description": "What two Puente nodes tell each other beside their objects: checkpoints of a sealed log, "
        "receipts, and the keys that may seal. `schema` is a JSON schema of them.",
        "schema": stix.canonical(schema).decode(),
        "version": "1.0.0",
        "extension_types": ["new-sdo"],
    }


def definitions(origin: int) -> Sequence[Statement]:
    """What other software of a peer may look up, as statements that are ready to append: the author comes first."""
    told = (extension.DEFINITION_AUTHOR, extension.DEFINITION, definition())
    return [log.statement(door.check(obj, stix.parse_timestamp(obj["modified"])), origin) for obj in told]


def kind(obj: Any) -> str:
    """Which wire kind an object is, "" if none."""
    if not isinstance(obj, dict):
        return ""
    found, name = obj.get("type"), obj.get("id")
    if isinstance(name, str) and name in DEFINED:
        return DEFINITION
    return found if isinstance(found, str) and found in KINDS else ""


def statement(kind: str, author: str, origin: int, properties: Mapping[str, Any], now: Micros) -> Statement:
    """An object of a wire kind as a statement of its author, ready to append. The same words give the same id."""
    stamp = format_timestamp(now)
    told = {"type": kind, "created": stamp, "created_by_ref": author, **properties}
    obj = {
        "spec_version": "2.1",
        "id": f"{kind}--{uuid.UUID(bytes=stix.sha256(stix.canonical(told))[:16], version=4)}",
        "modified": stamp,
        "extensions": {EXTENSION: {"extension_type": "new-sdo"}},
        **told,
    }
    return log.statement(door.check(obj, now), origin)
