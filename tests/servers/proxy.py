"""What goes wrong between a node and its Elasticsearch, switched on and off while requests flow.

    with proxy.before(elastic_url) as between:          # a node of Puente is told between.url
        with between.fault(proxy.answer(429), on=proxy.bulk, times=3) as refusing:
            …
        assert refusing.hits == 3
        between.vanish()                                # nobody listens any more
        between.come_back()

Requests without a fault pass unchanged, gzip included; a chunked answer goes on with its length.
"""

import gzip
import http.client
import json
import os
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

from tests.servers.process import free_ports

PATIENCE_S = 120
LOOK_S = 0.02
AT_ONCE = struct.pack("ii", 1, 0)  # what is closed so is reset
OF_THIS_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked; `path` with its query, `body` unpacked."""

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What the cluster answered, its body as it came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(slots=True)
class Fault:
    """A fault that is switched on. `hits` says how often it has struck; `over` is set when it is switched off."""

    act: "Act"
    on: Callable[[Request], bool]
    times: int | None
    hits: int = 0
    over: threading.Event = field(default_factory=threading.Event, repr=False)


class Passing(BaseHTTPRequestHandler):
    """One connection of a client, and the one to the cluster that belongs to it."""

    protocol_version = "HTTP/1.1"
    server: "_Listener"
    fault: Fault

    def setup(self) -> None:
        super().setup()
        self.cluster = http.client.HTTPConnection(self.server.proxy.cluster, timeout=PATIENCE_S)
        self.server.open.add(self)
        if self.server.closing:
            self.break_off()

    def handle(self) -> None:
        """One request after the other; whichever side breaks off ends both connections."""
        try:
            super().handle()
        except (OSError, http.client.HTTPException):
            self.reset()

    def finish(self) -> None:
        self.server.open.discard(self)
        self.cluster.close()
        super().finish()

    def pass_on(self) -> None:
        """One request, with the fault that it meets."""
        self.body = self.rfile.read(int(self.headers.get("content-length", 0)))
        text = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        fault = self.server.proxy.met(Request(self.command, self.path, text))
        if fault:
            self.fault = fault
            fault.act(self)
        else:
            self.reply(self.forward())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815 the names that are looked for

    def forward(self) -> Reply:
        """The cluster's answer to this request."""
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_THIS_HOP}
        self.cluster.request(self.command, self.path, self.body or None, headers)
        response = self.cluster.getresponse()
        return Reply(response.status, tuple(response.getheaders()), response.read())

    def reply(self, answer: Reply, part: float = 1) -> None:
        """Send an answer, or only the first part of its body."""
        length = str(len(answer.body))
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in OF_THIS_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(answer.body[: int(len(answer.body) * part)])

    def hold(self, seconds: float) -> None:
        """Do nothing for so long, or until the fault is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.fault.over.wait(LOOK_S):
            if self.server.closing:
                raise ConnectionResetError

    def reset(self) -> None:
        """Break the client's connection off: what it meets is a reset, not an end."""
        self.close_connection = True
        _reset(self.connection)

    def break_off(self) -> None:
        """Have the thread that waits for either side end."""
        for side in (self.connection, self.cluster.sock):
            with suppress(OSError, AttributeError):  # gone already, or not yet there
                side.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Say nothing: `Proxy.requests` tells more."""


Act = Callable[[Passing], None]
"""What a fault does with a request."""


def delay(seconds: float) -> Act:
    """The request reaches the cluster so much later or when the fault is over, even if the asker has gone meanwhile."""

    def act(passing: Passing) -> None:
        passing.hold(seconds)
        passing.reply(passing.forward())

    return act


def answer(status: int, body: object = None) -> Act:
    """The request never reaches the cluster, and is answered so; text as it is, other bodies as JSON."""
    said = body if body is not None else {"error": {"type": "proxy", "reason": f"answers {status}"}, "status": status}
    kind = "text/html" if isinstance(said, str) else "application/json"
    made = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    headers = (("Content-Type", kind), ("X-Elastic-Product", "Elasticsearch"))
    return lambda passing: passing.reply(Reply(status, headers, made))


def reset(passing: Passing) -> None:
    """The connection breaks off before the request reaches the cluster."""
    passing.reset()


def reset_at_accept(passing: Passing) -> None:
    """Every connection breaks off before anything is asked; for this one fault, connections are counted and picked."""
    passing.reset()


def lose_reply(passing: Passing) -> None:
    """The cluster does what it was asked, and the connection breaks off before its answer arrives."""
    passing.forward()
    passing.reset()


def cut_reply(passing: Passing) -> None:
    """The connection breaks off in the middle of the answer's body."""
    passing.reply(passing.forward(), 0.5)
    passing.reset()


