"""The page that says how the exchange goes, and what waits in quarantine."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
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
from feeds import admit, errands, health, ledger, receipts, store
from feeds.errands import AGAIN, TEST
from feeds.health import BROKEN, FLOWS, FROZEN, PAUSED, WAITS, Direction, PeerHealth
from feeds.ledger import IN, OUT
from feeds.store import Errand, Peer

WHOLE = re.compile("[0-9]{1,18}")
SHOWN = 100  # entries in quarantine, the newest
STOPPED = "stopped"
"""Nobody works on a direction: to people that is a state of its own, whatever the tables say."""
STATES = {
    FLOWS: lazy_gettext("flows"),
    WAITS: lazy_gettext("late"),
    BROKEN: lazy_gettext("interrupted"),
    FROZEN: lazy_gettext("frozen"),
    PAUSED: lazy_gettext("paused"),
    STOPPED: lazy_gettext("stopped"),
}
LATE = {
    OUT: lazy_gettext(
        "They have not acknowledged it for longer than usual. Press “Test now”; if that is well, ask their operators "
        "whether their node runs."
    ),
    IN: lazy_gettext(
        "What they gave has waited for longer than usual. If it goes on, an operator runs `puente check`."
    ),
}
REMEDIES = {
    BROKEN: lazy_gettext("It is tried again by itself. Nothing is lost meanwhile."),
    FROZEN: lazy_gettext(
        "What came contradicts what was sealed before. Talk to the peer's officers by telephone, not by this channel. "
        "The evidence is kept; then an operator lets it go on with `puente peer resume`."
    ),
    PAUSED: lazy_gettext("Somebody let it rest. Nothing is lost: press “Let it go on”, and it goes on where it was."),
    STOPPED: lazy_gettext(
        "Nobody works on it. An operator starts `puente border`; if it runs, it was started without this peer in its "
        "settings. Nothing is lost meanwhile."
    ),
}
DOTS = {FLOWS: "live", WAITS: "late", PAUSED: "late", BROKEN: "down", FROZEN: "down", STOPPED: "down"}
CERTIFICATE_SOON: Micros = 14 * 24 * 3_600_000_000
LOOKS, LOOK_S = 20, 0.05  # a moment, in which the border process may answer


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed as the entry to begin at, for which peer, and why that is none."""

    nation: str
    first: str
    error: str


def blueprint(portal: Portal) -> Blueprint:
    """The pages under `/exchange`."""
    pages = Blueprint("exchange", __name__)

    @pages.get("/exchange")
    def show() -> str:
        _demand_officer()
        return _draw(portal)

    @pages.post("/exchange/<nation>/test")
    def test(nation: str) -> Response:
        return _ask(portal, _demand_officer(), nation, TEST)

    @pages.post("/exchange/<nation>/pull-again")
    def pull_again(nation: str) -> Response | tuple[str, int]:
        who, said = _demand_officer(), request.form.get("first", "").strip()
        try:
            return _ask(portal, who, nation, AGAIN, int(said) if WHOLE.fullmatch(said) else None)
        except NotFound:
            raise
        except Refused as refusal:
            return _draw(portal, Typed(nation, said, words.sentence(refusal))), 422

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

    _install_quarantine(pages, portal)
    return pages


def _install_quarantine(pages: Blueprint, portal: Portal) -> None:
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
            flash(gettext("It still cannot be taken: %(why)s", why=words.sentence(refusal)), "problem")
        return redirect(url_for("exchange.show"))


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


def _draw(portal: Portal, typed: Typed | None = None) -> str:
    now = portal.clock()
    with reading(portal.db) as c:
        found = health.look(c, now)
        waiting = [aside.all_aside(c, SHOWN, receipts.follower_name(one.peer)) for one in found]
    drawn = []
    for one, those in zip(found, waiting, strict=True):
        ways = [_way(way, now, health.is_worked_on(portal.db, one.peer, way.way)) for way in (one.out, one.into)]
        drawn.append({**_drawn(one, now), "ways": ways, "waiting": those})
    return render_template("exchange.html", exchanges=drawn, typed=typed, may_release=access.may_release(viewer()))


def _ask(portal: Portal, who: Viewer, nation: str, kind: str, first: int | None = None) -> Response:
    """Ask the border process for an errand, and say what came of it, or that it is still to come."""
    with writing(portal.db) as c:
        peer = _peer(c, nation)
        errand = errands.ask(c, peer, kind, who.login, portal.clock(), first)
    done = _answered(portal.db, errand) if health.is_worked_on(portal.db, peer, IN) else None
    if done is None:
        flash(gettext("The border process has been asked. What it answers will stand on this page."), "info")
    else:
        flash(words.sentence(done.answer), "done" if done.ok else "problem")
    return redirect(url_for("exchange.show"))


def _answered(db: Engine, errand: Errand) -> Errand | None:
    """The errand as soon as it is done, if that takes but a moment."""
    for _ in range(LOOKS):
        with reading(db) as c:
            newest = next(one for one in store.all_errands(c, errand.peer) if one.kind == errand.kind)
        if newest.done is not None:
            return newest
        time.sleep(LOOK_S)
    return None


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


def _drawn(one: PeerHealth, now: Micros) -> dict[str, Any]:
    contact = one.contact
    until = contact.certificate_until if contact else None
    return {
        "nation": one.peer.name,
        "name": words.nation_name(one.peer.name),
        "sealed": one.peer.seals,
        "skew_s": round(contact.skew_ms / 1000) if contact and contact.skew_ms is not None else None,
        "certificate_until": until,
        "certificate_soon": until is not None and until < now + CERTIFICATE_SOON,
        "held": one.held,
        "mirrored": one.into.total,
        "quarantine": one.quarantine,
        "test": one.errands.get(TEST),
        "again": one.errands.get(AGAIN),
    }


def _way(way: Direction, now: Micros, worked_on: bool) -> dict[str, Any]:
    state = way.state if worked_on or way.state in {PAUSED, FROZEN} else STOPPED
    trouble, since = (way.evidence.why, way.evidence.at) if way.evidence else (way.trouble, way.trouble_since)
    return {
        "way": way.way,
        "state": state,
        "state_name": STATES[state],
        "dot": DOTS[state],
        "remedy": LATE[way.way] if state == WAITS else REMEDIES.get(state),
        "waiting": way.waiting,
        "lag": _for_how_long(way.lag),
        "total": way.total,
        "last": way.last,
        "refused": way.refused,
        "trouble": None if state == STOPPED else trouble,
        "since": None if state == STOPPED else since,
        "next_try": way.next_try if state == BROKEN else None,
        "next_in": _for_how_long(way.next_try - now) if way.next_try is not None and way.next_try > now else None,
        "pause": way.pause,
    }


def _for_how_long(lag: Micros) -> str:
    seconds = lag // 1_000_000
    if seconds < 120:
        return str(ngettext("%(num)d second", "%(num)d seconds", seconds))
    if seconds < 7200:
        return str(ngettext("%(num)d minute", "%(num)d minutes", seconds // 60))
    return str(ngettext("%(num)d hour", "%(num)d hours", seconds // 3600))
