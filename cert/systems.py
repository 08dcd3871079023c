"""The shared systems both nations depend on: each nation has its own object for one, and a join says they are the same.

A join is confirmed when the record holds a live `duplicate-of` between the two ids from each of the two CERTs; either
undoes it by revoking its own. Joins are looked up when a question is asked, so a new one re-indexes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cert import sight
from cert.access import Viewer
from cert.store import current, people
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry

JOIN = "duplicate-of"


@dataclass(frozen=True, slots=True)
class Join:
    """One system that another is the same as. `confirmed` says that both CERTs have said so."""

    id: str
    confirmed: bool


def joins(c: Connection, viewer: Viewer, system: str) -> list[Join]:
    """What a shared system is joined to, by id, as far as the viewer may see."""
    said: dict[str, set[int]] = {}
    certs = {org.n for org in people.all_organisations(c).values() if org.kind in {"cert", "peer"}}
    lines = current.referrers(c, [system], sight.MOST)
    for entry in sight.visible(c, viewer, list(current.by_line(c, RECORD, lines).values())):
        other = _other_end(entry, system)
        if other and entry.origin in certs:
            said.setdefault(other, set()).add(entry.origin)
    return [Join(other, len(origins) > 1) for other, origins in sorted(said.items())]


def widened(c: Connection, viewer: Viewer, systems: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each system every id it goes by: its own and those joined to it by confirmed joins, however many steps."""
    return {system: _closure(c, viewer, system) for system in systems}


def _closure(c: Connection, viewer: Viewer, system: str) -> frozenset[str]:
    found, edge = {system}, [system]
    while edge:
        near = {join.id for known in edge for join in joins(c, viewer, known) if join.confirmed}
        edge = sorted(near - found)
        found |= near
    return frozenset(found)


def _other_end(entry: Entry, system: str) -> str | None:
    obj = entry.obj()
    if obj.get("relationship_type") != JOIN or obj.get("revoked") is True:
        return None
    ends = {obj.get("source_ref"), obj.get("target_ref")}
    others = ends - {system}
    return str(others.pop()) if system in ends and len(others) == 1 else None


def name_of(c: Connection, viewer: Viewer, ids: Iterable[str]) -> str:
    """What the viewer calls a system that goes by these ids: his own nation's name for it, else any."""
    origins = people.all_organisations(c)
    entries = sight.visible(c, viewer, current.newest(c, RECORD, sorted(ids)))
    ours = sorted(entries, key=lambda e: (origins[e.origin].nation != viewer.org.nation, e.line))
    return sight.title(ours[0]) if ours else ""
