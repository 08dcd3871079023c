"""Which language, theme and time zone a page is drawn in.

`?lang=en` or `?theme=dark` on any address is remembered in a cookie and answered with a redirect to the same address
without it. So the switches are plain links that keep the page one is on, and an address can be sent with its language.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask, current_app, redirect, request
from flask_babel import Babel
from werkzeug.wrappers import Response

LOCALES = {"es": "es_MX", "en": "en_US"}
THEMES = ("auto", "light", "dark")
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Choice:
    """A thing the reader chooses by `?name=value` and a cookie remembers."""

    name: str
    allowed: tuple[str, ...]

    def cookie(self) -> str:
        """The cookie that remembers it: named after the session's, since two nodes on one host share their cookies."""
        return f"{current_app.config['SESSION_COOKIE_NAME']}-{self.name}"

    def chosen(self) -> str | None:
        """The remembered value, or None when the reader has never chosen or the cookie says nonsense."""
        value = request.cookies.get(self.cookie())
        return value if value in self.allowed else None


LANGUAGE = Choice("lang", tuple(LOCALES))
THEME = Choice("theme", THEMES)


def install(app: Flask, *, default: str, of_person: Callable[[], str | None], zone: str) -> None:
    """Draw pages in the reader's language: the cookie first, then the person's own, then the node's `default`.

    `zone` is the node's time zone (an IANA name); `of_person` answers "es", "en" or None for whoever is signed in.
    """

    def language() -> str:
        return LANGUAGE.chosen() or of_person() or default

    def context() -> dict[str, Any]:
        return {"language": language(), "languages": tuple(LOCALES), "theme": THEME.chosen() or "auto", "here": here}

    Babel(app, locale_selector=lambda: LOCALES.get(language(), LOCALES[default]), timezone_selector=lambda: zone)
    app.before_request(_remember)
    app.context_processor(context)


def here(**changes: str | None) -> str:
    """The address of this page with some parts of its query changed; None takes a part away."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in changes]
    query = urlencode(kept + [(name, value) for name, value in changes.items() if value is not None])
    # Leading slashes are folded, or a path like //elsewhere.example would lead to another host.
    path = "/" + (request.script_root + request.path).lstrip("/")
    return f"{path}?{query}" if query else path


def _remember() -> Response | None:
    asked = [(choice, request.args.get(choice.name)) for choice in (LANGUAGE, THEME)]
    wanted = [(choice, value) for choice, value in asked if value in choice.allowed]
    if request.method != "GET" or not wanted:
        return None
    answer = redirect(here(lang=None, theme=None), 303)
    for choice, value in wanted:
        answer.set_cookie(
            choice.cookie(),
            str(value),
            max_age=YEAR_S,
            secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
            httponly=True,
            samesite="Lax",
        )
    return answer
