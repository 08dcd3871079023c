"""The start page and search: the same list, the one box, facets whose counts are links."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext

from cert import access, sight, systems
from cert.access import Viewer
from cert.errors import Missing
from cert.portal import rows, words
from cert.portal.portal import Portal, viewer
from cert.portal.rows import Named, Row
from cert.search import fill
from cert.search.index import Asked, Index, Page, Place
from cert.search.limited import MOST, Recent
from cert.search.query import FIELDS, Query, parse
from cert.stix import Micros
from cert.store import current, log
from cert.store.engine import Connection, reading
from cert.store.log import RECORD

PAGE = 25
MOST_CHOSEN = 20  # values of one filter that an address may name
SECOND: Micros = 1_000_000
JUST_NOW = log.BATCH  # how many entries beyond the index are looked at
_AFTER = re.compile(r"(-?[0-9]{1,18})(?:\.([a-z0-9-]{1,300})\.([0-9a-f]{16}))?")


@dataclass(frozen=True, slots=True)
class Found:
    """One page of answers, where the next one begins, and how much that the reader may see is not indexed yet.

    `behind` is None where the index could not be asked, and only the newest objects were looked through.
    """

    page: Page
    rows: list[Row]
    after: str | None
    behind: int | None

    @property
    def limited(self) -> int:
        """How many objects were looked through, where these are not all; else 0."""
        return MOST if self.behind is None else 0


def install(home: Blueprint, search: Blueprint, portal: Portal) -> None:
    """Add `/` and `/search`."""

    @home.get("/")
    def show() -> str:
        who = viewer()
        found = _ask(portal, who, parse("", {"type": ["incident"]}))
        return render_template(
            "home.html",
            rows=found.rows,
            q="",
            limited=found.limited,
            **_pages(found, "home.show"),
            may_file=access.may_file(who),
            held_count=portal.held_count(who),
        )

    @search.get("/search", endpoint="show")
    def show_search() -> str:
        who = viewer()
        text = request.args.get("q", "")[:1000]
        chosen = {name: request.args.getlist(name)[:MOST_CHOSEN] for name in FIELDS if request.args.getlist(name)}
        with reading(portal.db) as c:
            shared = sight.shared_systems(c, who)
            stands = systems.leading(c, who, shared)
            named = {s.id: s for s in rows.names(c, shared)}
        wanted = {stands.get(system) for system in chosen.get("system", ())}
        asked = {**chosen, "system": [system for system in stands if stands[system] in wanted]}
        found = _ask(portal, who, parse(text, asked), text, chosen)
        return render_template(
            "search.html",
            q=text,
            rows=found.rows,
            total=found.page.count,
            facets=_facets(_joined(found.page.facets, stands), text, chosen, named),
            chips=_chips(text, chosen, named),
            incidents=_incidents(found.page, text, chosen),
            **_pages(found, "search.show", q=text, **chosen),
            behind=found.behind,
            limited=found.limited,
            wider=_wider(text, chosen),
        )


def _ask(portal: Portal, who: Viewer, query: Query, text: str = "", chosen: Collection[str] = ()) -> Found:
    """A page of answers: from the index, or while it cannot be asked from the newest objects of the record."""
    with reading(portal.db) as c:
        try:
            index = portal.index()
            page = _page(c, index, who, query, chosen)
            behind = _behind(c, index, who)
        except Missing:
            page, behind = _page(c, Recent(c), who, query, chosen), None
        return Found(page, _rows(c, who, page, query, text), _after(c, page), behind)


def _page(c: Connection, index: Asked, who: Viewer, query: Query, chosen: Collection[str]) -> Page:
    page = index.search(query, who.labels, PAGE, _place(c, who, request.args.get("after", "")), FIELDS)
    return replace(page, facets=_counts(index, who, query, page, chosen))


def _behind(c: Connection, index: Index, who: Viewer) -> int:
    new = log.after(c, RECORD, log.cursor(c, fill.cursor_name(index)), JUST_NOW)
    lines = {entry.line for entry in new if entry.line is not None}
    return len(sight.visible(c, who, list(current.by_line(c, RECORD, lines).values())))


def _counts(
    index: Asked, who: Viewer, query: Query, page: Page, chosen: Collection[str]
) -> dict[str, tuple[tuple[str, int], ...]]:
    """The counts of every field; of a chosen one without its own filter, so that its other values can be seen too."""
    counted = dict(page.facets)
    for field in chosen:
        wider = replace(query, filters=tuple(wanted for wanted in query.filters if wanted[0] != field))
        counted[field] = index.search(wider, who.labels, 1, facets=(field,)).facets[field]
    return counted


def _rows(c: Connection, who: Viewer, page: Page, query: Query, text: str) -> list[Row]:
    """The hits as lines, read from the record and checked there once more: an index is never asked for permission."""
    entries = current.by_line(c, RECORD, [hit.line for hit in page.hits])
    found = sight.visible(c, who, [entries[hit.line] for hit in page.hits if hit.line in entries])
    typed = [word for word in text.split() if ":" not in word] if query.terms else []
    made = rows.rows(c, who, found, [word.strip('"') for word in typed if word.strip('"')])
    # What is filed at once has one time; the incident stands over its parts, as nobody looks for it under them.
    return sorted(made, key=lambda row: (-(row.time // SECOND), row.type != "incident", row.piece))


def _pages(found: Found, endpoint: str, **kept: Any) -> dict[str, str | None]:
    older = url_for(endpoint, **kept, after=found.after) if found.after else None
    return {"older": older, "newer": url_for(endpoint, **kept) if request.args.get("after") else None}


def _after(c: Connection, page: Page) -> str | None:
    """Where the next page begins, by the last object of this one. A line's number would tell how much is hidden."""
    if page.next is None:
        return None
    time, line = page.next
    last = current.by_line(c, RECORD, [line]).get(line)
    return f"{time}.{last.id}.{last.digest.hex()[:16]}" if last else str(time)


