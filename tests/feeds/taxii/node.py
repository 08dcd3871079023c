"""A TAXII server that really runs, with a small cast of accounts, and objects to send it."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from cert.stix import Micros, format_timestamp
from cert.store.engine import Engine
from tests.catalogues import ROOT

MODULE = "tests.feeds.taxii.house"
MEDIA_TYPE = "application/taxii+json;version=2.1"
SECRET = "s" * 40
START: Micros = 1_777_887_000_000_000  # 2026-05-04T09:30:00Z
SECOND: Micros = 1_000_000
BENCH, HIDDEN, TO_US, ELSEWHERE = (str(uuid.UUID(int=n, version=4)) for n in (1001, 1002, 1003, 1004))
COLLECTION = f"/puente/collections/{BENCH}/"
OBJECTS = f"{COLLECTION}objects/"
MANIFEST = f"{COLLECTION}manifest/"
STATUS = "/puente/status/"

OTHER = "federal"
"""The name of a second root, in which only `customs` has a collection."""


@dataclass(slots=True)
class Clock:
    """A clock that the test moves, and that the server reads: a file."""

    path: Path

    @property
    def now(self) -> Micros:
        """What it shows."""
        return int(self.path.read_text("utf-8"))

    @now.setter
    def now(self, moment: Micros | str) -> None:
        half = self.path.with_suffix(".half")
        half.write_text(str(moment), "utf-8")
        half.replace(self.path)

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
        """Ask as an account of the cast; `headers=` replace ours, None takes one out; `auth=None` signs nobody in."""
        if not self.sessions:
            self.sessions.append(requests.Session())
        headers = {"Accept": MEDIA_TYPE} | more.pop("headers", {})
        auth = more.pop("auth", (who, SECRET)) or (lambda request: request)
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


@contextlib.contextmanager
def closing(node: Node) -> Iterator[Node]:
    try:
        yield node
    finally:
        node.close()


@dataclass
class House:
    """A running process with some ports; what a port serves is told by `serve`."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    free: list[int]
    count: int = 0

    def serve(self, db: Engine, clock: Clock, settings: dict[str, Any]) -> int:
        """Serve this database on a free port, from now on."""
        port = self.free.pop(0)
        self.count += 1
        written = {name: list(value) if isinstance(value, bytes) else value for name, value in settings.items()}
        url = db.url.render_as_string(hide_password=False)
        said = {"db": url, "clock": str(clock.path), "settings": written, "count": self.count}
        half = self.folder / "half"
        half.write_text(json.dumps(said), "utf-8")
        half.replace(self.folder / f"{port}.json")
        return port

    def worker(self) -> int:
        """The process that answers: gunicorn's child."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def peak_kib(self) -> int:
        """The most memory the worker has ever held."""
        status = Path(f"/proc/{self.worker()}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])


@contextlib.contextmanager
def house(folder: Path, ports: int) -> Iterator[House]:
    """Start a process with so many ports; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as opened:
        lines: Sequence[socket.socket] = [
            opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128)) for _ in range(ports)
        ]
        for line in lines:  # gunicorn does so too, but is not there yet when the first of us knocks
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        numbers = [line.fileno() for line in lines]
        command = [sys.executable, "-m", MODULE, str(folder), *map(str, numbers)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, pass_fds=numbers, start_new_session=True, stdout=log, stderr=log
            )
        free = [line.getsockname()[1] for line in lines]
    try:
        yield House(folder, process, free)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:  # a thread hangs: nothing that a test should wait for
            os.killpg(process.pid, 9)
            process.wait()


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
