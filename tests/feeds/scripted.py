"""A peer's TAXII server that says what a test tells it to, over a real socket."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cert.stix import format_timestamp
from tests.cast import SECOND, START

MEDIA_TYPE = "application/taxii+json;version=2.1"
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
OBJECTS = f"/root/collections/{COLLECTION}/objects/"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `length` is the Content-Length it claims, if that is not its own; `hold` never ends it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    hold: bool = False


Said = Answer | Callable[[dict[str, str]], Answer]


def envelope(objects: Sequence[Any], first: int, *, next: str = "", last: str | None = None, **more: Any) -> Answer:
    """A page of a log that begins with number `first`; the last date added follows from the last number."""
    numbers = range(first, first + len(objects))
    body: dict[str, Any] = {"objects": list(objects), "x_puente_entries": [[n] for n in numbers]} if objects else {}
    body |= {"more": True, "next": next} if next else {}
    headers = {"X-TAXII-Date-Added-Last": last if last is not None else date(numbers[-1])} if objects else {}
    return Answer(json.dumps(body | more).encode(), headers=headers)


def date(number: int) -> str:
    """When the entry with this number was added there."""
    return format_timestamp(START + number * SECOND, 6)


@dataclass
class Script:
    """What the server says to each path; `asked` is every request it got, as path and query."""

    url: str = ""
    answers: dict[str, Said] = field(default_factory=dict)
    pages: list[Said] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        self.asked.append((path, query))
        said = self.answers.get(path)
        if said is None and path == OBJECTS:
            said = self.pages.pop(0) if self.pages else envelope([], 1)
        if said is None:
            said = Answer(status=404)
        return said if isinstance(said, Answer) else said(query)

    def polls(self) -> list[dict[str, str]]:
        """The queries of the requests for objects."""
        return [query for path, query in self.asked if path == OBJECTS]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.script.headers.append(dict(self.headers))
        said = self.server.script.answer(parts.path, query)
        self.send_response(said.status)
        headers = {"Content-Type": MEDIA_TYPE, **said.headers}
        headers["Content-Length"] = str(len(said.body) if said.length is None else said.length)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body)
        self.wfile.flush()
        if said.hold:
            self.server.script.released.wait(30)
        self.close_connection = said.hold or said.length is not None

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what some tests are about."""


@contextmanager
def serving() -> Iterator[Script]:
    """A server that shows one collection `to-mx`, with nothing in it until `pages` are given."""
    script = Script()
    server = _Server(script)
    script.url = f"http://127.0.0.1:{server.server_port}"
    script.answers = {
        "/taxii2/": _json({"title": "x", "default": f"{script.url}/root/", "api_roots": [f"{script.url}/root/"]}),
        "/root/": _json({"title": "x", "versions": [MEDIA_TYPE], "max_content_length": 1_000_000}),
        "/root/collections/": _json({"collections": [collection("to-mx")]}),
    }
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield script
    finally:
        script.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def collection(alias: str) -> dict[str, Any]:
    """A collection resource."""
    return {"id": COLLECTION, "title": "x", "alias": alias, "can_read": True, "can_write": False}


def _json(body: dict[str, Any]) -> Answer:
    return Answer(json.dumps(body).encode())
