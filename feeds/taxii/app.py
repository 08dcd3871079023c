"""The TAXII 2.1 server as a Flask app: what is asked first of every request, and its resources."""

from collections.abc import Callable

from flask import Flask, request
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import RequestRedirect

from cert.errors import Missing
from cert.stix import Micros
from cert.store.engine import Engine
from feeds.taxii import (
    answers,
    collections,
    deleting,
    discovery,
    manifest,
    negotiation,
    objects,
    posting,
    signin,
    status,
    versions,
)
from feeds.taxii.service import Service

SHORTEST_KEY = 32


def taxii_app(
    db: Engine,
    *,
    title: str,
    secret_key: bytes,
    clock: Callable[[], Micros],
    max_content_length: int = 16 << 20,
    page_limit: int = 1_000,
    page_bytes: int = 8 << 20,
    proxies: int = 0,
) -> Flask:
    """The TAXII 2.1 server over this database; nothing is read yet.

    `secret_key` signs the `next` tokens: all processes of a node share it, and it outlives restarts (TX-72). `proxies`
    is how many stand in front, whose word on the client's address is taken.
    Raises `Missing` if it is shorter than 32 bytes.
    """
    if len(secret_key) < SHORTEST_KEY:
        raise Missing("secret-key", f"The TAXII server's secret key has at least {SHORTEST_KEY} bytes. Make a new one.")
    service = Service(db, title, max_content_length, page_limit, page_bytes, secret_key, clock)
    app = Flask("feeds.taxii", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # an unsupported method is 405 with Allow, OPTIONS too (TX-14)
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    answers.install(app)
    signin.install(app, service)
    app.before_request(_refuse_redirect)
    app.before_request(negotiation.demand_accept)
    for resource in (discovery, collections, objects, posting, deleting, versions, manifest, status):
        resource.install(app, service)
    return app


def _refuse_redirect() -> None:
    """A path without its trailing slash is unknown: a redirect would be HTML, and turn a POST into a GET (TX-12).

    So is one with a NUL, which no database takes in a text.
    """
    if isinstance(request.routing_exception, RequestRedirect) or "\0" in request.path:
        raise NotFound
