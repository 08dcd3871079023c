"""Entries of the record as the lines, heads and lists of a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for
from flask_babel import get_locale

from cert import extension, sight, stix
from cert.access import Organisation, Viewer
from cert.portal import formats, titles
from cert.stix import Micros
from cert.store import current, people
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry

SNIPPET = 220  # characters
PIECES = stix.SCO | stix.SRO | {"indicator", "observed-data"}
"""The types of objects that are a part of something told elsewhere: lists draw them lighter."""


@dataclass(frozen=True, slots=True)
class Named:
    """A shared system by its names: the reader's nation's, and the other language's if there is one."""

    id: str
    name: str
    other_name: str | None
    other_lang: str | None
    nation: str
    ours: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A line in a list; what each field is stands in the templates' macro `row`. `title` is ready to be shown."""

    url: str
    type: str
    piece: bool
    number: str | None
    title: str
    lang: str | None
    nation: str
    ours: bool
    owner: str
    severity: str | None
    state: str | None
    handling: str
    rsit: str | None
    systems: tuple[str, ...]
    time: Micros
    why: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """An incident as its own page draws it."""

    ref: str
    number: str | None
    id: str
    title: str
    text: str
    lang: str | None
    nation: str
    ours: bool
    owner: str
    author: str | None
    severity: str | None
    state: str | None
    handling: str
    rsit: str | None
    confidence: int | None
    created: Micros
    modified: Micros
    occurred_from: Micros | None
    occurred_to: Micros | None
    labels: tuple[str, ...]


def rows(c: Connection, viewer: Viewer, entries: Sequence[Entry], words: Sequence[str] = ()) -> list[Row]:
    """The lines of a list, for entries that the viewer may see."""
    names = system_names(c, viewer, entries)
    called = titles.shown(c, viewer, entries)
    return [
        _row(entry, called[entry.id], level, origin, names, words)
        for entry, (level, origin) in zip(entries, sight.handlings(c, entries), strict=True)
    ]


def _row(
    entry: Entry, called: str, level: str, origin: Organisation, names: dict[str, Named], words: Sequence[str]
) -> Row:
    obj = entry.obj()
    text = str(obj.get("description") or obj.get("content") or "")
    return Row(
        url=object_url(entry),
        type=stix.type_of(entry.id),
        piece=stix.type_of(entry.id) in PIECES,
        number=extension.number(obj) or None,
        title=called,
        lang=obj.get("lang"),
        nation=origin.nation,
        ours=origin.ours,
        owner=origin.name,
        severity=extension.severity(obj) or None,
        state=extension.state(obj) or None,
        handling=level,
        rsit=rsit_label(obj.get("labels", ())),
        systems=tuple(names[i].name for i in extension.systems(obj) if i in names),
        time=entry.version if entry.version is not None else entry.date_added,
        why=formats.highlight(_around(text, words), words) if text else None,
    )


def head(c: Connection, entry: Entry) -> Head:
    """The head of an incident's page."""
    ((level, origin),) = sight.handlings(c, [entry])
    obj = entry.obj()
    started, ended = extension.occurred(obj)
    return Head(
        ref=ref_of(entry),
        number=extension.number(obj) or None,
        id=entry.id,
        title=sight.title(entry),
        text=str(obj.get("description", "")),
        lang=obj.get("lang"),
        nation=origin.nation,
        ours=origin.ours,
        owner=origin.name,
        author=author_name(c, obj.get("created_by_ref")),
        severity=extension.severity(obj) or None,
        state=extension.state(obj) or None,
        handling=level,
        rsit=rsit_label(obj.get("labels", ())),
        confidence=obj.get("confidence"),
        created=stix.parse_timestamp(obj["created"]) if "created" in obj else entry.date_added,
        modified=entry.version if entry.version is not None else entry.date_added,
        occurred_from=stix.parse_timestamp(started) if started else None,
        occurred_to=stix.parse_timestamp(ended) if ended else None,
        labels=tuple(label for label in obj.get("labels", ()) if not label.startswith("rsit:")),
    )


def author_name(c: Connection, identity_id: str | None) -> str | None:
    """The name of the organisation known here under an identity, or None."""
    known = {org.identity_id: org.name for org in people.all_organisations(c).values()}
    return known.get(identity_id or "")


def rsit_label(labels: Sequence[str]) -> str | None:
    """The RSIT label among these, as it is spelt."""
    return next((label for label in labels if label.startswith("rsit:")), None)


def ref_of(entry: Entry) -> str:
    """What an address calls an incident: its STIX id, which is the same in both nations."""
    return entry.id


def object_url(entry: Entry) -> str:
    """The page of an object; one that has none of its own is shown as STIX."""
    if stix.type_of(entry.id) == "incident":
        return url_for("incidents.show", ref=entry.id)
    return url_for("incidents.stix", ref=entry.id)


def system_names(c: Connection, viewer: Viewer, entries: Sequence[Entry]) -> dict[str, Named]:
    """The shared systems that these incidents name, by id, as far as the viewer may see them."""
    wanted = sorted({system for entry in entries for system in extension.systems(entry.obj())})
    found = sight.visible(c, viewer, current.newest(c, RECORD, wanted))
    return {named.id: named for named in names(c, found)}


def names(c: Connection, systems: Sequence[Entry]) -> list[Named]:
    """The names of shared systems. One in another language than the reader's is shown with its language."""
    origins = people.all_organisations(c)
    language = str(get_locale())[:2]
    made = []
    for entry in systems:
        obj = entry.obj()
        aliases = [a for a in obj.get("aliases", ()) if isinstance(a, str)]
        title, other = sight.title(entry), aliases[0] if aliases else None
        spoken = str(obj.get("lang", language))[:2]
        if other and spoken != language:
            title, other = other, title
        origin = origins[entry.origin]
        other_lang = ("en" if language == "es" else "es") if other else None
        made.append(Named(entry.id, title, other, other_lang, origin.nation, origin.ours))
    return made


def _around(text: str, words: Sequence[str]) -> str:
    """The part of a text where the first of the words stands."""
    lower = text.casefold()
    places = [lower.find(word.casefold()) for word in words]
    start = max(0, min((place for place in places if place >= 0), default=0) - SNIPPET // 4)
    piece = text[start : start + SNIPPET]
    return ("…" if start else "") + piece + ("…" if start + SNIPPET < len(text) else "")
