"""FILE AN INCIDENT: a draft in, STIX objects appended, all of them or none.

The objects are built with `stix2`, pass the same door as everybody else's, and go to the record in one transaction.
"""

import json
import secrets
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import stix2.v21 as stix2

from cert import access, door, extension, markings
from cert.access import Viewer
from cert.errors import Refused
from cert.extract import Found
from cert.stix import Micros, format_timestamp
from cert.store import drafts, log
from cert.store.engine import Connection, Engine, writing
from cert.store.log import RECORD, Entry

MOST_OBSERVABLES = 500
_NUMBER_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ0123456789"  # base 32 without I, L, O and U: read aloud at night
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a responder knows, in a responder's words. `systems` are infrastructure ids, `rsit` is a whole label."""

    title: str
    text: str
    handling: str
    language: str
    rsit: str = ""
    severity: str = ""
    confidence: int | None = None
    systems: tuple[str, ...] = ()
    observables: tuple[Found, ...] = ()
    occurred_from: Micros | None = None
    occurred_to: Micros | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """A filed incident: the number people use, and its STIX id."""

    number: str
    id: str


def problems(viewer: Viewer, draft: Draft, now: Micros) -> dict[str, Refused]:
    """What stands in the way of filing, by field; empty when nothing does. A page shows each beside its field."""
    found: dict[str, Refused] = {}
    if not draft.title.strip():
        found["title"] = Refused("title", "Give the incident a title: a few words that a colleague would search for.")
    if draft.handling not in access.LEVELS:
        found["handling"] = Refused("handling", "Choose who may see this: the handling decides what may cross.")
    if draft.handling == "red" and not access.may_handle_red(viewer):
        found["handling"] = Refused(
            "handling-red",
            "TLP:RED is for releasers and duty officers: choose AMBER+STRICT, or ask one of them to file.",
        )
    if draft.occurred_from and draft.occurred_to and draft.occurred_to < draft.occurred_from:
        found["occurred_to"] = Refused("occurred", "The end is before the beginning. Correct one of the two times.")
    if draft.occurred_from and draft.occurred_from > now:
        found["occurred_from"] = Refused("occurred-later", "This time has not come yet. Correct it.")
    if draft.occurred_to and draft.occurred_to > now:
        found["occurred_to"] = Refused("occurred-later", "This time has not come yet. Correct it.")
    if not all(map(extension.is_system_id, draft.systems)) or len(draft.systems) > extension.MOST_SYSTEMS:
        found["systems"] = Refused("systems", "Choose the shared systems from the list.")
    if len(draft.observables) > MOST_OBSERVABLES:
        found["paste"] = Refused(
            "observables",
            "At most %(most)d observables go with one incident. Import the others as a feed.",
            most=MOST_OBSERVABLES,
        )
    return found


def file_incident(db: Engine, viewer: Viewer, draft: Draft, now: Micros, draft_id: str | None = None) -> Filed:
    """File a draft as one atomic set of objects in the record.

    Raises `NotAllowed` if the viewer may not file, `Refused` for the first of `problems`, `Conflict` if this
    `draft_id` has been filed before; then nothing is kept.
    """
    access.demand(
        access.may_file(viewer), "You may read here, but not file. Ask an administrator for the role responder."
    )
    for problem in problems(viewer, draft, now).values():
        raise problem
    with writing(db) as c:
        incident_id = f"incident--{uuid.uuid4()}"
        number = _claim_number(c, viewer, incident_id, now)
        if draft_id:
            drafts.mark_filed(c, draft_id, viewer.person, incident_id)
        _append(c, viewer, list(_objects(viewer, draft, incident_id, number, now)), now)
    return Filed(number, incident_id)


def add_note(db: Engine, viewer: Viewer, about: Entry, text: str, language: str, handling: str, now: Micros) -> str:
    """File a note on an object, ours or the peer's, and give its id. It crosses only when it is released."""
    access.demand(
        access.may_file(viewer), "You may read here, but not write. Ask an administrator for the role responder."
    )
    if not text.strip():
        raise Refused("note-empty", "Write the note first; there is nothing in it yet.")
    common = _common(viewer, handling, language, None, now)
    if handling == access.UNKNOWN:  # it stays as close as what it is about
        common["object_marking_refs"] = list(dict.fromkeys(access.foreign_markings(about.obj())))
    note = stix2.Note(content=text, object_refs=[about.id], **common, allow_custom=False)
    with writing(db) as c:
        _append(c, viewer, [_plain(note)], now)
    return str(note.id)


def _append(c: Connection, viewer: Viewer, objects: Sequence[dict[str, Any]], now: Micros) -> None:
    said = [log.statement(door.check(obj, now), viewer.org.n) for obj in objects]
    for obj, verdict in zip(objects, log.append(c, RECORD, said, now), strict=True):
        if verdict.outcome not in {"stored", "duplicate"}:
            raise Refused(
                "filing",
                "The %(type)s could not be filed: %(reason)s",
                type=obj["type"],
                reason=verdict.why or verdict.outcome,
            )


