"""The shared systems both nations depend on: each nation has its own object for one, and a join says they are the same.

A join is confirmed when the record holds a live `duplicate-of` between the two ids from each of the two CERTs; either
undoes it by revoking its own. Joins are looked up when a question is asked, so a new one re-indexes nothing.
"""

from collections.abc import Iterable, Iterator
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
    for entry in sight.visible(c, viewer, [e for e in _joining(c, system) if e.origin in certs]):
        said.setdefault(_other_end(entry, system), set()).add(entry.origin)
    return [Join(other, len(origins) > 1) for other, origins in sorted(said.items())]


def _joining(c: Connection, system: str) -> Iterator[Entry]:
    """Everybody's live joins of a system, however many other objects refer to it."""
    beyond = 0
    while lines := current.referrers(c, [system], sight.MOST, beyond=beyond, kind="relationship"):
        yield from (e for e in current.by_line(c, RECORD, lines).values() if _other_end(e, system))
        beyond = lines[-1]


def leading(c: Connection, viewer: Viewer, systems: Iterable[Entry]) -> dict[str, str]:
    """For each of these shared systems the id that stands for it: of a joined pair our own nation's, else its own."""
    ours = {org.n for org in people.all_organisations(c).values() if org.ours}
    stands: dict[str, str] = {}
    for entry in sorted(systems, key=lambda entry: (entry.origin not in ours, entry.id)):
        if entry.id not in stands:
            stands.update(dict.fromkeys(_closure(c, viewer, entry.id), entry.id))
    return stands


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


def _other_end(entry: Entry, system: str) -> str:
    """What an object says the system is the same as; "" where it says nothing of the kind."""
    obj = entry.obj()
    if obj.get("relationship_type") != JOIN or obj.get("revoked") is True:
        return ""
    ends = {obj.get("source_ref"), obj.get("target_ref")}
    others = ends - {system}
    return str(others.pop()) if system in ends and len(others) == 1 else ""


def name_of(c: Connection, viewer: Viewer, ids: Iterable[str], language: str) -> str:
    """What a system that goes by these ids is called in a language, else by the viewer's own nation, else by any."""
    origins = people.all_organisations(c)

    def far(entry: Entry) -> tuple[bool, bool, int]:
        spoken = str(entry.obj().get("lang", ""))[:2]
        return spoken != language, origins[entry.origin].nation != viewer.org.nation, entry.line or 0

    entries = sight.visible(c, viewer, current.newest(c, RECORD, sorted(ids)))
    return sight.title(min(entries, key=far)) if entries else ""
