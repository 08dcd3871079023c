"""The record as one viewer may see it: every page, search hit and panel reads through here.

What a viewer may not see looks exactly as if it were not there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cert import access, door, extension, keys, stix
from cert.access import Organisation, Viewer
from cert.errors import NotFound, msgid
from cert.store import current, drafts, people
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry

NOTHING = msgid("There is nothing here under that address, or it is not for you.")
STEPS = 4
MOST = 5_000
"""How many objects are gathered around one incident at most: what a form files is far below it."""


def handlings(c: Connection, entries: Sequence[Entry]) -> list[tuple[str, Organisation]]:
    """The TLP level each of these entries is taken under, and the organisation that states it, in order."""
    origins = people.all_organisations(c)
    # What decides, for each entry: of thousands of entries few differ in it, and none of the objects is kept.
    asked = [(access.marking_ids(entry.obj()), entry.handling, entry.origin) for entry in entries]
    foreign = {marking for ids, _, _ in set(asked) for marking in ids if access.is_foreign(marking)}
    held = current.newest(c, RECORD, sorted(foreign))
    meant = {origin: _meanings(held, origin, origins) for origin in {entry.origin for entry in entries}}
    found = {
        (ids, stated, origin): (
            access.handling_under(ids, stated or origins[origin].default_handling, meant[origin]),
            origins[origin],
        )
        for ids, stated, origin in set(asked)
    }
    return [found[one] for one in asked]


def _meanings(held: Sequence[Entry], origin: int, origins: Mapping[int, Organisation]) -> dict[str, Mapping[str, Any]]:
    """What markings that are not TLP mean on the objects of one organisation, by id.

    They mean what it says itself or what one of ours says, the strictest of these. Nobody else is believed: whoever
    could call another's marking a mere statement could open what is under it.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for entry in held:
        if entry.origin == origin or origins[entry.origin].ours:
            said = entry.obj()
            if entry.id not in found or said.get("definition_type") != "statement":
                found[entry.id] = said
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
    return owner_first(c, found)


def owner_first(c: Connection, entries: Sequence[Entry]) -> list[Entry]:
    """These entries, what an author says himself before what others say, and ours before a stranger's."""
    origins = people.all_organisations(c)

    def far(entry: Entry) -> tuple[bool, bool, int]:
        by_author = entry.obj().get("created_by_ref") == origins[entry.origin].identity_id
        return not by_author, not origins[entry.origin].ours, entry.line or 0

    return sorted(entries, key=far)


def owners(c: Connection, entries: Sequence[Entry]) -> list[Entry]:
    """These entries without what is under an id that another of them states more properly, in order."""
    chosen = {entry.id: entry.line for entry in reversed(owner_first(c, entries))}
    return [entry for entry in entries if chosen[entry.id] == entry.line]


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
    """The shared systems that the viewer may see, by name: what a CERT, an agency of ours or a peer states as one.

    A feed states none: whatever label it puts on an object, it speaks for no nation.
    """
    nations = [org.n for org in people.all_organisations(c).values() if org.kind != "feed"]
    found = visible(c, viewer, current.of_type(c, RECORD, "infrastructure", nations, MOST))
    systems = [entry for entry in found if extension.is_shared_system(entry.obj()) and not is_revoked(entry)]
    return sorted(systems, key=lambda entry: str(entry.obj().get("name", "")))


def gather(c: Connection, viewer: Viewer, root: Entry) -> list[Entry]:
    """The root and everything filed around it: what it refers to and what refers to it, at most four steps away.

    Never through an identity, a place, a technique, a shared system or another incident, and never from an address
    or the like to whatever else mentions it.
    """
    return _walk(c, viewer, [root], down=True)


def incidents_behind(c: Connection, viewer: Viewer, entries: Sequence[Entry]) -> dict[int, list[Entry]]:
    """The incidents that each of these objects belongs to, by its line, going up: from an address to its observation,
    to its incident. An incident belongs to itself. All are walked together: a few queries, however many they are."""
    up = _ways_up(_walk(c, viewer, entries, down=False))
    return {entry.line: _climb(entry, up) for entry in entries if entry.line is not None}


def _ways_up(seen: Sequence[Entry]) -> dict[int | None, list[Entry]]:
    """For the line of each entry the entries one step up: what refers to it, and both ends of a relationship."""
    under: dict[str, list[Entry]] = {}
    for entry in seen:
        under.setdefault(entry.id, []).append(entry)
    up: dict[int | None, list[Entry]] = {entry.line: [] for entry in seen}
    for entry in seen:
        for end in [held for target in carried(entry) for held in under.get(target, ())]:
            up[end.line].append(entry)
            if stix.type_of(entry.id) in stix.SRO:
                up[entry.line].append(end)
    return up


def _climb(entry: Entry, up: Mapping[int | None, Sequence[Entry]]) -> list[Entry]:
    reached, edge = {entry.line: entry}, [entry]
    for _ in range(STEPS):
        edge = [above for e in edge if not _is_end(e) for above in up[e.line] if above.line not in reached]
        reached.update((above.line, above) for above in edge)
    return [found for found in reached.values() if _is_incident(found)]


