"""The pages of the exchange: what a release would send, what is held, and who has an incident."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext, lazy_gettext, ngettext
from werkzeug.wrappers import Response

from cert import access, acts, extension, sight, stix
from cert.access import Viewer
from cert.errors import Conflict, NotFound
from cert.portal import rows, titles, words
from cert.portal.portal import Panel, PanelRow, PeerChoice, Portal, viewer
from cert.store import current, log
from cert.store.engine import Connection, Engine, reading
from cert.store.log import RECORD, Entry
from feeds import health_pages, ledger, receipts, release, store
from feeds.release import Preview
from feeds.store import Peer

PAGE = 50
LOOKS, LOOK_S = 20, 0.05
MOST_HELD = 500  # that are counted
WHOLE = re.compile("[0-9]{1,18}")
REASONS = {
    "theirs": lazy_gettext("It came from the peer, and nothing goes back to where it came from."),
    "handling": lazy_gettext("Its handling is stricter than what the agreement with this peer carries."),
    "unknown-marking": lazy_gettext("It carries a marking that nobody here knows, so it stays with its author."),
    "not-ours": lazy_gettext("It belongs to somebody else, who has not said that it may be passed on."),
    "other-content": lazy_gettext("The peer has this version already, with the content of another source."),
}
"""The rules of the gate in a releaser's words, by the names `feeds.release.gate` gives them."""


def blueprints(portal: Portal) -> tuple[Blueprint, ...]:
    """The pages under `/incidents/<ref>/release/<nation>`, `/held` and `/exchange`."""
    release_pages, held_pages = Blueprint("release", __name__), Blueprint("held", __name__)

    @release_pages.get("/incidents/<ref>/release/<nation>")
    def preview(ref: str, nation: str) -> str:
        return _draw(portal, ref, nation, None)

    @release_pages.post("/incidents/<ref>/release/<nation>")
    def confirm(ref: str, nation: str) -> str | Response | tuple[str, int]:
        who = viewer()
        with reading(portal.db) as c:
            peer, root = _asked(c, who, ref, nation)
        try:
            done = release.release(portal.db, who, peer, root.id, request.form.get("digest", ""), portal.clock())
        except Conflict as conflict:
            return _draw(portal, ref, nation, words.sentence(conflict)), 409
        acts.note(portal.db, "release", who.login, portal.clock(), peer=peer.name, id=root.id, objects=len(done.sent))
        _wait_for_the_border(portal.db, peer)
        name = words.nation_name(nation)
        said = ngettext(
            "Released to %(name)s: one object.", "Released to %(name)s: %(num)d objects.", len(done.sent), name=name
        )
        flash(said, "done")
        return redirect(url_for("incidents.show", ref=ref, part="holders"))

    @held_pages.get("/held")
    def show() -> str:
        who = viewer()
        access.demand(access.may_release(who), "Only a releaser of the national CERT sees what is held. Ask one.")
        before = request.args.get("before", "")
        with reading(portal.db) as c:
            found = store.all_held(c, PAGE + 1, int(before) if WHOLE.fullmatch(before) else None)
            drawn = _held_rows(c, who, found[:PAGE])
        older = url_for("held.show", before=found[PAGE - 1].number) if len(found) > PAGE else None
        return render_template("held.html", held=drawn, older=older, newer=url_for("held.show") if before else None)

    return release_pages, held_pages, health_pages.blueprint(portal)


def _wait_for_the_border(db: Engine, peer: Peer) -> None:
    """Give the border process a moment, so that the next page can say what has gone; it goes without us, too."""
    with reading(db) as c:
        goal = log.head(c, RECORD)
    for _ in range(LOOKS):
        with reading(db) as c:
            if log.cursor(c, f"release:{peer.name}") >= goal:
                return
        time.sleep(LOOK_S)


def choices(c: Connection) -> list[PeerChoice]:
    """The peers one may share with."""
    return [PeerChoice(peer.name, words.nation_name(peer.name)) for peer in store.all_peers(c)]


def release_to(c: Connection, who: Viewer) -> list[PeerChoice]:
    """The peers this viewer may release to."""
    return choices(c) if access.may_release(who) else []


