"""The manifest: what a page of objects would hold, without the objects (TAXII 2.1 section 5.3)."""

from functools import partial
from typing import Any

from flask import Flask, Response, request

from cert.stix import Micros, format_timestamp
from cert.store import pages
from cert.store.engine import reading
from feeds.taxii.answers import answer
from feeds.taxii.collections import COLLECTION, readable
from feeds.taxii.negotiation import STIX_MEDIA_TYPE
from feeds.taxii.paging import date_headers, next_token, span
from feeds.taxii.query import read_query
from feeds.taxii.service import Service


def install(app: Flask, service: Service) -> None:
    """Serve the manifest."""
    app.add_url_rule(f"{COLLECTION}manifest/", "manifest", partial(_manifest, service))


def _manifest(service: Service, root: str, collection: str) -> Response:
    query = read_query(request.query_string)
    with reading(service.db) as c:
        found = readable(c, root, collection)
        page = pages.manifest(c, found.log, query.wanted, span(c, service, found.log, query))
    resource: dict[str, Any] = {}
    if page.more:  # the standard defines no `next` here, but a client must be able to go on (TX-70)
        resource = {"more": True, "next": next_token(service, query, page.position)}
    if page.ids:
        resource["objects"] = list(map(_record, page.ids, page.added, page.versions))
    return answer(resource, headers=date_headers(page.added))


def _record(stix_id: str, added: Micros, version: Micros | None) -> dict[str, str]:
    return {
        "id": stix_id,
        "date_added": format_timestamp(added, 6),
        "version": version_text(version, added),
        "media_type": STIX_MEDIA_TYPE,
    }


def version_text(version: Micros | None, added: Micros) -> str:
    """A version as TAXII names it; the date added for an object that has none (TX-63)."""
    if version is None:
        return format_timestamp(added, 6)
    return format_timestamp(version, 6 if version % 1_000 else 3)
