"""Discovery and the API roots: where a client starts (TAXII 2.1 sections 4.1 and 4.2).

Discovery names the roots in which the account has a collection, and no others (TX-35).
"""

from functools import partial
from typing import Any

from flask import Flask, Response

from cert.store import roots, signin
from cert.store.engine import reading
from feeds.taxii.answers import answer
from feeds.taxii.collections import of_account, of_root
from feeds.taxii.negotiation import MEDIA_TYPE
from feeds.taxii.service import ROOT, Service


def install(app: Flask, service: Service) -> None:
    """Serve both resources."""
    app.add_url_rule("/taxii2/", "discovery", partial(_discovery, service))
    app.add_url_rule(ROOT, "root", partial(_root, service))


def _discovery(service: Service) -> Response:
    with reading(service.db) as c:
        names = {collection.root for collection in of_account(c)}
    found = [f"/{name}/" for name in sorted(names, key=lambda name: (name != signin.ROOT, name))]
    resource: dict[str, Any] = {"title": service.title}
    return answer(resource | ({"default": found[0], "api_roots": found} if found else {}))


def _root(service: Service, root: str) -> Response:
    with reading(service.db) as c:
        of_root(c, root)
        title = roots.title_of(c, root) or service.title
    return answer({"title": title, "versions": [MEDIA_TYPE], "max_content_length": service.max_content_length})
