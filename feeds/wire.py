"""The wire kinds: what two nodes tell each other beside their objects, each a STIX object of a type of our own.

They travel in the border logs like everything else, under the seal of the checkpoint that follows, so they carry no
signature of their own (a key list does: it must be believed first). They never enter the record as objects.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from cert import door, stix
from cert.stix import Micros, format_timestamp
from cert.store import log
from cert.store.log import Statement

CHECKPOINT = "puente-checkpoint"
RECEIPT = "puente-receipt"
KEYS = "puente-keys"
KINDS = frozenset((CHECKPOINT, RECEIPT, KEYS))
"""The types; no object of ours or of anybody else may have one."""
OWES_NOTHING = KINDS
"""Kinds for which nobody owes a receipt: else two nodes would thank each other for ever."""

EXTENSION = "extension-definition--4f1d7c0e-8a55-4a37-9a0b-3f6a3c2e7d18"
DEFINITION: dict[str, Any] = {
    "type": "extension-definition",
    "spec_version": "2.1",
    "id": EXTENSION,
    "created_by_ref": "identity--0f6ad1c6-6a30-4d6c-8e4f-3c5d7a3f4b21",
    "created": "2026-11-26T00:00:00.000Z",
    "modified": "2026-11-26T00:00:00.000Z",
    "name": "Puente exchange",
    "description": "What two Puente nodes tell each other beside their objects: checkpoints of a sealed log, receipts, "
    "and the keys that may seal.",
    "schema": "https://puente.invalid/schemas/exchange/1.0.0.json",
    "version": "1.0.0",
    "extension_types": ["new-sdo"],
}


def kind(obj: Any) -> str:
    """Which wire kind an object is, "" if none."""
    found = obj.get("type") if isinstance(obj, dict) else None
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