def _place(c: Connection, who: Viewer, text: str) -> Place | None:
    """The place that `_after` named, as the index knows it; None for what cannot be meant."""
    asked = _AFTER.fullmatch(text)
    if asked is None:
        return None
    held = sight.visible(c, who, current.newest(c, RECORD, [asked[2]])) if asked[2] else []
    same = [entry for entry in held if entry.digest.hex().startswith(asked[3])] or held
    return int(asked[1]), (same[0].line or 0) if same else 0


def _joined(
    counted: Mapping[str, Sequence[tuple[str, int]]], stands: Mapping[str, str]
) -> Mapping[str, Sequence[tuple[str, int]]]:
    """The counts with joined systems as one. An incident names a system once, so the counts may be added."""
    sums: dict[str, int] = {}
    for system, count in counted.get("system", ()):
        sums[stands.get(system, system)] = sums.get(stands.get(system, system), 0) + count
    return {**counted, "system": sorted(sums.items(), key=lambda item: (-item[1], item[0]))}


def _facets(
    counted: Mapping[str, Sequence[tuple[str, int]]],
    text: str,
    chosen: Mapping[str, list[str]],
    named: Mapping[str, Named],
) -> list[dict[str, Any]]:
    titles = {
        "nation": gettext("Nation"),
        "type": gettext("Type"),
        "handling": gettext("Handling"),
        "system": gettext("Shared systems"),
        "rsit": gettext("Class"),
        "severity": gettext("Severity"),
    }
    return [
        {
            "name": name,
            "title": titles[name],
            "values": [
                {
                    "label": _label(name, value, named),
                    "count": count,
                    "url": _address(text, _toggled(chosen, name, value)),
                    "chosen": value in chosen.get(name, ()),
                    "nation": value if name == "nation" else None,
                    "handling": value if name == "handling" and value in words.HANDLINGS else None,
                }
                for value, count in counted.get(name, ())
            ],
        }
        for name in FIELDS
    ]


def _incidents(page: Page, text: str, chosen: Mapping[str, list[str]]) -> dict[str, Any] | None:
    """Where the incidents among the answers stand alone, and how many these are; None where that is no narrower."""
    count = dict(page.facets["type"]).get("incident", 0)
    if "type" in chosen or not 0 < count < page.count:
        return None
    return {"count": count, "url": _address(text, _toggled(chosen, "type", "incident"))}


def _chips(text: str, chosen: Mapping[str, list[str]], named: Mapping[str, Named]) -> list[dict[str, str]]:
    return [
        {"label": _label(name, value, named), "url": _address(text, _toggled(chosen, name, value))}
        for name, values in chosen.items()
        for value in values
    ]


def _label(name: str, value: str, named: Mapping[str, Named]) -> str:
    match name:
        case "nation":
            return words.nation_name(value)
        case "type":
            return words.type_name(value)
        case "handling":
            return f"TLP:{value.upper()}" if value in words.HANDLINGS else value
        case "system":
            return named[value].name if value in named else value
        case "rsit":
            return words.rsit_name(f"rsit:{value}")
        case _:
            return str(words.SEVERITIES.get(value, value))


def _toggled(chosen: Mapping[str, list[str]], name: str, value: str) -> dict[str, list[str]]:
    """The filters with one value added, or taken away if it was chosen."""
    values = chosen.get(name, [])
    changed = [v for v in values if v != value] if value in values else [*values, value]
    return {**chosen, name: changed}


def _address(text: str, chosen: Mapping[str, list[str]]) -> str:
    asked: dict[str, Any] = {"q": text or None, **chosen}
    return url_for("search.show", **asked)


def _wider(text: str, chosen: Mapping[str, list[str]]) -> list[dict[str, str]]:
    offers = []
    if chosen:
        offers.append({"label": gettext("Search without filters"), "url": _address(text, {})})
    parts = text.split()
    if len(parts) > 1:
        fewer = " ".join(parts[:-1])
        offers.append({"label": gettext("Search only for %(words)s", words=fewer), "url": _address(fewer, chosen)})
    return offers
