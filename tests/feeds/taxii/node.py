"""A TAXII server that really runs, with a small cast of accounts, and objects to send it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from cert.stix import Micros, format_timestamp
from cert.store.engine import Engine

MEDIA_TYPE = "application/taxii+json;version=2.1"
SECRET = "s" * 40
KEY = b"k" * 32
START: Micros = 1_777_887_000_000_000  # 2026-05-04T09:30:00Z
SECOND: Micros = 1_000_000
BENCH, HIDDEN, TO_US = (str(uuid.UUID(int=n, version=4)) for n in (1001, 1002, 1003))
OBJECTS = f"/puente/collections/{BENCH}/objects/"
MANIFEST = f"/puente/collections/{BENCH}/manifest/"
STATUS = "/puente/status/"


@dataclass
class Clock:
    """A clock that the test moves."""

    now: Micros = START

    def __call__(self) -> Micros:
        return self.now


@dataclass
class Node:
    """The running server and ways to talk to it."""

    url: str
    db: Engine
    clock: Clock
    sessions: list[requests.Session] = field(default_factory=list)

    def ask(self, path: str, who: str = "customs", method: str = "GET", **more: Any) -> requests.Response:
        """Ask as an account of the cast; `headers=` replace ours, None takes one out."""
        if not self.sessions:
            self.sessions.append(requests.Session())
        headers = {"Accept": MEDIA_TYPE} | more.pop("headers", {})
        auth = more.pop("auth", (who, SECRET))
        answer = self.sessions[0].request(
            method, self.url + path, auth=auth, headers=headers, allow_redirects=False, timeout=30, **more
        )
        if answer.content:
            assert answer.headers["Content-Type"] == MEDIA_TYPE  # TX-01, on each answer of each test
        return answer

    def post(self, *objects: Any, who: str = "customs", path: str = OBJECTS, **more: Any) -> requests.Response:
        """POST an envelope."""
        headers = {"Content-Type": MEDIA_TYPE} | more.pop("headers", {})
        return self.ask(path, who, "POST", headers=headers, **({"json": {"objects": objects}} | more))

    def close(self) -> None:
        for session in self.sessions:
            session.close()


@contextmanager
def closing(node: Node) -> Iterator[Node]:
    try:
        yield node
    finally:
        node.close()


def indicator(n: int, modified: Micros = START, **more: Any) -> dict[str, Any]:
    """A valid indicator, the same for the same number."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.UUID(int=n, version=4)}",
        "created": format_timestamp(START),
        "modified": format_timestamp(modified),
        "name": f"Señal {n}",
        "pattern": "[ipv4-addr:value = '203.0.113.7']",
        "pattern_type": "stix",
        "valid_from": format_timestamp(START),
        **more,
    }


def names(answer: requests.Response) -> list[str]:
    """The names of the objects in an envelope."""
    return [obj["name"] for obj in answer.json().get("objects", [])]


def ids(answer: requests.Response) -> list[str]:
    """The ids in an envelope or a manifest."""
    return [obj["id"] for obj in answer.json().get("objects", [])]


def assert_error(answer: requests.Response, status: int) -> None:
    """An answer is the standard's error resource, and shows nothing of our insides (TX-117)."""
    assert answer.status_code == status
    body = answer.json()
    assert set(body) == {"title", "error_id", "http_status"}
    assert body["http_status"] == str(status)
    assert body["title"].endswith(".")
    assert not any(word in answer.text for word in ("Traceback", "sqlite", "SELECT", "/home", "site-packages"))