def _objects(viewer: Viewer, draft: Draft, incident_id: str, number: str, now: Micros) -> Iterator[dict[str, Any]]:
    common = _common(viewer, draft.handling, draft.language, draft.confidence, now)
    yield _plain(_incident(draft, incident_id, number, common))
    for system in draft.systems:
        yield _plain(_tie(common, "impacts", incident_id, system))
    if draft.observables:
        yield from map(_plain, _observation(draft, incident_id, common, now))


def _incident(draft: Draft, incident_id: str, number: str, common: dict[str, Any]) -> Any:
    core: dict[str, Any] = {
        "extension_type": "property-extension",
        "determination": "suspected",
        "investigation_status": "new",
    }
    if draft.severity:
        core["criticality"] = extension.CRITICALITY[draft.severity]
    ours: dict[str, Any] = {"extension_type": "property-extension"}
    if draft.systems:
        ours["system_refs"] = list(draft.systems)
    for name, moment in (("start_time", draft.occurred_from), ("end_time", draft.occurred_to)):
        if moment is not None:
            ours[name] = format_timestamp(moment)
    extensions = {extension.CORE: core}
    if len(ours) > 1:
        extensions[extension.PUENTE] = ours
    return stix2.Incident(
        id=incident_id,
        name=draft.title.strip(),
        description=draft.text.strip() or None,
        labels=[draft.rsit] if draft.rsit else None,
        external_references=[{"source_name": extension.NUMBER_SOURCE, "external_id": number}],
        extensions=extensions,
        **common,
    )


def _observation(draft: Draft, incident_id: str, common: dict[str, Any], now: Micros) -> Iterator[Any]:
    """The observables, what was seen of them, and an indicator for each, tied to the incident."""
    seen = [_observable(found, common["object_marking_refs"]) for found in draft.observables]
    seen = list({sco.id: sco for sco in seen}.values())
    yield from seen
    first = draft.occurred_from if draft.occurred_from is not None else now
    last = draft.occurred_to if draft.occurred_to is not None else max(first, now)
    observed = stix2.ObservedData(
        first_observed=_datetime(first), last_observed=_datetime(last), number_observed=1, object_refs=seen, **common
    )
    yield observed
    yield _tie(common, "related-to", observed.id, incident_id)
    for sco in seen:
        indicator = stix2.Indicator(
            name=sco.value if "value" in sco else next(iter(sco.hashes.values())),
            pattern=_pattern(sco),
            pattern_type="stix",
            valid_from=_datetime(first),
            **common,
        )
        yield indicator
        yield _tie(common, "based-on", indicator.id, observed.id)


def _observable(found: Found, marking_refs: list[str]) -> Any:
    marked = {"object_marking_refs": marking_refs}
    kind, _, algorithm = found.type.partition(":")
    match kind:
        case "ipv4-addr":
            return stix2.IPv4Address(value=found.value, **marked)
        case "ipv6-addr":
            return stix2.IPv6Address(value=found.value, **marked)
        case "domain-name":
            return stix2.DomainName(value=found.value, **marked)
        case "url":
            return stix2.URL(value=found.value, **marked)
        case "email-addr":
            return stix2.EmailAddress(value=found.value, **marked)
        case "file":
            return stix2.File(hashes={algorithm: found.value}, **marked)
        case _:
            raise Refused("observable", "The form cannot file %(value)s: untick it.", value=found.value)


def _pattern(sco: Any) -> str:
    if sco.type == "file":
        (algorithm, digest), *_ = sco.hashes.items()
        return f"[file:hashes.'{algorithm}' = '{digest}']"
    value = sco.value.replace("\\", "\\\\").replace("'", "\\'")
    return f"[{sco.type}:value = '{value}']"


def _tie(common: dict[str, Any], kind: str, source: str, target: str) -> Any:
    return stix2.Relationship(relationship_type=kind, source_ref=source, target_ref=target, **common)


def _common(viewer: Viewer, handling: str, language: str, confidence: int | None, now: Micros) -> dict[str, Any]:
    stamp = _datetime(now - now % 1000)  # exactly milliseconds (SX-07)
    return {
        "created": stamp,
        "modified": stamp,
        "created_by_ref": viewer.org.identity_id,
        "object_marking_refs": [markings.TLP2[handling]] if handling in markings.TLP2 else [],
        "lang": language or None,
        "confidence": confidence,
    }


def _plain(built: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(built.serialize())
    return loaded


def _claim_number(c: Connection, viewer: Viewer, incident_id: str, now: Micros) -> str:
    year = _datetime(now).year
    while True:
        letters = "".join(secrets.choice(_NUMBER_LETTERS) for _ in range(6))
        number = f"{viewer.org.nation.upper()}-{year}-{letters}"
        if drafts.claim_number(c, number, incident_id):
            return number


def _datetime(moment: Micros) -> datetime:
    return _EPOCH + timedelta(microseconds=moment)
