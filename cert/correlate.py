"""CORRELATE: which incidents touch the same things, each link with its reason.

Asked, not stored: the incident's keys are gathered from what was filed around it, the index is asked who else states
one of them, and the incidents behind each hit are reached through the record, every step seen with the viewer's eyes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cert import extension, keys, sight, stix, systems
from cert.access import Viewer
from cert.search.index import Asked
from cert.store import current
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry

MOST_HITS = 500
COMMON = 50
"""A value that this many documents state is shown as common: it says little, but it is never cut."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why two incidents are linked: the same `system` (by name), or the same value of a STIX type.

    `documents` is how many documents the viewer may see state it.
    """

    kind: str
    value: str
    documents: int

    @property
    def common(self) -> bool:
        """Whether so many state it that it says little."""
        return self.documents > COMMON


@dataclass(frozen=True, slots=True)
class Link:
    """Another incident, and every reason it is linked, the rarest first."""

    incident: Entry
    reasons: tuple[Reason, ...]


def links(c: Connection, index: Asked, viewer: Viewer, around: Sequence[Entry], language: str) -> list[Link]:
    """The incidents linked to the one whose gathered objects are `around` (the incident first), newest first.

    Systems in the reasons are named in `language`. At most `MOST_HITS` documents are looked at. Raises `Missing` if
    the index is not there.
    """
    mine = _mine(c, viewer, around)
    asked = sorted({spelt for key in mine for spelt in mine[key]})
    if not asked:
        return []
    hits = index.with_keys(asked, viewer.labels, MOST_HITS)
    counts = index.key_counts(asked, viewer.labels)
    own = {entry.line for entry in around}
    entries = current.by_line(c, RECORD, [hit.line for hit in hits])  # an address of our own may be another's, too
    seen = sight.visible(c, viewer, list(entries.values()))
    others = [entry for entry in seen if entry.line not in own or stix.type_of(entry.id) in stix.SCO]
    behind = sight.incidents_behind(c, viewer, others)
    found: dict[str, tuple[Entry, set[str]]] = {}
    for entry in others:
        shared = {key for key, spelt in mine.items() if spelt & keys.keys(entry.obj())}
        for incident in behind[entry.line] if entry.line is not None else ():
            if incident.line not in own and not sight.is_revoked(incident):
                found.setdefault(incident.id, (incident, set()))[1].update(shared)
    asked_for = {key for _, shared in found.values() for key in shared}
    said = {key: _reason(c, viewer, key, mine[key], counts, language) for key in asked_for}
    made = [Link(incident, _rarest_first({said[key] for key in shared})) for incident, shared in found.values()]
    return sorted(made, key=lambda link: -(link.incident.version or 0))


def _mine(c: Connection, viewer: Viewer, around: Iterable[Entry]) -> dict[str, frozenset[str]]:
    """Every key these objects state, and the spellings it is asked under: a system also by the ids joined to it."""
    stated = {key for entry in around for key in keys.keys(entry.obj())}
    named = {key.removeprefix(keys.SYSTEM) for key in stated if key.startswith(keys.SYSTEM)}
    joined = systems.widened(c, viewer, sorted(named))
    return {
        key: frozenset(keys.SYSTEM + i for i in joined[key.removeprefix(keys.SYSTEM)])
        if key.startswith(keys.SYSTEM)
        else frozenset({key})
        for key in stated
    }


def _reason(
    c: Connection, viewer: Viewer, key: str, spelt: frozenset[str], counts: dict[str, int], language: str
) -> Reason:
    kind, _, value = key.partition(":")
    if kind == "system":
        value = systems.name_of(c, viewer, [one.removeprefix(keys.SYSTEM) for one in spelt], language) or value
    return Reason(kind, value, sum(counts.get(one, 0) for one in spelt))


def _rarest_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: (reason.documents, reason.kind, reason.value)))


def incident_systems(c: Connection, viewer: Viewer, incident: Entry) -> list[Entry]:
    """The shared systems an incident names, as far as the viewer may see them."""
    return sight.visible(c, viewer, current.newest(c, RECORD, extension.systems(incident.obj())))