def _is_incident(entry: Entry) -> bool:
    return stix.type_of(entry.id) == "incident"


def _walk(c: Connection, viewer: Viewer, roots: Sequence[Entry], *, down: bool) -> list[Entry]:
    seen = {entry.line: entry for entry in roots}
    # Up, an incident is where one wanted to go; down, it is where one comes from.
    edge = [e for e in roots if stix.type_of(e.id) not in keys.STOPS and (down or not _is_incident(e))]
    for _ in range(STEPS):
        fresh = [e for e in _neighbours(c, viewer, edge, down=down) if e.line not in seen]
        edge = fresh[: MOST - len(seen)]
        seen.update((entry.line, entry) for entry in edge)
        edge = [entry for entry in edge if not _is_end(entry)]
        if not edge:
            break
    return list(seen.values())


def _neighbours(c: Connection, viewer: Viewer, edge: Sequence[Entry], *, down: bool) -> list[Entry]:
    """The current entries one step away that the viewer may see.

    Containers are left downwards and entered upwards; relationships are gone through both ways.
    """
    leaving = [entry for entry in edge if down or stix.type_of(entry.id) in stix.SRO]
    backward = {e.id for e in edge if not (down and stix.type_of(e.id) in stix.SCO)}
    found = {entry.line: entry for entry in _meant(c, viewer, leaving) if entry.line is not None}
    behind = [e for e in referring(c, viewer, sorted(backward)) if backward & (referred(e) if down else carried(e))]
    found.update((entry.line, entry) for entry in behind if entry.line is not None)
    return [found[line] for line in sorted(found)]


def referring(c: Connection, viewer: Viewer, ids: Sequence[str]) -> list[Entry]:
    """The current entries of lines that refer to one of these ids or once did, at most `MOST` that the viewer may see.

    What he may not see takes no place among them, or he would see less for it.
    """
    found: list[Entry] = []
    beyond = 0
    while len(found) < MOST and (lines := current.referrers(c, ids, MOST, beyond=beyond)):
        found += visible(c, viewer, list(current.by_line(c, RECORD, lines).values()))
        beyond = lines[-1]
    return found[:MOST]


def _meant(c: Connection, viewer: Viewer, leaving: Sequence[Entry]) -> list[Entry]:
    """What these entries refer to, as far as the viewer may see it.

    Of several statements under one id it is those their own organisation filed with them: under the same markings if
    there are such, else any of its own; anybody's only where it has none.
    """
    nearest: dict[str, list[tuple[int, Entry]]] = {}
    wanted = {target: entry for entry in leaving for target in carried(entry)}
    for held in visible(c, viewer, current.newest(c, RECORD, sorted(wanted)[:MOST])):
        nearest.setdefault(held.id, []).append((_distance(held, wanted[held.id]), held))
    return [e for near in nearest.values() for distance, e in near if distance == min(near, key=lambda n: n[0])[0]]


def _distance(held: Entry, referrer: Entry) -> int:
    if held.origin != referrer.origin:
        return 2
    return int(held.obj().get("object_marking_refs") != referrer.obj().get("object_marking_refs"))


def referred(entry: Entry) -> set[str]:
    """The ids that an object refers to in any way."""
    return {target for _, target in door.refs(entry.obj())}


def carried(entry: Entry) -> set[str]:
    """The ids that an object refers to in a way that carries from event to event."""
    return {target for name, target in door.refs(entry.obj()) if name.rsplit(".", 1)[-1] in keys.CARRIES}


def _is_end(entry: Entry) -> bool:
    return _is_incident(entry) or stix.type_of(entry.id) in keys.STOPS


def origin_of(c: Connection, entry: Entry) -> Organisation:
    """The organisation that states an entry."""
    return people.all_organisations(c)[entry.origin]


def is_revoked(entry: Entry) -> bool:
    """Whether the author has withdrawn the object: it is found by its address alone, and no longer links anything."""
    # The name is looked for first: a body of the record is canonical JSON, where no name is spelt with escapes.
    return b'"revoked"' in entry.body and entry.obj().get("revoked") is True


def strictest(c: Connection, entries: Sequence[Entry]) -> str:
    """The strictest handling among these: what is made of several things carries that (SX-73)."""
    order = (*access.LEVELS, access.UNKNOWN)
    return max((level for level, _ in handlings(c, entries)), key=order.index)


def title(entry: Entry) -> str:
    """A name to show for one object."""
    obj = entry.obj()
    for name in ("name", "value", "abstract", "path", "content"):
        if isinstance(obj.get(name), str) and obj[name].strip():
            return str(obj[name])
    hashes = obj.get("hashes")
    if isinstance(hashes, dict) and hashes:
        return str(next(iter(hashes.values())))
    if obj.get("type") == "observed-data":
        return f"observed-data ({len(obj.get('object_refs', ()))})"
    return str(obj.get("relationship_type", entry.id))
