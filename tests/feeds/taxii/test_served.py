"""The server in a process of its own, as an operator runs it: too much is stopped, what was acknowledged stays."""

import base64
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cert.store.engine import Engine, database_file
from tests.catalogues import ROOT
from tests.feeds.taxii.node import MEDIA_TYPE, OBJECTS, SECRET, Clock, Node, closing, ids, indicator

MODULE = "tests.feeds.taxii.gunicorn_node"


@dataclass
class Served:
    """A running process, its address, and the process that answers (gunicorn's worker is a child)."""

    node: Node
    process: "subprocess.Popen[bytes]"
    port: int

    def peak_kib(self) -> int:
        """The most memory the worker has ever held."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        status = Path(f"/proc/{children[0]}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])


@contextlib.contextmanager
def serving(db: Engine) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
        command = [sys.executable, "-m", MODULE, str(database_file(db)), str(line.fileno())]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[line.fileno()], start_new_session=True)
    try:
        with closing(Node(f"http://127.0.0.1:{port}", db, Clock())) as node:
            assert node.ask("/taxii2/").status_code == 200
            yield Served(node, process, port)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.mark.row("TX-97", "TX-17")
@pytest.mark.parametrize("length", ["Transfer-Encoding: chunked", f"Content-Length: {1 << 30}"])
def test_it_stops_a_gigabyte_at_once(db: Engine, length: str) -> None:
    credentials = base64.b64encode(f"customs:{SECRET}".encode()).decode()
    head = f"POST {OBJECTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\nContent-Type: {MEDIA_TYPE}\r\n"
    piece = b"x" * (1 << 20)
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece) if "chunked" in length else piece
    with serving(db) as served:
        before_kib = served.peak_kib()
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
            line.sendall(f"{head}{length}\r\n\r\n".encode())
            sent = send_until_refused(line.sendall, chunk)
            answer = line.recv(65_536)

        assert answer.startswith(b"HTTP/1.1 413 ")
        assert sent < 100
        assert served.peak_kib() - before_kib < 100_000
        assert served.node.post(indicator(1)).status_code == 202


def send_until_refused(send: Callable[[bytes], None], chunk: bytes) -> int:
    """Send up to 1 GiB, as long as the server takes it; gives how many chunks went out."""
    for sent in range(1_024):
        try:
            send(chunk)
        except OSError:
            return sent
    return 1_024


@pytest.mark.row("TX-124")
def test_it_holds_what_it_acknowledged_when_it_is_killed(db: Engine) -> None:
    with serving(db) as served:
        assert served.node.post(*map(indicator, range(600))).json()["success_count"] == 600
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
        for pid in [served.process.pid, *map(int, children)]:
            os.kill(pid, signal.SIGKILL)

    with serving(db) as again:
        assert len(ids(again.node.ask(OBJECTS))) == 600
