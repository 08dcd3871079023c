"""The TAXII 2.1 server as a Flask app: what is asked first of every request, and its resources."""

from collections.abc import Callable

from flask import Flask, request
from werkzeug.exceptions import NotFound
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
) -> Flask:
    """The TAXII 2.1 server over this database; nothing is read yet.

    `secret_key` signs the `next` tokens: all processes of a node share it, and it outlives restarts (TX-72).
    Raises `Missing` if it is shorter than 32 bytes.
    """
    if len(secret_key) < SHORTEST_KEY:
        raise Missing("secret-key", f"The TAXII server's secret key has at least {SHORTEST_KEY} bytes. Make a new one.")
    service = Service(db, title, max_content_length, page_limit, page_bytes, secret_key, clock)
    app = Flask("feeds.taxii", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # an unsupported method is 405 with Allow, OPTIONS too (TX-14)
    answers.install(app)
    signin.install(app, service)
    app.before_request(_refuse_redirect)
    app.before_request(negotiation.demand_accept)
    for resource in (discovery, collections, objects, posting, deleting, versions, manifest, status):
        resource.install(app, service)
    return app


def _refuse_redirect() -> None:
    """A path without its trailing slash is unknown: a redirect would be HTML, and turn a POST into a GET (TX-12)."""
    if isinstance(request.routing_exception, RequestRedirect):
        raise NotFound
