"""Signing in and out."""

from flask import Blueprint, Flask, g, redirect, render_template, request, session, url_for
from flask_babel import gettext
from flask_login import LoginManager, UserMixin, login_user, logout_user
from werkzeug.wrappers import Response

from cert import acts
from cert.access import Viewer
from cert.portal.portal import Portal, reader
from cert.store import people, signin
from cert.store.engine import reading, writing

LONGEST_PASSWORD = 1_000  # characters that are looked at
PUBLIC = frozenset({"people.sign_in", "people.sign_in_now", "static"})


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """A session as Flask-Login knows it: its id is the session's token, never the person's number."""

    def __init__(self, token: str, viewer: Viewer) -> None:
        self.token = token
        self.viewer = viewer

    def get_id(self) -> str:
        return self.token


def install(app: Flask, portal: Portal) -> None:
    """Let Flask-Login find sessions in the database, and send visitors to the sign-in page."""
    manager = LoginManager(app)
    manager.session_protection = None  # a token in the database, revocable; addresses change on a telephone

    @manager.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def load(token: str) -> SignedIn | None:
        return _signed_in(portal, token)

    @app.before_request
    def demand_sign_in() -> Response | None:
        if request.endpoint in PUBLIC or request.endpoint is None or reader() is not None:
            return None
        if request.method not in {"GET", "HEAD"}:
            return Response(_signed_out(), 401, mimetype="text/html")
        return redirect(url_for("people.sign_in", next=request.full_path.rstrip("?")))


def blueprint(portal: Portal) -> Blueprint:
    """The pages `/sign-in` and `/sign-out`."""
    pages = Blueprint("people", __name__)

    @pages.get("/sign-in")
    def sign_in() -> str | Response:
        if reader() is not None:
            return redirect(url_for("home.show"))
        return render_template("signin.html", login="", error=None, next=request.args.get("next", ""))

    @pages.post("/sign-in")
    def sign_in_now() -> str | Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
        login, password = request.form.get("login", ""), request.form.get("password", "")
        asked = request.form.get("next", "")
        wait_s, token = _try(portal, login, password, request.remote_addr or "")
        if token is None:
            error = gettext("That user and password do not fit. Check both; capitals matter in the password.")
            if wait_s:
                error = gettext(
                    "Too many wrong passwords. Wait %(minutes)d minutes, then try again.", minutes=-(-wait_s // 60)
                )
            page = render_template("signin.html", login=login, error=error, next=asked)
            return (page, 429, {"Retry-After": str(wait_s)}) if wait_s else (page, 401)
        session.clear()  # nothing of a visitor's session lives on in a person's (S7)
        found = _signed_in(portal, token)
        login_user(found)
        return redirect(asked if _is_ours(asked) else url_for("home.show"))

    @pages.post("/sign-out")
    def sign_out() -> Response:
        who = reader()
        token = session.get("_user_id", "")
        with writing(portal.db) as c:
            signin.end_session(c, token)
            acts.add(c, "sign-out", acts.by(who), portal.clock())
        logout_user()
        session.clear()
        return redirect(url_for("people.sign_in"))

    return pages


def _signed_in(portal: Portal, token: str) -> SignedIn | None:
    now = portal.clock()
    with reading(portal.db) as c:
        found = signin.session_person(c, token, now)
        viewer = people.viewer(c, found[0]) if found else None
    if found and viewer and found[1]:
        with writing(portal.db) as c:
            signin.touch_session(c, token, now)
    return SignedIn(token, viewer) if viewer else None


def _signed_out() -> str:
    return render_template("error.html", status=401, sentence=None, request_id=g.request_id)


def _try(portal: Portal, login: str, password: str, address: str) -> tuple[int, str | None]:
    """The token of a new session, or None and how many seconds to wait; guessing is slowed by name and by address."""
    now = portal.clock()
    who = [f"login:{people.canonical_login(login)[:100]}@{address}", f"from:{address}"]
    with reading(portal.db) as c:
        wait_us = signin.wait_us(c, who, now)
        if wait_us:
            return -(-wait_us // 1_000_000), None  # and nothing is written: a visitor shall not fill the trail
        person = people.verify(c, login, password[:LONGEST_PASSWORD])
    with writing(portal.db) as c:
        if person is None:
            signin.count_failure(c, who, now)
            acts.add(c, "sign-in-refused", people.canonical_login(login)[:100], now, address=address)
            return 0, None
        signin.forget_failures(c, who[:1])
        acts.add(c, "sign-in", people.canonical_login(login), now, address=address)
        return 0, signin.open_session(c, person, now)


def _is_ours(address: str) -> bool:
    """Whether an address is a path on this server (N7).

    Browsers read `//host` as another server, take a backslash for a slash, and take tabs and line ends out.
    """
    return address[:1] == "/" and address[1:2] != "/" and "\\" not in address and address.isprintable()
