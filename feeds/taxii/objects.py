"""The objects of a collection, and one object with its versions (TAXII 2.1 sections 5.4 and 5.6).

A page is stored bytes joined: nothing is parsed or written anew, so what is served is exactly what was stored (TX-85).
"""

from functools import partial

import orjson
from flask import Flask, Response, request

from cert.errors import NotFound
from cert.store import pages
from cert.store.engine import Connection, reading
from cert.store.pages import ObjectsPage
from cert.store.signin import Collection
from feeds.taxii import border
from feeds.taxii.answers import SENTENCES, answer
from feeds.taxii.collections import COLLECTION, readable
from feeds.taxii.paging import date_headers, next_token, span
from feeds.taxii.query import Query, narrowed, read_query
from feeds.taxii.service import Service


def install(app: Flask, service: Service) -> None:
    """Serve both reads."""
    app.add_url_rule(f"{COLLECTION}objects/", "objects", partial(_objects, service))
    app.add_url_rule(f"{COLLECTION}objects/<object_id>/", "object", partial(_object, service))


def _objects(service: Service, root: str, collection: str) -> Response:
    query = read_query(request.query_string)
    with reading(service.db) as c:
        found = readable(c, root, collection)
        page = pages.objects(c, found.log, query.wanted, span(c, service, found.log, query))
        return _envelope(c, service, found, query, page)


def _object(service: Service, root: str, collection: str, object_id: str) -> Response:
    query = narrowed(read_query(request.query_string), object_id)
    with reading(service.db) as c:
        found = readable(c, root, collection)
        page = pages.objects(c, found.log, query.wanted, span(c, service, found.log, query))
        if not page.bodies and not pages.holds(c, found.log, object_id):
            raise NotFound("object", SENTENCES[404])
        return _envelope(c, service, found, query, page)


def _envelope(c: Connection, service: Service, collection: Collection, query: Query, page: ObjectsPage) -> Response:
    if border.is_border(collection.log):
        page = border.closed(c, collection.log, page)
    parts, headers = [], date_headers(page.added)
    if page.more:
        parts.append(b'"more":true,"next":' + orjson.dumps(next_token(service, query, page.position)))
    if page.bodies:
        parts.append(b'"objects":[' + b",".join(page.bodies) + b"]")
    if border.is_border(collection.log):
        headers |= border.headers(c, collection.log, page.numbers)
        if page.bodies:
            parts.append(b'"x_puente_entries":' + border.marks(c, collection.log, page.numbers))
    return answer(b"{" + b",".join(parts) + b"}", headers=headers)
