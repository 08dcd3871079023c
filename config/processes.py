"""The processes of two nodes on one machine: started, waited for, stopped. What each says goes to a file of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cert.errors import Refused

READY_S = 60
STOP_S = 15
POLL_S = 0.05

_COMMANDS = {"portal": ("serve", "portal"), "taxii": ("serve", "taxii"), "work": ("work",), "border": ("border",)}

NAMES = tuple(f"{nation}-{part}" for nation in ("mx", "us") for part in _COMMANDS)
"""The name of each process: the nation and what it does, as in `mx-portal`."""

Process = subprocess.Popen[bytes]


def start(folder: Path, name: str) -> Process:
    """Start one process of the nodes in `folder`. It may take a moment until it answers."""
    nation, _, part = name.partition("-")
    command = [sys.executable, "-m", "config", "--settings", str(folder / f"{nation}.toml"), *_COMMANDS[part]]
    log = log_file(folder, name)
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as out:
        # A group of its own: Ctrl-C reaches us alone, and we stop the others in order.
        return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 our own command


def log_file(folder: Path, name: str) -> Path:
    """Where that process writes what it has to say."""
    return folder / "logs" / f"{name}.log"


def stop(running: Iterable[Process]) -> None:
    """Let processes finish what they do and end; one that has not after `STOP_S` is killed."""
    ending = list(running)
    for process in ending:
        process.terminate()
    deadline = time.monotonic() + STOP_S
    for process in ending:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: Process) -> None:
    """End a process and its children at once, in the middle of whatever they do."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait(done: Callable[[], bool], running: Mapping[str, Process], folder: Path) -> None:
    """Wait until `done` says so. Raises `Refused` when a process has ended, or after `READY_S`."""
    deadline = time.monotonic() + READY_S
    while not done():
        demand_alive(running, folder)
        if time.monotonic() > deadline:
            raise Refused(
                "nodes-slow", f"The nodes were not ready in {READY_S} s. What went wrong stands in {folder / 'logs'}."
            )
        time.sleep(POLL_S)


def demand_alive(running: Mapping[str, Process], folder: Path) -> None:
    """Raise `Refused`, with the place to look, if one of these processes has ended."""
    for name, process in running.items():
        if process.poll() is not None:
            raise Refused("node-ended", f"The process {name} has ended. Why stands in {log_file(folder, name)}.")


def demand_free(host: str, port: int) -> None:
    """Raise `Refused` if something else listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            raise Refused(
                "port",
                f"Nothing can listen on {host}:{port}: {fault.strerror}. "
                "Stop what listens there (a demo stops with Ctrl-C), or change the port.",
            ) from fault
