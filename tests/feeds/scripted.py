"""A peer's TAXII server that says what a test tells it to, over a real socket, and a nation that seals as it should.

A test that gives no pages reads what the nation gave; one that gives pages may let it lie in every way.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cert import stix
from cert.stix import format_timestamp
from cert.store.engine import writing
from config.cast import MX, US
from feeds import seal, store, wire
from feeds.seal import Key, Seal, Signer
from tests.cast import SECOND, START, Node

MEDIA_TYPE = "application/taxii+json;version=2.1"
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
OBJECTS = f"/root/collections/{COLLECTION}/objects/"
MANIFEST = f"/root/collections/{COLLECTION}/manifest/"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `length` is the Content-Length it claims, if that is not its own. A header that is None is left out.

    `hold` never ends it, `cut` breaks the line before it begins, and `drip` says whether `headers` or `body` come byte
    by byte for ever.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str | None] = field(default_factory=dict)
    length: int | None = None
    hold: bool = False
    cut: bool = False
    drip: str = ""


Said = Answer | Callable[[dict[str, str]], Answer]


def envelope(objects: Sequence[Any], last: int | str = 1, *, next: str = "", **more: Any) -> Answer:
    """A page that nobody sealed; `last` is when its last object was added, or the number that this follows from."""
    body: dict[str, Any] = {"objects": list(objects)} if objects else {}
    body |= {"more": True, "next": next} if next else {}
    added = {"X-TAXII-Date-Added-Last": date(last) if isinstance(last, int) else last} if objects else {}
    return Answer(json.dumps(body | more).encode(), headers={**added})


def date(number: int) -> str:
    """When the entry with this number was added there."""
    return format_timestamp(START + number * SECOND, 6)


def key(n: int) -> Ed25519PrivateKey:
    """A private key, the same for the same number."""
    return Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)


class Giver:
    """The United States as they should be: a root key, a key that seals, and the log of what they give to Mexico."""

    def __init__(self) -> None:
        self.root = key(1)
        self.signer = seal.signer(key(2))
        self.start = seal.genesis(US.identity, MX.identity)
        self.keys = [listed(self.signer)]
        self.version = 0
        self.log: list[Any] = []
        self.seals: list[Seal] = []
        self.page_size = 500

    def known_to(self, node: Node) -> None:
        """Let the node know the root key: from now on it takes only what is sealed."""
        with writing(node.db) as c:
            store.set_root(c, "us", seal.fingerprint(self.root.public_key().public_bytes_raw()))

    @property
    def last(self) -> Seal:
        return self.seals[-1] if self.seals else Seal(0, b"", self.start)

    def give(self, *objects: Any) -> None:
        """Give a batch: the keys, if they were not told yet, the objects, and the checkpoint that closes them."""
        if not self.version:
            self.tell_keys()
        self.add(*objects)
        self.close()

    def add(self, *objects: Any) -> None:
        """Add objects without closing them."""
        for obj in objects:
            salt = (len(self.log) + 1).to_bytes(seal.SALT_BYTES, "big")
            self.log.append(obj)
            self.seals += seal.chained(self.last, [(salt, stix.canonical(obj))])

    def tell_keys(self, root: Ed25519PrivateKey | None = None, version: int | None = None) -> None:
        """Tell which keys seal, signed by the root key."""
        self.version = version or self.version + 1
        self.say(wire.KEYS, **seal.signed_list(root or self.root, self.version, self.keys))

    def close(self, by: Signer | None = None, **change: Any) -> None:
        """End what was added with a checkpoint; `change` is what it says other than it should."""
        told = {"number": self.last.number, "link": self.last.link.hex(), "key": (by or self.signer).id}
        signature = seal.signature(by or self.signer, self.start, self.last)
        self.say(wire.CHECKPOINT, **told | {"signature": signature} | change)

    def say(self, kind: str, **properties: Any) -> None:
        """Add an object of a wire kind, past every check of ours."""
        now = START + len(self.log) * SECOND
        self.add(orjson.loads(wire.statement(kind, US.identity, 0, {}, now).body) | properties)

    def page(self, after: int = 0, **change: Any) -> Answer:
        """The page after a number. `change` is what the envelope says otherwise, or, as `head`, `last` and `added`,
        the headers."""
        objects, seals = self.log[after : after + self.page_size], self.seals[after : after + self.page_size]
        body: dict[str, Any] = {}
        headers: dict[str, str | None] = {"X-Puente-Head": _said(self.last if self.log else Seal(0, b"", bytes(32)))}
        if objects:
            body = {"objects": objects, "x_puente_entries": [[s.number, seal.salt_text(s.salt)] for s in seals]}
            headers["X-Puente-Last"] = _said(seals[-1])
            headers["X-TAXII-Date-Added-Last"] = date(seals[-1].number)
        if after + len(objects) < len(self.log):
            body |= {"more": True, "next": "unused"}
        for name, header in (
            ("head", "X-Puente-Head"),
            ("last", "X-Puente-Last"),
            ("added", "X-TAXII-Date-Added-Last"),
        ):
            if name in change:
                headers[header] = change.pop(name)
        return Answer(orjson.dumps(body | change), headers=headers)


def listed(signer: Signer, until: dict[str, int] | None = None) -> Key:
    """A key as a key list names it."""
    return Key(signer.id, signer.public, until)


@dataclass
class Script:
    """What the server says to each path; `asked` is every request it got, as path and query.

    `shown` is the certificate, if any, that a client showed with each connection.
    """

    url: str = ""
    answers: dict[str, Said] = field(default_factory=dict)
    pages: list[Said] = field(default_factory=list)
    giver: Giver = field(default_factory=Giver)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    shown: list[bytes | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        self.asked.append((path, query))
        said = self.answers.get(path)
        if said is None and path == OBJECTS:
            said = self.pages.pop(0) if self.pages else self.giver.page(int(query.get("x_puente_after", 0)))
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
        self.close_connection = said.cut or said.hold or said.length is not None
        if said.cut:
            return
        self.send_response_only(said.status)
        headers = {"Date": self.date_time_string(), "Content-Type": MEDIA_TYPE, **said.headers}
        headers["Content-Length"] = str(len(said.body) if said.length is None else said.length)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        if said.drip == "headers":
            self.flush_headers()
            self._drip(b"X: y\r\n")
        self.end_headers()
        self.wfile.write(said.body)
        self.wfile.flush()
        if said.drip:
            self._drip(b" ")
        if said.hold:
            self.server.script.released.wait(30)

    def _drip(self, text: bytes) -> None:
        """Send it again and again, until the client hangs up."""
        while not self.server.script.released.wait(0.02):
            for byte in text:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()

    def do_POST(self) -> None:
        """What is posted is read and not looked at."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output clean."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, script: Script, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.tls = tls

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that one that fails stops no other."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as safe:
            self.script.shown.append(safe.getpeercert(binary_form=True))
            super().finish_request(safe, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what some tests are about."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """A server that shows one collection `to-mx`, with nothing in it until the nation gives, or a test says `pages`."""
    script = Script()
    server = _Server(script, tls)
    script.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
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


def _said(at: Seal) -> str:
    return f"{at.number} {at.link.hex()}"


def _json(body: dict[str, Any]) -> Answer:
    return Answer(json.dumps(body).encode())
