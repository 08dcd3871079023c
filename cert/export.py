"""An incident as a STIX 2.1 bundle that any other tool can read: everything filed around it, and what it leans on."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from cert import extension, markings, sight
from cert.access import Viewer
from cert.store import current
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry

_PUBLISHED = {d["id"]: d for d in (*markings.DEFINITIONS, extension.DEFINITION, extension.DEFINITION_AUTHOR)}


def bundle(c: Connection, viewer: Viewer, root: Entry) -> dict[str, Any]:
    """A bundle of the object, what was filed around it, its authors, and the markings and extensions it uses.

    Each id is in it once, as its owner states it; only what the viewer may see is in it.
    """
    around = sight.gather(c, viewer, root)
    objects = [entry.obj() for entry in sight.owners(c, [*_authors(c, viewer, around), *around])]
    return {
        "type": "bundle",
        "id": f"bundle--{uuid.uuid4()}",
        "objects": [*leaned_on(objects), *objects],
    }


def leaned_on(objects: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The published markings and extension definitions that these objects use, and those that these use in turn."""
    edge: list[Mapping[str, Any]] = list(objects)
    found: dict[str, dict[str, Any]] = {}
    while edge:
        wanted = {name for obj in edge for name in _names(obj)} - found.keys()
        fresh = {name: _PUBLISHED[name] for name in sorted(wanted & _PUBLISHED.keys())}
        found.update(fresh)
        edge = list(fresh.values())
    return list(found.values())


def _names(obj: Mapping[str, Any]) -> list[str]:
    return [*obj.get("object_marking_refs", ()), *obj.get("extensions", ()), str(obj.get("created_by_ref"))]


def _authors(c: Connection, viewer: Viewer, around: list[Entry]) -> list[Entry]:
    names = {obj["created_by_ref"] for obj in (entry.obj() for entry in around) if "created_by_ref" in obj}
    held = {entry.line for entry in around}
    return [e for e in sight.visible(c, viewer, current.newest(c, RECORD, sorted(names))) if e.line not in held]
