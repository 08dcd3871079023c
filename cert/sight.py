"""The record as one viewer may see it: every page, search hit and panel reads through here.

What a viewer may not see looks exactly as if it were not there.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cert import access, door, extension, keys, stix
from cert.access import Organisation, Viewer
from cert.errors import NotFound
from cert.store import current, drafts, people
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry

NOTHING = "There is nothing here under that address, or it is not for you."
STEPS = 4
MOST = 5_000
"""How many objects are gathered around one incident at most; a page says so when it is reached."""


def handlings(c: Connection, entries: Sequence[Entry]) -> list[tuple[str, Organisation]]:
    """The TLP level each of these entries is taken under, and the organisation that states it, in order."""
    origins = people.all_organisations(c)
    objects = [entry.obj() for entry in entries]
    known = definitions(c, objects)
    return [
        (access.handling(obj, entry.handling or origins[entry.origin].default_handling, known), origins[entry.origin])
        for entry, obj in zip(entries, objects, strict=True)
    ]


def definitions(c: Connection, objects: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The definitions that the record holds of the markings on these objects which are not TLP, by id."""
    foreign = {marking for obj in objects for marking in access.foreign_markings(obj)}
    found: dict[str, Mapping[str, Any]] = {}
    for entry in current.newest(c, RECORD, sorted(foreign)):
        found.setdefault(entry.id, entry.obj())
    return found


def visible(c: Connection, viewer: Viewer, entries: Sequence[Entry]) -> list[Entry]:
    """Those of these current entries that the viewer may see, in order."""
    levels = handlings(c, entries)
    return [
        entry
        for entry, (level, origin) in zip(entries, levels, strict=True)
        if access.may_see(viewer, access.audience(level, origin))
    ]


def statements(c: Connection, viewer: Viewer, stix_id: str) -> list[Entry]:
    """What everybody states under one id, the owner's statement first. Raises `NotFound`."""
    found = visible(c, viewer, current.newest(c, RECORD, [stix_id]))
    if not found:
        raise NotFound("object", NOTHING)
    author = {org.n: org.identity_id for org in people.all_organisations(c).values()}
    return sorted(found, key=lambda e: (author[e.origin] != e.obj().get("created_by_ref"), e.line))


def find(c: Connection, viewer: Viewer, ref: str) -> Entry:
    """The object that a person names by STIX id or incident number, as its owner states it. Raises `NotFound`."""
    stix_id = ref if stix.is_id(ref) else drafts.incident_with_number(c, ref)
    if stix_id is None:
        raise NotFound("object", NOTHING)
    return statements(c, viewer, stix_id)[0]


def versions(c: Connection, viewer: Viewer, newest: Entry, limit: int = 100) -> list[Entry]:
    """The versions of a line the viewer may see, newest first: its own audience and the newest one's must admit him."""
    if newest.line is None or not visible(c, viewer, [newest]):
        return []
    return visible(c, viewer, current.versions(c, RECORD, newest.line, limit))


def shared_systems(c: Connection, viewer: Viewer) -> list[Entry]:
    """The shared systems of every nation that the viewer may see, by name."""
    found = visible(c, viewer, current.of_type(c, RECORD, "infrastructure", MOST))
    systems = [entry for entry in found if extension.is_shared_system(entry.obj())]
    return sorted(systems, key=lambda entry: str(entry.obj().get("name", "")))


def gather(c: Connection, viewer: Viewer, root: Entry) -> list[Entry]:
    """The root and everything filed around it: what it refers to and what refers to it, at most four steps away.

    Never through an identity, a place, a technique, a shared system or another incident, and never from an address
    or the like to whatever else mentions it.
    """
    return _walk(c, viewer, [root], down=True)


def incidents_behind(c: Connection, viewer: Viewer, entry: Entry) -> list[Entry]:
    """The incidents that an object belongs to, going up: from an address to its observation, to its incident."""
    if stix.type_of(entry.id) == "incident":
        return [entry]
    return [found for found in _walk(c, viewer, [entry], down=False) if stix.type_of(found.id) == "incident"]


def _walk(c: Connection, viewer: Viewer, roots: Sequence[Entry], *, down: bool) -> list[Entry]:
    seen = {entry.line: entry for entry in roots}
    edge = list(roots)
    for _ in range(STEPS):
        near = _neighbours(c, edge, down=down)
        fresh = [e for e in visible(c, viewer, near) if e.line not in seen]
        edge = fresh[: MOST - len(seen)]
        seen.update((entry.line, entry) for entry in edge)
        edge = [entry for entry in edge if not _is_end(entry)]
        if not edge:
            break
    return list(seen.values())


def _neighbours(c: Connection, edge: Sequence[Entry], *, down: bool) -> list[Entry]:
    """The current entries one step away. Containers are left downwards and entered upwards; relationships both ways."""
    forward = {target for e in edge if down or stix.type_of(e.id) in stix.SRO for target in carried(e)}
    backward = {e.id for e in edge if not (down and stix.type_of(e.id) in stix.SCO)}
    found = {e.line: e for e in current.newest(c, RECORD, sorted(forward)[:MOST]) if e.line is not None}
    found.update(current.by_line(c, RECORD, current.referrers(c, sorted(backward), MOST)))
    return [found[line] for line in sorted(found)]


def carried(entry: Entry) -> set[str]:
    """The ids that an object refers to in a way that carries from event to event."""
    return {target for name, target in door.refs(entry.obj()) if name.rsplit(".", 1)[-1] in keys.CARRIES}


def _is_end(entry: Entry) -> bool:
    kind = stix.type_of(entry.id)
    return kind == "incident" or kind in keys.STOPS


def origin_of(c: Connection, entry: Entry) -> Organisation:
    """The organisation that states an entry."""
    return people.all_organisations(c)[entry.origin]


def titles(entries: Iterable[Entry]) -> dict[str, str]:
    """A name to show for each object id: its name, value, or number."""
    return {entry.id: title(entry) for entry in entries}


def title(entry: Entry) -> str:
    """A name to show for one object."""
    obj = entry.obj()
    for name in ("name", "value", "abstract", "path", "content"):
        if isinstance(obj.get(name), str) and obj[name].strip():
            return str(obj[name])
    hashes = obj.get("hashes")
    if isinstance(hashes, dict) and hashes:
        return str(next(iter(hashes.values())))
    return str(obj.get("relationship_type", entry.id))
