"""The catalogue of the shared systems both nations depend on."""

from flask import Blueprint, render_template, url_for

from cert import sight, systems
from cert.errors import Missing
from cert.portal import rows
from cert.portal.portal import Portal, viewer
from cert.search.query import parse
from cert.store import current, people
from cert.store.engine import Connection, reading
from cert.store.log import RECORD, Entry


def install(pages: Blueprint, portal: Portal) -> None:
    """Add `/systems`."""

    @pages.get("/systems")
    def show() -> str:
        who = viewer()
        with reading(portal.db) as c:
            entries = sight.shared_systems(c, who)
            joined = {entry.id: systems.joins(c, who, entry.id) for entry in entries}
            others = sorted({join.id for joins in joined.values() for join in joins})
            named = {
                n.id: n for n in rows.names(c, [*entries, *sight.visible(c, who, current.newest(c, RECORD, others))])
            }
            owners = {entry.id: _owner(c, entry) for entry in entries}
        drawn = []
        for entry in _once(entries, joined, named):
            name, obj = named[entry.id], entry.obj()
            ids = [entry.id, *(join.id for join in joined[entry.id] if join.confirmed)]
            drawn.append(
                {
                    "id": entry.id,
                    "name": name.name,
                    "other_name": name.other_name,
                    "other_lang": name.other_lang,
                    "nation": name.nation,
                    "ours": name.ours,
                    "owner": owners[entry.id],
                    "joined": [
                        {
                            "name": named[join.id].name,
                            "lang": None,
                            "nation": named[join.id].nation,
                            "owner": owners.get(join.id, ""),
                            "confirmed": join.confirmed,
                        }
                        for join in joined[entry.id]
                        if join.id in named
                    ],
                    "incidents": _count(portal, who.labels, ids),
                    "url": url_for("search.show", system=ids, type="incident"),
                    "description": obj.get("description"),
                    "lang": obj.get("lang"),
                }
            )
        return render_template("systems.html", systems=drawn)


def _once(entries: list[Entry], joined: dict[str, list[systems.Join]], named: dict[str, rows.Named]) -> list[Entry]:
    """Each joined pair once, under our own nation's entry; ours first, by name."""
    shown: set[str] = set()
    kept = []
    for entry in sorted(entries, key=lambda e: (not named[e.id].ours, named[e.id].name)):
        if entry.id not in shown:
            kept.append(entry)
            shown |= {entry.id, *(join.id for join in joined[entry.id])}
    return kept


def _owner(c: Connection, entry: Entry) -> str:
    return people.all_organisations(c)[entry.origin].name


def _count(portal: Portal, labels: frozenset[str], ids: list[str]) -> int:
    try:
        query = parse("", {"type": ["incident"], "system": ids})
        return int(portal.index().search(query, labels, 1).count)
    except Missing:
        return 0
