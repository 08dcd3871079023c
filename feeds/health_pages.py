"""The page that says how the exchange goes, and what waits in quarantine."""

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext, lazy_gettext, ngettext
from werkzeug.wrappers import Response

from cert import access, acts
from cert.access import Viewer
from cert.errors import NotFound, Refused
from cert.portal import words
from cert.portal.frame import PeerState
from cert.portal.portal import Portal, viewer
from cert.stix import Micros
from cert.store import aside, log
from cert.store.engine import Connection, Engine, reading, writing
from feeds import admit, health, ledger, receipts, store
from feeds.health import BROKEN, FLOWS, FROZEN, PAUSED, WAITS, Direction, PeerHealth
from feeds.ledger import IN, OUT
from feeds.store import Peer

WHOLE = re.compile("[0-9]{1,18}")
SHOWN = 100  # entries in quarantine, the newest
STATES = {
    FLOWS: lazy_gettext("flows"),
    WAITS: lazy_gettext("late"),
    BROKEN: lazy_gettext("interrupted"),
    FROZEN: lazy_gettext("frozen"),
    PAUSED: lazy_gettext("paused"),
}
REMEDIES = {
    WAITS: lazy_gettext("Something waits for longer than usual. If it goes on, see whether `puente border` runs."),
    BROKEN: lazy_gettext("It is tried again by itself, every half minute at most. Nothing is lost meanwhile."),
    FROZEN: lazy_gettext(
        "What came contradicts what was sealed before. Talk to the peer's officers by telephone, not by this channel. "
        "The evidence is kept; then an operator lets it go on with `puente peer resume`."
    ),
    PAUSED: lazy_gettext("Somebody let it rest. Nothing is lost; it goes on where it was."),
}
DOTS = {FLOWS: "live", WAITS: "late", PAUSED: "late", BROKEN: "down", FROZEN: "down"}


def blueprint(portal: Portal) -> Blueprint:
    """The pages under `/exchange`."""
    pages = Blueprint("exchange", __name__)

    @pages.get("/exchange")
    def show() -> str:
        _demand_officer()
        with reading(portal.db) as c:
            drawn = [_drawn(c, one, portal.clock()) for one in health.look(c, portal.clock())]
        return render_template("exchange.html", exchanges=drawn)

    @pages.post("/exchange/<nation>/<way>")
    def change(nation: str, way: str) -> Response:
        who = _demand_officer()
        with writing(portal.db) as c:
            name, now = _peer(c, nation, way).name, portal.clock()
            rests = ledger.paused(c, name, way) is not None
            if rests:
                ledger.unpause(c, name, way)
            else:
                ledger.pause(c, name, way, who.login, now)
            acts.add(c, "peer-resume" if rests else "peer-pause", who.login, now, peer=name, directions=[way])
        flash(gettext("It goes on.") if rests else gettext("It rests now. Nothing is lost meanwhile."), "done")
        return redirect(url_for("exchange.show"))

    @pages.get("/exchange/<nation>/quarantine/<number>")
    def quarantined(nation: str, number: str) -> str:
        who = _demand_officer()
        with reading(portal.db) as c:
            peer, at = _peer(c, nation), _number(number)
            found = aside.between(c, receipts.follower_name(peer), peer.inbound, at, at)
            if not found:
                raise NotFound("aside", "There is nothing here under that address, or it is not for you.")
            (entry,) = log.entries_numbered(c, peer.inbound, [at])
        acts.note(portal.db, "read-quarantine", who.login, portal.clock(), peer=peer.name, number=at)
        text = entry.body.decode("utf-8")
        return render_template(
            "quarantined.html", one=found[0], text=text, nation=nation, name=words.nation_name(nation)
        )

    @pages.post("/exchange/<nation>/quarantine/<number>")
    def retry(nation: str, number: str) -> Response:
        who, at = _demand_officer(), _number(number)
        try:
            with writing(portal.db) as c:
                admit.retry(c, _peer(c, nation), at, portal.clock())
                acts.add(c, "quarantine-retry", who.login, portal.clock(), peer=nation, number=at)
            flash(gettext("Entry %(number)d is accepted, and the peer is told.", number=at), "done")
        except Refused as refusal:
            flash(gettext("It still cannot be taken: %(why)s", why=words.sentence(refusal)), "error")
        return redirect(url_for("exchange.show"))

    return pages


