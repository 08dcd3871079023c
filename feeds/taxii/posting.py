"""Adding objects to a workbench (TAXII 2.1 section 5.5): a POST is answered when everything in it is durable.

A POST can be sent again at any time: what is already held counts as a success (TX-92).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge, UnprocessableEntity

from cert import acts, stix
from cert.intake import Outcome, deposit, workbench
from cert.stix import Micros
from cert.store import quota
from cert.store.engine import Connection, reading, writing
from cert.store.signin import Collection
from feeds.taxii import status
from feeds.taxii.answers import answer
from feeds.taxii.collections import COLLECTION, writable
from feeds.taxii.negotiation import demand_content_type
from feeds.taxii.service import Service
from feeds.taxii.signin import account

CHUNK_BYTES = 1 << 16
NAMED = 20  # the most conflicts that the trail names


def install(app: Flask, service: Service) -> None:
    """Serve the POST."""
    app.add_url_rule(f"{COLLECTION}objects/", "post", partial(_post, service), methods=["POST"])


def _post(service: Service, root: str, collection: str) -> Response:
    with reading(service.db) as c:
        found = writable(c, root, collection)
        bench = workbench(c, found.log)
    demand_content_type()
    body = _body(service.max_content_length)
    objects = _objects(stix.parse_json(body))
    asked = service.clock()
    if bench.limited:
        with writing(service.db) as c:
            quota.take(c, found.log, len(objects), len(body), asked)
    outcomes = [outcome for batch in deposit(service.db, bench, objects, service.clock) for outcome in batch]
    written = status.written(outcomes, asked)
    with writing(service.db) as c:
        status.keep(c, root, written, asked)
        _note_conflicts(c, found, outcomes, asked)
    return answer(written.body, 202)


def _note_conflicts(c: Connection, bench: Collection, outcomes: Sequence[Outcome], now: Micros) -> None:
    """One act a POST, however many conflicts: public feeds have thousands (TX-93)."""
    ids = [outcome.id for outcome in outcomes if outcome.outcome == "conflict"]
    if ids:
        names = list(dict.fromkeys(ids))[:NAMED]
        acts.add(c, "taxii-conflict", account().name, now, collection=bench.alias, count=len(ids), ids=names)


def _body(most: int) -> bytes:
    """The whole body. Stops reading as soon as it is larger than `most` bytes, chunked or not (TX-97)."""
    refusal = RequestEntityTooLarge(f"A body has at most {most} bytes. Send fewer objects at a time.")
    if (request.content_length or 0) > most:
        raise refusal
    read, parts = 0, []
    while part := request.stream.read(CHUNK_BYTES):
        read += len(part)
        if read > most:
            raise refusal
        parts.append(part)
    return b"".join(parts)


def _objects(envelope: Any) -> list[Any]:
    """The objects of an envelope; other properties of it are ignored (TX-120)."""
    if not isinstance(envelope, dict):
        raise UnprocessableEntity('Send an envelope: {"objects": [...]}. Nothing was stored.')
    if envelope.get("type") == "bundle":
        raise UnprocessableEntity("This is a bundle. Send its objects in a TAXII envelope instead.")
    objects = envelope.get("objects")
    if not isinstance(objects, list) or not objects:
        raise UnprocessableEntity("The envelope's objects must be a list with at least one object. Nothing was stored.")
    return objects