def rewrite(change: Callable[[Any], Any]) -> Act:
    """The cluster's answer, from JSON, arrives changed. `change` may change what it gets; it gives what is sent."""

    def act(passing: Passing) -> None:
        came = passing.forward()
        headers = {name.lower(): value for name, value in came.headers}
        packed = headers.pop("content-encoding", "") == "gzip"
        said = change(json.loads(gzip.decompress(came.body) if packed else came.body))
        passing.reply(replace(came, headers=tuple(headers.items()), body=json.dumps(said).encode()))

    return act


def anything(_: Request) -> bool:
    """Every request."""
    return True


def bulk(request: Request) -> bool:
    """A bulk."""
    return urlsplit(request.path).path.endswith("/_bulk")


def search(request: Request) -> bool:
    """A search."""
    return urlsplit(request.path).path.endswith("/_search")


@dataclass(slots=True)
class Proxy:
    """What stands between. It keeps `requests`, in the order they came, if it was asked to."""

    cluster: str
    port: int
    keep: bool
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    listener: "_Listener | None" = None
    broken: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where a client finds it, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def fault(self, act: Act, *, on: Callable[[Request], bool] = anything, times: int | None = None) -> Iterator[Fault]:
        """A fault for the requests that `on` picks, the first `times` of them or all.

        Where several fit, the one that was switched on first strikes.
        """
        made = Fault(act, on, times)
        with self.lock:
            self.faults.append(made)
        if act is reset_at_accept and self.listener:
            self.listener.break_off()  # what is connected already is accepted no more
        try:
            yield made
        finally:
            with self.lock:
                self.faults.remove(made)
            made.over.set()

    def met(self, request: Request) -> Fault | None:
        """The fault that a request meets, counted."""
        with self.lock:
            if self.keep:
                self.requests.append(request)
            return _strike(fault for fault in self.faults if fault.act is not reset_at_accept and fault.on(request))

    def met_at_accept(self) -> Fault | None:
        """The fault that a connection meets before it is used, counted."""
        with self.lock:
            return _strike(fault for fault in self.faults if fault.act is reset_at_accept)

    def come_back(self) -> None:
        """Listen, on the port it has always had."""
        self.listener = _Listener(self)
        threading.Thread(target=self.listener.serve_forever, args=(LOOK_S,), daemon=True).start()

    def vanish(self) -> None:
        """Break off every connection, and take no more."""
        if self.listener:
            self.listener.shutdown()
            self.listener.closing = True
            self.listener.break_off()
            self.listener.server_close()
        self.listener = None


@contextmanager
def before(url: str, *, keep: bool = False) -> Iterator[Proxy]:
    """A proxy in front of a node of Elasticsearch; `keep` has it remember every request."""
    between = Proxy(urlsplit(url).netloc, free_ports(1)[0], keep)
    between.come_back()
    try:
        yield between
    finally:
        between.vanish()
    assert not between.broken, "\n".join(between.broken)


class _Listener(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", proxy.port), Passing)
        self.proxy = proxy
        self.open: set[Passing] = set()
        self.closing = False

    def verify_request(self, request: Any, _: object) -> bool:
        """Whether a new connection is to be served."""
        if not self.proxy.met_at_accept():
            return True
        _reset(request)
        return False

    def break_off(self) -> None:
        """End every connection there is."""
        for passing in tuple(self.open):
            passing.break_off()

    def handle_error(self, *_: object) -> None:
        """Keep what went wrong in a thread, for the test to fail by."""
        self.proxy.broken.append(traceback.format_exc())


def _strike(fitting: Iterator[Fault]) -> Fault | None:
    struck = next((fault for fault in fitting if fault.times is None or fault.hits < fault.times), None)
    if struck:
        struck.hits += 1
    return struck


def _reset(connection: socket.socket) -> None:
    """Close it at once. By its number: Python's own `close` waits until nobody holds the socket."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        os.close(connection.detach())
