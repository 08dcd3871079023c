"""Deleting an object from a workbench (TAXII 2.1 section 5.7).

Nothing else can be deleted from: what was released stays released, and what intake carried to the record stays there.
No peer learns of it either, since TAXII has no means: to take something back, send it again as revoked (TX-115).
"""

from functools import partial

from flask import Flask, Response, request

from cert import acts
from cert.errors import NotFound
from cert.stix import format_timestamp
from cert.store.deleting import delete_versions
from cert.store.engine import reading, writing
from feeds.taxii.answers import SENTENCES, answer
from feeds.taxii.collections import COLLECTION, deletable
from feeds.taxii.query import read_deletion
from feeds.taxii.service import Service
from feeds.taxii.signin import account


def install(app: Flask, service: Service) -> None:
    """Serve the DELETE."""
    app.add_url_rule(f"{COLLECTION}objects/<object_id>/", "delete", partial(_delete, service), methods=["DELETE"])


def _delete(service: Service, root: str, collection: str, object_id: str) -> Response:
    with reading(service.db) as c:
        found = deletable(c, root, collection)
    wanted = read_deletion(request.query_string, object_id)
    with writing(service.db) as c:
        gone = delete_versions(c, found.log, wanted)
        if not gone:
            raise NotFound("object", SENTENCES[404])
        versions = [format_timestamp(version, 6) for version in gone]
        about = {"collection": found.alias, "id": object_id, "versions": versions}
        acts.add(c, "taxii-delete", account().name, service.clock(), **about)
    return answer({})
