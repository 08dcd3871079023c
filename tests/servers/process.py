"""What starting a real server takes: ports that are free, a wait that ends, a process that is let go or killed."""

import fcntl
import os
import secrets
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

READY_S = 120
STOP_S = 60  # Java writes its archive of classes at its end, some ten seconds on a small machine
POLL_S = 0.02
PORTS = range(30_000, 32_768)  # above those of tests/nations.py, below those that the kernel gives away
TAIL = 3_000
LACKING = 3
"""How a command ends that was not started because of `NotInstalled`."""

Process = subprocess.Popen[bytes]


class NotInstalled(Exception):
    """This machine lacks what a server needs; the sentence says what to install."""


class NotReady(Exception):
    """A server has ended, or did not answer in time; holds the end of what it said."""


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, picked by lot so that nobody else picks the same meanwhile."""
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            port = PORTS[secrets.randbelow(len(PORTS))]
            try:
                held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            found.append(port)
        return found


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else on this machine is in here at the same time; a process that dies lets go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def wait(done: Callable[[], bool], process: Process, log: Path) -> None:
    """Wait until something is so. Raises `NotReady` when the process has ended, or after `READY_S`."""
    deadline = time.monotonic() + READY_S
    while not done():
        if process.poll() is not None or time.monotonic() > deadline:
            what = f"was not ready in {READY_S} s" if process.poll() is None else f"ended with {process.returncode}"
            raise NotReady(f"The server {what}. The end of {log}:\n{tail(log)}")
        time.sleep(POLL_S)


def tail(log: Path) -> str:
    """The end of what a server has said."""
    return log.read_text("utf-8", "replace")[-TAIL:] if log.exists() else ""


def end(process: Process, how: signal.Signals = signal.SIGTERM) -> None:
    """Let a process finish and end, paused or not; one that has not after `STOP_S` is killed."""
    if process.poll() is None:
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
    _bury(process)


def kill(process: Process) -> None:
    """End a process at once, in the middle of whatever it does."""
    process.kill()
    _bury(process)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]


def until_gone(pid: int, patience_s: float | None = None) -> bool:
    """Wait until a process has ended, whoever's it is; whether it has."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], patience_s)[0])
    finally:
        os.close(process)


def _bury(process: Process) -> None:
    process.wait()
    if process.stdin:
        process.stdin.close()