def peer_states(db: Engine, clock: Callable[[], Micros]) -> Callable[[], list[PeerState]]:
    """How the exchange with each peer is, in one sentence each, for the frame of every page."""

    def states() -> list[PeerState]:
        with reading(db) as c:
            return [_sentence(one) for one in health.look(c, clock())]

    return states


def _sentence(one: PeerHealth) -> PeerState:
    name = words.nation_name(one.peer.name)
    url = url_for("exchange.show") if access.may_run_exchange(viewer()) else None
    worst = max((one.out.state, one.into.state), key=(FLOWS, PAUSED, WAITS, BROKEN, FROZEN).index)
    sentences = {
        FLOWS: gettext("%(name)s: in step", name=name),
        WAITS: gettext("%(name)s: entries wait", name=name),
        PAUSED: gettext("%(name)s: paused", name=name),
        BROKEN: gettext("%(name)s: not reached just now", name=name),
        FROZEN: gettext("%(name)s: frozen, call them", name=name),
    }
    return PeerState(one.peer.name, name, DOTS[worst], sentences[worst], url)  # type: ignore[arg-type]  # one of three


def _demand_officer() -> Viewer:
    who = viewer()
    access.demand(
        access.may_run_exchange(who), "Only a duty officer or an administrator of the national CERT does this. Ask one."
    )
    return who


def _number(text: str) -> int:
    if not WHOLE.fullmatch(text):
        raise NotFound("aside", "There is nothing here under that address, or it is not for you.")
    return int(text)


def _peer(c: Connection, nation: str, way: str = IN) -> Peer:
    peer = next((peer for peer in store.all_peers(c) if peer.name == nation), None)
    if peer is None or way not in {IN, OUT}:
        raise NotFound("peer", "There is no such peer.")
    return peer


def _drawn(c: Connection, one: PeerHealth, now: Micros) -> dict[str, Any]:
    contact = one.contact
    return {
        "nation": one.peer.name,
        "name": words.nation_name(one.peer.name),
        "sealed": one.peer.seals,
        "contact": contact.at if contact else None,
        "skew_s": round(contact.skew_ms / 1000) if contact and contact.skew_ms is not None else None,
        "certificate_until": contact.certificate_until if contact else None,
        "held": one.held,
        "ways": [_way(one.out), _way(one.into)],
        "quarantine": one.quarantine,
        "waiting": aside.all_aside(c, SHOWN, receipts.follower_name(one.peer)),
    }


def _way(way: Direction) -> dict[str, Any]:
    return {
        "way": way.way,
        "state": way.state,
        "state_name": STATES[way.state],
        "dot": DOTS[way.state],
        "remedy": REMEDIES.get(way.state),
        "waiting": way.waiting,
        "lag": _for_how_long(way.lag),
        "total": way.total,
        "last": way.last,
        "refused": way.refused,
        "trouble": way.evidence.why if way.evidence else way.trouble,
        "since": way.evidence.at if way.evidence else way.trouble_since,
        "pause": way.pause,
    }


def _for_how_long(lag: Micros) -> str:
    seconds = lag // 1_000_000
    if seconds < 120:
        return str(ngettext("%(num)d second", "%(num)d seconds", seconds))
    if seconds < 7200:
        return str(ngettext("%(num)d minute", "%(num)d minutes", seconds // 60))
    return str(ngettext("%(num)d hour", "%(num)d hours", seconds // 3600))
