"""What became of a POST (TAXII 2.1 section 4.3). It is always complete: the POST was answered when all was done.

`successes` is left out: everything that is not among the failures succeeded, and a part of the list would break
taxii2-client (TX-89).
"""

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson
from flask import Flask, Response

from cert.errors import NotFound
from cert.intake import Outcome
from cert.stix import Micros, format_timestamp
from cert.store.engine import reading, writing
from feeds import store
from feeds.taxii.answers import SENTENCES, answer
from feeds.taxii.manifest import version_text
from feeds.taxii.service import ROOT, Service
from feeds.taxii.signin import account

SUCCESSES = {"stored", "duplicate"}


def install(app: Flask, service: Service) -> None:
    """Serve the status of a POST."""
    app.add_url_rule(f"{ROOT}status/<status_id>/", "status", partial(_status, service))


def keep(service: Service, outcomes: Sequence[Outcome], asked: Micros) -> bytes:
    """Make the status resource of a POST by the asking account, keep it, and give it as JSON."""
    resource = _resource(outcomes, asked)
    body = orjson.dumps(resource)
    with writing(service.db) as c:
        store.add_status(c, id=resource["id"], account=account().n, root=ROOT, body=body, now=asked)
    return body


def _status(service: Service, status_id: str) -> Response:
    with reading(service.db) as c:
        body = store.status(c, id=status_id, account=account().n, root=ROOT, now=service.clock())
    if body is None:
        raise NotFound("status", SENTENCES[404])
    return answer(body)


def _resource(outcomes: Sequence[Outcome], asked: Micros) -> dict[str, Any]:
    failures = [_failure(n, o, asked) for n, o in enumerate(outcomes, 1) if o.outcome not in SUCCESSES]
    resource: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "status": "complete",
        "request_timestamp": format_timestamp(asked, 6),
        "total_count": len(outcomes),
        "success_count": len(outcomes) - len(failures),
        "failure_count": len(failures),
        "pending_count": 0,
    }
    return resource | ({"failures": failures} if failures else {})


def _failure(place: int, outcome: Outcome, asked: Micros) -> dict[str, str]:
    message = outcome.sentence if outcome.id else f"Object {place} of the envelope: {outcome.sentence}"
    return {"id": outcome.id, "version": version_text(outcome.version, asked), "message": message}
