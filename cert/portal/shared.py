"""The catalogue of the shared systems both nations depend on."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, render_template, url_for

from cert import sight, systems
from cert.access import Viewer
from cert.errors import Missing
from cert.portal import rows
from cert.portal.portal import Portal, viewer
from cert.search.query import parse
from cert.store import people
from cert.store.engine import Connection, reading
from cert.store.log import Entry
from cert.systems import Join

Joins = Mapping[str, Sequence[Join]]


def install(pages: Blueprint, portal: Portal) -> None:
    """Add `/systems`."""

    @pages.get("/systems")
    def show() -> str:
        who = viewer()
        with reading(portal.db) as c:
            entries = sight.shared_systems(c, who)
            joins = {entry.id: systems.joins(c, who, entry.id) for entry in entries}
            known = {entry.id: entry for entry in entries}
            drawn = [_card(portal, c, who, entry, joins[entry.id], known) for entry in _once(c, entries, joins)]
        return render_template("systems.html", systems=drawn)


def _once(c: Connection, entries: Sequence[Entry], joins: Joins) -> list[Entry]:
    """Each joined pair once, under our own nation's entry; ours first, by name."""
    ours = {org.n for org in people.all_organisations(c).values() if org.ours}
    shown: set[str] = set()
    kept = []
    for entry in sorted(entries, key=lambda e: (e.origin not in ours, sight.title(e))):
        if entry.id not in shown:
            kept.append(entry)
            shown |= {entry.id, *(join.id for join in joins[entry.id])}
    return kept


def _card(
    portal: Portal, c: Connection, who: Viewer, entry: Entry, joins: Sequence[Join], known: Mapping[str, Entry]
) -> dict[str, Any]:
    (name,) = rows.names(c, [entry])
    ids = [entry.id, *(join.id for join in joins if join.confirmed)]
    joined = [_other(c, known[join.id], join.confirmed) for join in joins if join.id in known]
    return {
        "id": entry.id,
        "name": sight.title(entry) if joined else name.name,  # beside the peer's each is called as its nation does
        "name_lang": entry.obj().get("lang") if joined else None,
        "other_name": None if joined else name.other_name,
        "other_lang": name.other_lang,
        "nation": name.nation,
        "ours": name.ours,
        "owner": sight.origin_of(c, entry).name,
        "joined": joined,
        "incidents": _count(portal, who, ids),
        "url": url_for("search.show", system=entry.id, type="incident"),
        "description": entry.obj().get("description"),
        "lang": entry.obj().get("lang"),
    }


def _other(c: Connection, entry: Entry, confirmed: bool) -> dict[str, Any]:
    """The other end of a join, by the name its own nation gives it."""
    origin = sight.origin_of(c, entry)
    return {
        "name": sight.title(entry),
        "lang": entry.obj().get("lang"),
        "nation": origin.nation,
        "owner": origin.name,
        "confirmed": confirmed,
    }


def _count(portal: Portal, who: Viewer, ids: Sequence[str]) -> int | None:
    """How many incidents name one of these systems; None while the index cannot be asked."""
    try:
        return portal.index().search(parse("", {"type": ["incident"], "system": ids}), who.labels, 1).count
    except Missing:
        return None
