"""The versions of one object (TAXII 2.1 section 5.8)."""

from functools import partial
from typing import Any

from flask import Flask, Response, request

from cert.errors import NotFound
from cert.store import pages
from cert.store.engine import reading
from cert.store.pages import EVERY
from feeds.taxii.answers import SENTENCES, answer
from feeds.taxii.collections import COLLECTION, readable
from feeds.taxii.manifest import version_text
from feeds.taxii.paging import date_headers, next_token, span
from feeds.taxii.query import narrowed, read_query
from feeds.taxii.service import Service


def install(app: Flask, service: Service) -> None:
    """Serve the versions."""
    app.add_url_rule(f"{COLLECTION}objects/<object_id>/versions/", "versions", partial(_versions, service))


def _versions(service: Service, root: str, collection: str, object_id: str) -> Response:
    query = narrowed(read_query(request.query_string), object_id, EVERY)
    with reading(service.db) as c:
        found = readable(c, root, collection)
        page = pages.manifest(c, found.log, query.wanted, span(c, service, found.log, query))
        if not page.ids and not pages.holds(c, found.log, object_id):
            raise NotFound("object", SENTENCES[404])
    resource: dict[str, Any] = {}
    if page.more:  # as in the manifest, with a `next` that the standard does not define here (TX-70)
        resource = {"more": True, "next": next_token(service, query, page.position)}
    if page.versions:
        resource["versions"] = list(map(version_text, page.versions, page.added))
    return answer(resource, headers=date_headers(page.added))
