"""The start page and search: the same list, the one box, facets whose counts are links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext

from cert import access, sight
from cert.access import Viewer
from cert.errors import Missing
from cert.portal import rows, words
from cert.portal.portal import Portal, viewer
from cert.portal.rows import Named, Row
from cert.search import fill
from cert.search.index import Page, Place
from cert.search.query import FIELDS, Query, parse
from cert.store import current, log
from cert.store.engine import Connection, reading
from cert.store.log import RECORD

PAGE = 25


@dataclass(frozen=True, slots=True)
class Found:
    """One page of answers, and how far the index is behind the record."""

    page: Page
    rows: list[Row]
    behind: int


def install(home: Blueprint, search: Blueprint, portal: Portal) -> None:
    """Add `/` and `/search`."""

    @home.get("/")
    def show() -> str:
        who = viewer()
        found, fault = _ask(portal, who, parse("", {"type": ["incident"]}))
        return render_template(
            "home.html",
            rows=found.rows if found else [],
            q="",
            fault=fault,
            **_pages(found, "home.show"),
            may_file=access.may_file(who),
            held_count=0,
        )

    @search.get("/search", endpoint="show")
    def show_search() -> str:
        who = viewer()
        text = request.args.get("q", "")[:1000]
        chosen = {name: request.args.getlist(name) for name in FIELDS if request.args.getlist(name)}
        query = parse(text, chosen)
        found, fault = _ask(portal, who, query, text)
        with reading(portal.db) as c:
            named = {s.id: s for s in rows.names(c, sight.shared_systems(c, who))}
        return render_template(
            "search.html",
            q=text,
            rows=found.rows if found else [],
            total=found.page.count if found else 0,
            total_exact=True,
            facets=_facets(found.page.facets, text, chosen, named) if found else [],
            chips=_chips(text, chosen, named),
            **_pages(found, "search.show", q=text, **chosen),
            behind=found.behind if found else 0,
            error=fault,
            wider=_wider(text, chosen),
        )


def _ask(portal: Portal, who: Viewer, query: Query, text: str = "") -> tuple[Found | None, str]:
    """A page of answers, or None and why there can be none just now."""
    try:
        index = portal.index()
        page = index.search(query, who.labels, PAGE, _place(request.args.get("after", "")), FIELDS)
        with reading(portal.db) as c:
            behind = log.head(c, RECORD) - log.cursor(c, fill.cursor_name(index))
            return Found(page, _rows(c, who, page, query, text), behind), ""
    except Missing as fault:
        return None, words.sentence(fault)


def _rows(c: Connection, who: Viewer, page: Page, query: Query, text: str) -> list[Row]:
    """The hits as lines, read from the record and checked there once more: an index is never asked for permission."""
    entries = current.by_line(c, RECORD, [hit.line for hit in page.hits])
    found = sight.visible(c, who, [entries[hit.line] for hit in page.hits if hit.line in entries])
    typed = [word for word in text.split() if ":" not in word] if query.terms else []
    return rows.rows(c, who, found, [word.strip('"') for word in typed if word.strip('"')])


def _pages(found: Found | None, endpoint: str, **kept: Any) -> dict[str, str | None]:
    older = None
    if found and found.page.next:
        older = url_for(endpoint, **kept, after=f"{found.page.next[0]}-{found.page.next[1]}")
    return {"older": older, "newer": url_for(endpoint, **kept) if request.args.get("after") else None}


def _place(text: str) -> Place | None:
    time, _, line = text.rpartition("-")
    return (int(time), int(line)) if time.lstrip("-").isdecimal() and line.isdecimal() and len(text) < 40 else None


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
