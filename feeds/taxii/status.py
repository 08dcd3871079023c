"""What became of a POST (TAXII 2.1 section 4.3). It is always complete: the POST was answered when all was done.

`successes` lists all of them or is left out, as a part of the list would break taxii2-client (TX-89): above some, it
would grow with every POST, and say only that what is not among the failures succeeded.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from flask import Flask, Response

from cert.errors import NotFound
from cert.intake import Outcome
from cert.stix import Micros, format_timestamp
from cert.store.engine import Connection, reading
from feeds import store
from feeds.taxii.answers import SENTENCES, answer
from feeds.taxii.manifest import version_text
from feeds.taxii.service import ROOT, Service
from feeds.taxii.signin import account

SUCCESSES = {"stored", "duplicate"}
LISTED = 100  # the most successes that are listed


@dataclass(frozen=True, slots=True)
class Written:
    """A status resource as it is served and kept: JSON."""

    id: str
    body: bytes


def install(app: Flask, service: Service) -> None:
    """Serve the status of a POST."""
    app.add_url_rule(f"{ROOT}status/<status_id>/", "status", partial(_status, service))


def written(outcomes: Sequence[Outcome], asked: Micros) -> Written:
    """The status resource of a POST, for what became of its objects."""
    resource = _resource(outcomes, asked)
    return Written(resource["id"], orjson.dumps(resource))


def keep(c: Connection, root: str, status: Written, asked: Micros) -> None:
    """Keep a status for the asking account, under the root that was posted to (TX-38)."""
    store.add_status(c, id=status.id, account=account().n, root=f"/{root}/", body=status.body, now=asked)


def _status(service: Service, root: str, status_id: str) -> Response:
    with reading(service.db) as c:
        body = store.status(c, id=status_id, account=account().n, root=f"/{root}/", now=service.clock())
    if body is None:
        raise NotFound("status", SENTENCES[404])
    return answer(body)


def _resource(outcomes: Sequence[Outcome], asked: Micros) -> dict[str, Any]:
    successes = [_detail(o, asked) for o in outcomes if o.outcome in SUCCESSES]
    failures = [_failure(n, o, asked) for n, o in enumerate(outcomes, 1) if o.outcome not in SUCCESSES]
    resource: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "status": "complete",
        "request_timestamp": format_timestamp(asked, 6),
        "total_count": len(outcomes),
        "success_count": len(successes),
        "failure_count": len(failures),
        "pending_count": 0,
    }
    if 0 < len(successes) <= LISTED:
        resource["successes"] = successes
    return resource | ({"failures": failures} if failures else {})


def _detail(outcome: Outcome, asked: Micros) -> dict[str, str]:
    return {"id": outcome.id, "version": version_text(outcome.version, outcome.added or asked)}


def _failure(place: int, outcome: Outcome, asked: Micros) -> dict[str, str]:
    message = outcome.sentence if outcome.id else f"Object {place} of the envelope: {outcome.sentence}"
    return _detail(outcome, asked) | {"message": message}
