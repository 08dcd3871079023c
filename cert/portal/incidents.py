"""The incident page and everything that hangs on it: its parts, its notes, its STIX."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext
from werkzeug.wrappers import Response as Answer

from cert import access, acts, correlate, export, extension, filing, sight, stix, systems
from cert.access import Viewer
from cert.correlate import Link, Reason
from cert.errors import Missing, NotFound, Refused
from cert.portal import formats, rows, titles, words
from cert.portal.portal import Portal, viewer
from cert.search.limited import MOST, Recent
from cert.store import current, people
from cert.store.engine import Connection, reading
from cert.store.log import RECORD, Entry

PARTS = ("summary", "observables", "systems", "linked", "notes", "holders", "versions")


@dataclass(slots=True)
class Page:
    """What an incident page is drawn from."""

    entry: Entry
    around: list[Entry]
    links: list[Link]
    limited: int = 0  # how many objects were looked through for links, where these are not all
    context: dict[str, Any] = field(default_factory=dict)


def blueprint(portal: Portal) -> Blueprint:
    """The pages under `/incidents/<ref>`; `ref` is a STIX id, or the number of an incident of ours."""
    pages = Blueprint("incidents", __name__, url_prefix="/incidents")

    @pages.get("/<ref>")
    def show(ref: str) -> str:
        part = request.args.get("part", "summary")
        if part not in PARTS:
            raise NotFound("part", "An incident has no such part.")
        return _draw(portal, ref, part, {})

    @pages.get("/<ref>/notes")
    def notes(ref: str) -> Answer:
        return redirect(url_for("incidents.show", ref=ref, part="notes"))  # where a form that was refused stands

    @pages.post("/<ref>/notes")
    def add_note(ref: str) -> str | Answer:
        who, text = viewer(), request.form.get("note", "")
        language = request.form.get("lang", str(get_locale())[:2])
        with reading(portal.db) as c:
            about = sight.find(c, who, ref)
            ((level, _),) = sight.handlings(c, [about])
        try:
            note_id = filing.add_note(portal.db, who, about, text, language, level, portal.clock())
        except Refused as refused:
            typed = {"note": text, "note_lang": language, "errors": {"note": words.sentence(refused)}}
            return _draw(portal, ref, "notes", typed)
        acts.note(portal.db, "note", who.login, portal.clock(), id=note_id, about=about.id)
        flash(gettext("Your note is filed. It stays in this nation until it is released."), "done")
        return redirect(url_for("incidents.show", ref=ref, part="notes"))

    @pages.get("/<ref>/stix")
    def stix(ref: str) -> str:
        who = viewer()
        with reading(portal.db) as c:
            entry = sight.find(c, who, ref)
            around = sight.gather(c, who, entry)
            names = titles.shown(c, who, around)
            levels = sight.handlings(c, around)
            head = rows.head(c, entry)
            size = len(orjson.dumps(export.bundle(c, who, entry)))
        acts.note(portal.db, "read", who.login, portal.clock(), id=entry.id)
        objects = [
            {"id": e.id, "type": stix_type(e), "name": names[e.id], "handling": level, "body": e.obj()}
            for e, (level, _) in zip(around, levels, strict=True)
        ]
        return render_template("stix.html", incident=head, objects=objects, size_bytes=size)

    @pages.get("/<ref>/stix.json")
    def download(ref: str) -> Response:
        who = viewer()
        with reading(portal.db) as c:
            entry = sight.find(c, who, ref)
            bundle = export.bundle(c, who, entry)
            level = sight.strictest(c, sight.gather(c, who, entry))
        acts.note(portal.db, "export", who.login, portal.clock(), id=entry.id)
        name = f"{extension.number(entry.obj()) or entry.id}-TLP-{level.replace('+', '-').upper()}.json"
        body = orjson.dumps(bundle, option=orjson.OPT_INDENT_2)
        sent = Response(body, mimetype="application/stix+json;version=2.1")
        sent.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return sent

    return pages


def stix_type(entry: Entry) -> str:
    """The STIX type of an entry."""
    return stix.type_of(entry.id)


def _draw(portal: Portal, ref: str, part: str, typed: dict[str, Any]) -> str:
    who = viewer()
    with reading(portal.db) as c:
        entry = sight.find(c, who, ref)
        if stix_type(entry) != "incident":
            raise NotFound("object", sight.NOTHING)
        page = _page(portal, c, who, entry)
        context = _context(portal, c, who, page)
    if not typed:
        acts.note(portal.db, "read", who.login, portal.clock(), id=entry.id)
    return render_template("incident.html", part=part, **{**context, **typed})


def _page(portal: Portal, c: Connection, who: Viewer, entry: Entry) -> Page:
    around = sight.gather(c, who, entry)
    language = str(get_locale())[:2]
    try:
        return Page(entry, around, correlate.links(c, portal.index(), who, around, language))
    except Missing:
        return Page(entry, around, correlate.links(c, Recent(c), who, around, language), limited=MOST)


def _context(portal: Portal, c: Connection, who: Viewer, page: Page) -> dict[str, Any]:
    named = correlate.incident_systems(c, who, page.entry)
    observed = _observables(c, page)
    notes = _notes(c, page)
    history = _versions(c, who, page.entry)
    holders = portal.holders(c, who, page.entry)
    if sight.is_revoked(page.entry):
        flash(gettext("Its author has withdrawn this incident. It is found by this address alone."), "problem")
    return {
        "incident": rows.head(c, page.entry),
        "limited": page.limited,
        "strictest": sight.strictest(c, [*page.around, *(link.incident for link in page.links)]),
        "counts": {
            "observables": len(observed),
            "systems": len(named),
            "linked": len(page.links),
            "notes": len(notes),
            "versions": len(history),
        },
        "may_release": portal.release_to(c, who),
        "may_note": access.may_file(who),
        "observables": observed,
        "systems": _systems(c, who, named),
        "linked": _linked(c, who, page.links),
        "notes": notes,
        "holders": holders,
        "versions": history,
    }


def _observables(c: Connection, page: Page) -> list[dict[str, Any]]:
    shared: dict[tuple[str, str], list[Reason]] = {}
    for link in page.links:
        for reason in link.reasons:
            shared.setdefault((reason.kind, reason.value), []).append(reason)
    seen = [entry for entry in page.around if stix_type(entry) in stix.SCO]
    found = []
    for entry, (level, _) in zip(seen, sight.handlings(c, seen), strict=True):
        kind, value = stix_type(entry), sight.title(entry)
        also = shared.get((kind, value), [])
        found.append(
            {
                "type": kind,
                "value": value,
                "name": entry.obj().get("name") if kind == "file" else None,
                "handling": level,
                "elsewhere": len(also),
                "elsewhere_url": url_for("search.show", q=value),
                "common": any(reason.common for reason in also),
            }
        )
    return sorted(found, key=lambda item: (item["type"], item["value"]))


def _systems(c: Connection, who: Viewer, named: Sequence[Entry]) -> list[dict[str, Any]]:
    found = []
    for entry, name in zip(named, rows.names(c, named), strict=True):
        others = [join.id for join in systems.joins(c, who, entry.id) if join.confirmed]
        joined = rows.names(c, sight.visible(c, who, current.newest(c, RECORD, others)))
        found.append(
            {
                "id": entry.id,
                "name": name.name,
                "other_name": name.other_name,
                "other_lang": name.other_lang,
                "nation": name.nation,
                "ours": name.ours,
                "joined": [{"name": other.name, "nation": other.nation} for other in joined],
                "url": url_for("search.show", system=entry.id),
            }
        )
    return found


def _linked(c: Connection, who: Viewer, links: Sequence[Link]) -> list[dict[str, Any]]:
    drawn = rows.rows(c, who, [link.incident for link in links])
    return [
        {"row": row, "reasons": [reason_words(r) for r in link.reasons]} for row, link in zip(drawn, links, strict=True)
    ]


def reason_words(reason: Reason) -> str:
    """A reason for a link, in the reader's words: "same shared system: Otay Mesa cargo lane"."""
    if reason.kind == "system":
        said = gettext("same shared system: %(name)s", name=reason.value)
    else:
        value = formats.defang(reason.value, reason.kind)
        match reason.kind:
            case "ipv4-addr" | "ipv6-addr":
                said = gettext("same address %(value)s", value=value)
            case "domain-name":
                said = gettext("same domain %(value)s", value=value)
            case "url":
                said = gettext("same URL %(value)s", value=value)
            case "email-addr":
                said = gettext("same e-mail address %(value)s", value=value)
            case "file":
                said = gettext("same file %(value)s", value=value)
            case "vulnerability":
                said = gettext("same vulnerability %(value)s", value=value)
            case _:
                said = gettext("same %(kind)s %(value)s", kind=words.type_name(reason.kind), value=value)
    return str(said + (" " + gettext("(seen everywhere)") if reason.common else ""))


def _notes(c: Connection, page: Page) -> list[dict[str, Any]]:
    written = [e for e in page.around if stix_type(e) == "note" and page.entry.id in e.obj().get("object_refs", ())]
    found = []
    for entry, (level, origin) in zip(written, sight.handlings(c, written), strict=True):
        obj = entry.obj()
        found.append(
            {
                "author": ", ".join(obj.get("authors", ())) or None,
                "organisation": rows.author_name(c, obj.get("created_by_ref")) or origin.name,
                "nation": origin.nation,
                "ours": origin.ours,
                "time": entry.version or entry.date_added,
                "text": obj.get("content", ""),
                "lang": obj.get("lang"),
                "handling": level,
            }
        )
    return sorted(found, key=lambda note: note["time"])


def _versions(c: Connection, who: Viewer, entry: Entry) -> list[dict[str, Any]]:
    origins = people.all_organisations(c)
    return [
        {
            "time": version.version or version.date_added,
            "nation": origins[version.origin].nation,
            "author": origins[version.origin].name,
            "current": version.number == entry.number,
            "with_peers": [],
            "url": None,
        }
        for version in sight.versions(c, who, entry)
    ]
