"""The server in a process of its own, as an operator runs it: too much is stopped, what was acknowledged stays."""

import base64
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cert.store.engine import Engine
from tests.feeds.taxii.node import (
    MEDIA_TYPE,
    OBJECTS,
    SECRET,
    STATUS,
    Clock,
    House,
    Node,
    closing,
    house,
    ids,
    indicator,
)


@contextlib.contextmanager
def serving(db: Engine, clock: Clock, folder: Path) -> Iterator[tuple[House, Node]]:
    """A process for one test, which it may kill."""
    with house(folder, 1) as process:
        port = process.serve(db, clock, {})
        with closing(Node(f"http://127.0.0.1:{port}", db, clock)) as node:
            assert node.ask("/taxii2/").status_code == 200
            yield process, node


@pytest.mark.row("TX-97", "TX-17")
@pytest.mark.parametrize("length", ["Transfer-Encoding: chunked", f"Content-Length: {1 << 30}"])
def test_it_stops_a_gigabyte_at_once(db: Engine, clock: Clock, tmp_path: Path, length: str) -> None:
    credentials = base64.b64encode(f"customs:{SECRET}".encode()).decode()
    head = f"POST {OBJECTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\nContent-Type: {MEDIA_TYPE}\r\n"
    piece = b"x" * (1 << 20)
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece) if "chunked" in length else piece
    with serving(db, clock, tmp_path / "own") as (process, node):
        before_kib = process.peak_kib()
        with socket.create_connection(("127.0.0.1", int(node.url.rpartition(":")[2])), timeout=20) as line:
            line.sendall(f"{head}{length}\r\n\r\n".encode())
            sent = send_until_refused(line.sendall, chunk)
            answer = line.recv(65_536)

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert sent < 100
        assert process.peak_kib() - before_kib < 100_000
        assert node.post(indicator(1)).status_code == 202


def send_until_refused(send: Callable[[bytes], None], chunk: bytes) -> int:
    """Send up to 1 GiB, as long as the server takes it; gives how many chunks went out."""
    for sent in range(1_024):
        try:
            send(chunk)
        except OSError:
            return sent
    return 1_024


@pytest.mark.row("TX-124", "TX-99", "TX-98")
def test_it_holds_what_it_acknowledged_when_it_is_killed(db: Engine, clock: Clock, tmp_path: Path) -> None:
    with serving(db, clock, tmp_path / "first") as (process, node):
        status = node.post(*map(indicator, range(600))).json()
        for pid in (process.process.pid, process.worker()):
            os.kill(pid, signal.SIGKILL)

    assert status["success_count"] == 600
    with serving(db, clock, tmp_path / "second") as (_, again):
        assert len(ids(again.ask(OBJECTS))) == 600
        assert again.ask(f"{STATUS}{status['id']}/").json() == status
