"""FILE AN INCIDENT on a form, without knowing STIX; the draft is kept on the server from the first keystroke."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from cert import access, acts, extract, filing, sight, systems
from cert.access import Viewer
from cert.errors import Conflict, Refused
from cert.extract import Found
from cert.filing import Draft
from cert.portal import rows, words
from cert.portal.portal import Portal, viewer
from cert.stix import Micros
from cert.store import drafts
from cert.store.drafts import Kept
from cert.store.engine import reading, writing

ONE = ("title", "text", "occurred_from", "occurred_to", "rsit", "severity", "confidence", "lang", "paste", "handling")
MANY = ("systems", "peers", "keep", "seen")
LONGEST = 1_000_000  # characters of one field; a longer one is cut, and says so


@dataclass(frozen=True, slots=True)
class Form:
    """The form as it was typed."""

    draft: str
    title: str = ""
    text: str = ""
    occurred_from: str = ""
    occurred_to: str = ""
    rsit: str = ""
    severity: str = ""
    confidence: str = ""
    lang: str = ""
    paste: str = ""
    handling: str = ""
    systems: list[str] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the review table. `key` is what comes back when it is ticked."""

    key: str
    type: str
    value: str
    line: int
    ticked: bool
    reason: str | None


def install(pages: Blueprint, portal: Portal) -> None:
    """Add `/incidents/new` and `/incidents/draft` to the incident pages."""

    @pages.get("/new")
    def create() -> str:
        who = viewer()
        access.demand(
            access.may_file(who), "You may read here, but not file. Ask an administrator for the role responder."
        )
        with reading(portal.db) as c:
            kept = drafts.newest_open(c, who.person)
        return _draw(portal, who, _kept_form(kept) if kept else Form(uuid.uuid4().hex, lang=_language()), {}, kept)

    @pages.post("/new")
    def create_now() -> str | Response | tuple[str, int]:
        who, form = viewer(), _typed(request.form)
        match request.form.get("action"):
            case "discard":
                with writing(portal.db) as c:
                    drafts.discard(c, form.draft, who.person)
                return redirect(url_for("incidents.create"))
            case "file":
                return _file(portal, who, form)
            case _:
                return _draw(portal, who, form, {})

    @pages.post("/draft")
    def save_draft() -> tuple[str, int]:
        who = viewer()
        with writing(portal.db) as c:
            drafts.save(c, _typed(request.form).draft, who.person, _as_kept(_typed(request.form)), portal.clock())
        return "", 204


def _file(portal: Portal, who: Viewer, form: Form) -> str | Response | tuple[str, int]:
    now = portal.clock()
    found, errors = _read(form.paste)
    draft, unclear = _draft(portal, form, [f for f, row in zip(found, _review(found, form), strict=True) if row.ticked])
    errors |= unclear
    errors |= {
        name: gettext("Only the first %(most)d characters fit here. Shorten the text.", most=LONGEST)
        for name in ("title", "text")
        if len(getattr(form, name)) > LONGEST
    }
    errors |= {name: words.sentence(refused) for name, refused in filing.problems(who, draft, now).items()}
    if not errors and not {_key(f) for f in found} <= set(form.seen):
        errors["paste"] = gettext("Look at the values found below: what is ticked will be filed.")
    if errors:
        return _draw(portal, who, form, errors), 422
    try:
        with writing(portal.db) as c:
            drafts.save(c, form.draft, who.person, _as_kept(form), now)
        filed = filing.file_incident(portal.db, who, draft, now, form.draft)
    except Conflict as conflict:
        if conflict.data["incident"] != drafts.DISCARDED:
            return redirect(url_for("incidents.show", ref=conflict.data["incident"]))
        anew = replace(form, draft=uuid.uuid4().hex)
        said = gettext("You discarded this draft in another window. What you see here is a new one: file it again.")
        return _draw(portal, who, anew, {"title": said}), 409
    acts.note(portal.db, "file", who.login, now, id=filed.id, number=filed.number)
    flash(gettext("Filed as %(number)s.", number=filed.number), "done")
    if form.peers and access.may_release(who):
        return redirect(url_for("release.preview", ref=filed.id, nation=form.peers[0]))
    if form.peers:
        flash(gettext("A releaser decides whether it crosses: give him the number."), "notice")
    return redirect(url_for("incidents.show", ref=filed.id))


def _draw(portal: Portal, who: Viewer, form: Form, errors: Mapping[str, str], kept: Kept | None = None) -> str:
    found, unread = _read(form.paste)
    with reading(portal.db) as c:
        shared = sight.shared_systems(c, who)
        stands = systems.leading(c, who, shared)
        named = rows.names(c, [entry for entry in shared if stands[entry.id] == entry.id])
        recipients = portal.peers(c)
    return render_template(
        "incident_form.html",
        form=form,
        errors={**unread, **errors},
        zone=portal.zone,
        systems=sorted(named, key=lambda system: (not system.ours, system.name)),
        rows=_review(found, form),
        recipients=recipients,
        draft_saved=kept.updated if kept else None,
        resumed=kept is not None,
    )


def _read(paste: str) -> tuple[list[Found], dict[str, str]]:
    try:
        found = extract.extract(paste)
    except Refused as refused:
        return [], {"paste": words.sentence(refused)}
    return list({_key(one): one for one in reversed(found)}.values())[::-1], {}


def _review(found: list[Found], form: Form) -> list[Row]:
    made = []
    for one in found:
        key = _key(one)
        ticked = key in form.keep if key in form.seen else one.tick
        reason = gettext(one.reason) if one.reason else None
        made.append(Row(key, one.type.partition(":")[0], one.value, one.row, ticked, reason))
    return made


def _key(found: Found) -> str:
    return f"{found.type}|{found.value}"


def _draft(portal: Portal, form: Form, ticked: list[Found]) -> tuple[Draft, dict[str, str]]:
    """What the form says, and what could not be read of it, by field."""
    errors: dict[str, str] = {}
    moments: dict[str, Micros | None] = {}
    for name in ("occurred_from", "occurred_to"):
        try:
            moments[name] = _moment(getattr(form, name), portal.zone)
        except ValueError:
            moments[name] = None
            errors[name] = gettext("This is no date and time. Write it as 2026-11-24T08:30.")
    draft = Draft(
        title=form.title,
        text=form.text,
        handling=form.handling,
        language=form.lang,
        rsit=form.rsit if words.rsit_name(form.rsit) != form.rsit else "",
        severity=form.severity if form.severity in words.SEVERITIES else "",
        confidence=int(form.confidence) if form.confidence in {str(n) for n in words.CONFIDENCES} else None,
        systems=tuple(form.systems),
        observables=tuple(ticked),
        **moments,
    )
    return draft, errors


def _moment(text: str, zone: str) -> Micros | None:
    if not text:
        return None
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(local.timestamp()) * 1_000_000


def _typed(form: "MultiDict[str, str]") -> Form:
    one: dict[str, Any] = {name: form.get(name, "")[: LONGEST + 1] for name in ONE}
    many: dict[str, Any] = {name: form.getlist(name) for name in MANY}
    draft = form.get("draft", "")
    return Form(draft if draft.isalnum() and len(draft) == 32 else uuid.uuid4().hex, **one, **many)


def _as_kept(form: Form) -> dict[str, Any]:
    return {name: getattr(form, name) for name in (*ONE, *MANY)}


def _kept_form(kept: Kept) -> Form:
    return Form(kept.id, **{name: value for name, value in kept.form.items() if name in {*ONE, *MANY}})


def _language() -> str:
    return str(get_locale())[:2]
