"""What objects are called on a page: in the reader's words, and defanged, so that nothing opens it."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import ngettext

from cert import sight, stix
from cert.access import Viewer
from cert.portal import formats, words
from cert.store import current
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry

NAMED = 3  # how many of the things that were seen stand in the name of an observation


def shown(c: Connection, viewer: Viewer, entries: Sequence[Entry]) -> dict[str, str]:
    """A name for each of these objects, by id: a relationship by its ends, an observation by what was seen.

    An end that the viewer may not see is named by its id, as one that is not here.
    """
    ends = {end for entry in entries for end in _ends(entry.obj())}
    seen = sight.visible(c, viewer, current.newest(c, RECORD, sorted(ends)[: sight.MOST]))
    known = {entry.id: alone(entry) for entry in [*seen, *entries]}
    return {entry.id: _by_ends(entry.obj(), known) or known[entry.id] for entry in entries}


def alone(entry: Entry) -> str:
    """A name for one object that can be had without looking at any other."""
    obj, kind = entry.obj(), stix.type_of(entry.id)
    if kind == "observed-data" and "object_refs" in obj:
        return str(ngettext("one value seen", "%(num)d values seen", len(obj["object_refs"])))
    if kind == "relationship":
        return words.relationship_name(str(obj.get("relationship_type")))
    return formats.defang(sight.title(entry), kind)


def _ends(obj: Mapping[str, Any]) -> list[str]:
    match obj.get("type"):
        case "relationship":
            return [str(obj.get("source_ref")), str(obj.get("target_ref"))]
        case "observed-data":
            return [str(ref) for ref in obj.get("object_refs", ())[:NAMED]]
        case _:
            return []


def _by_ends(obj: Mapping[str, Any], known: Mapping[str, str]) -> str:
    ends = [known.get(end, end) for end in _ends(obj)]
    if obj.get("type") == "relationship":
        return f"{ends[0]} → {words.relationship_name(str(obj.get('relationship_type')))} → {ends[1]}"
    more = len(obj.get("object_refs", ())) - len(ends)
    return ", ".join(ends) + (f" + {more}" if ends and more else "")