def holders(c: Connection, _who: Viewer, entry: Entry) -> list[Panel]:
    """Who else has an incident: each peer it was sent to, or the one it came from."""
    lines = []
    for peer in store.all_peers(c):
        name = words.nation_name(peer.name)
        if entry.origin == peer.org:
            lines.append(PanelRow(peer.name, name, gettext("filed it; received here"), entry.date_added))
            continue
        gone = [e for e in current.newest(c, peer.outbound, [entry.id]) if e.line == entry.line]
        if gone:
            lines.append(_holder(c, peer, gone[0], entry))
    return [Panel(gettext("Who has it"), lines)] if lines else []


def _holder(c: Connection, peer: Peer, gone: Entry, entry: Entry) -> PanelRow:
    """What has become of a version that was sent: his receipt says, and until it comes he can read it."""
    name, older = words.nation_name(peer.name), gone.version != entry.version
    told = ledger.receipt_for(c, peer.name, ledger.GOT, gone.number)
    if told is None:
        state = gettext("can read an older version since") if older else gettext("can read it since")
        return PanelRow(peer.name, name, state, gone.date_added)
    at, excepted = told
    if excepted is not None and excepted.outcome == receipts.REFUSED:
        why = excepted.sentence or excepted.code
        return PanelRow(peer.name, name, gettext("refused it (%(why)s)", why=why), at)
    return PanelRow(peer.name, name, gettext("accepted an older version") if older else gettext("accepted it"), at)


def held_count(db: Engine) -> Callable[[Viewer], int]:
    """How much is held, for those who may see that list; 0 for everybody else."""

    def count(who: Viewer) -> int:
        if not access.may_release(who):
            return 0
        with reading(db) as c:
            numbers = [held.number for held in store.all_held(c, MOST_HELD)]
            return len(sight.visible(c, who, log.entries_numbered(c, RECORD, numbers)))

    return count


def _asked(c: Connection, who: Viewer, ref: str, nation: str) -> tuple[Peer, Entry]:
    root = sight.find(c, who, ref)
    peer = next((peer for peer in store.all_peers(c) if peer.name == nation), None)
    if peer is None:
        raise NotFound("peer", "There is no such peer.")
    return peer, root


def _draw(portal: Portal, ref: str, nation: str, error: str | None) -> str:
    who = viewer()
    with reading(portal.db) as c:
        peer, root = _asked(c, who, ref, nation)
        seen = release.preview(c, who, peer, root)
        context = _context(c, who, seen)
    return render_template("release.html", error=error, peer=PeerChoice(nation, words.nation_name(nation)), **context)


def _context(c: Connection, who: Viewer, seen: Preview) -> dict[str, Any]:
    sent = list(seen.sent)
    goes = next((entry for entry in sent if entry.id == seen.root.id), None)
    gone = [e for e in seen.there if e.id == seen.root.id]
    already = next((e.date_added for e in current.newest(c, seen.peer.outbound, [seen.root.id]) if gone), None)
    named = rows.system_names(c, who, [seen.root])
    return {
        "incident": rows.head(c, seen.root),
        "digest": seen.digest,
        "sent": _items(c, who, sent),
        "held": [
            {**item, "reason": str(REASONS[rule])}
            for item, (_, rule) in zip(_items(c, who, [entry for entry, _ in seen.held]), seen.held, strict=True)
        ],
        "there": len(seen.there),
        "seen": rows.head(c, goes) if goes else None,
        "seen_systems": [named[i].name for i in extension.systems(seen.root.obj()) if i in named] if goes else [],
        "offer_follow": False,
        "already": already,
    }


def _items(c: Connection, who: Viewer, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    names = titles.shown(c, who, entries)
    return [
        {"type": stix.type_of(entry.id), "name": names[entry.id], "handling": level, "id": entry.id}
        for entry, (level, _) in zip(entries, sight.handlings(c, entries), strict=True)
    ]


def _held_rows(c: Connection, who: Viewer, found: Sequence[store.Held]) -> list[dict[str, Any]]:
    entries = {e.number: e for e in log.entries_numbered(c, RECORD, [held.number for held in found])}
    shown = {entry.number for entry in sight.visible(c, who, list(entries.values()))}
    items = dict(zip(entries, _items(c, who, list(entries.values())), strict=True))
    return [
        {
            **items[held.number],
            "peer": PeerChoice(held.peer, words.nation_name(held.peer)),
            "reason": str(REASONS[held.rule]),
            "since": held.since,
            "incident_url": rows.object_url(entries[held.number]),
            "incident_number": extension.number(entries[held.number].obj()) or held.peer.upper(),
        }
        for held in found
        if held.number in shown
    ]
