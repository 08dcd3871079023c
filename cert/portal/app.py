"""The portal of one nation, put together: one factory, no globals."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, g, render_template, request
from flask_babel import lazy_gettext
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from cert import acts
from cert.errors import Conflict, Missing, NotAllowed, NotFound, Refused
from cert.portal import filing, finding, formats, frame, headers, incidents, languages, people, shared, words
from cert.portal.frame import Entry, Frame, PeerState
from cert.portal.portal import Portal, reader
from cert.store.engine import OperationalError

STATUS = ((NotFound, 404), (NotAllowed, 403), (Conflict, 409), (Missing, 503), (Refused, 422))
"""The one table from what went wrong to the answer of this edge."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is the same on every page. `entries` and `blueprints` are what other packages add."""

    build: str
    training: bool
    language: str
    theirs: tuple[str, ...]
    entries: tuple[Entry, ...]
    blueprints: tuple[Blueprint, ...]
    peers: Callable[[], Sequence[PeerState]]


def portal_app(
    portal: Portal, look: Look, *, secret_key: bytes, cookie_secure: bool, longest: int, proxies: int
) -> Flask:
    """The portal as a WSGI app. `longest` is the largest body in bytes, `proxies` how many stand in front."""
    app = Flask("cert.portal")
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_NAME=f"puente-{portal.nation}",
        SESSION_COOKIE_SECURE=cookie_secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form may be written for hours
        MAX_CONTENT_LENGTH=longest,
        MAX_FORM_MEMORY_SIZE=longest,
    )
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]
    app.before_request(_number_request)
    headers.install(app)
    CSRFProtect(app)
    people.install(app, portal)
    languages.install(app, default=look.language, of_person=_language, zone=portal.zone)
    formats.install(app, theirs=look.theirs)
    frame.install(app, _frame(portal, look), peers=look.peers)
    for pages in (*_pages(portal), *look.blueprints):
        app.register_blueprint(pages)
    _install_errors(app, portal)
    return app


def _pages(portal: Portal) -> list[Blueprint]:
    home, search, systems = Blueprint("home", __name__), Blueprint("search", __name__), Blueprint("systems", __name__)
    finding.install(home, search, portal)
    shared.install(systems, portal)
    case = incidents.blueprint(portal)
    filing.install(case, portal)
    return [home, search, systems, case, people.blueprint(portal)]


def _frame(portal: Portal, look: Look) -> Frame:
    entries = (
        Entry("home.show", lazy_gettext("Incidents"), "list"),
        Entry("search.show", lazy_gettext("Search"), "search"),
        Entry("systems.show", lazy_gettext("Shared systems"), "systems"),
        *look.entries,
    )
    return Frame(nation=portal.nation, training=look.training, build=look.build, entries=entries)


def _language() -> str | None:
    who = reader()
    return who.language if who else None


def _number_request() -> None:
    g.request_id = uuid.uuid4().hex[:12]


def _install_errors(app: Flask, portal: Portal) -> None:
    def refused(fault: Refused) -> tuple[str, int]:
        if isinstance(fault, NotAllowed):
            acts.note(portal.db, "refused", acts.by(reader()), portal.clock(), path=request.path, code=fault.code)
        status = next(status for kind, status in STATUS if isinstance(fault, kind))
        return _page(status, words.sentence(fault))

    def csrf(_fault: CSRFError) -> tuple[str, int]:
        return _page(400, None)

    def http(fault: HTTPException) -> tuple[str, int] | Response:
        if fault.code is None or fault.code < 400:
            return Response(fault.get_response().get_data(), fault.code or 500)
        return _page(fault.code, None)

    def busy(fault: OperationalError) -> tuple[str, int]:
        app.logger.warning("request %s: the database is not there: %s", g.request_id, fault.orig)
        return _page(503, None)

    def unexpected(fault: Exception) -> tuple[str, int]:
        app.logger.error("request %s %s failed", g.request_id, request.path, exc_info=fault)
        return _page(500, None)

    app.register_error_handler(Refused, refused)
    app.register_error_handler(CSRFError, csrf)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(OperationalError, busy)
    app.register_error_handler(Exception, unexpected)


def _page(status: int, sentence: str | None) -> tuple[str, int]:
    number = g.get("request_id", "")
    return render_template("error.html", status=status, sentence=sentence, request_id=number, retry_s=None), status
