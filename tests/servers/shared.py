"""One server of a kind for a whole run of the tests, in whatever process they run.

The first test that needs it starts a process that holds it (`python -m tests.servers`) and leaves its address in the
run's folder, where the others find it. It ends when that file has gone (`end`), or the run's first process.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.process import LACKING, POLL_S, NotInstalled, NotReady, locked, tail, until_gone

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")  # noqa: S108 a folder that only we may enter is made in it
ENOUGH = 4 << 30  # bytes; a container has 64 MB


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the tests: its folder, and the process that ends last. The folder is made when a server needs it."""

    folder: Path
    pid: int


def this_run() -> Run:
    """A run that begins in this process."""
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH  # then no server waits for a disk
    place = MEMORY if in_memory else Path(tempfile.gettempdir())
    return Run(place / f"puente-servers-{os.getpid()}-{secrets.token_hex(4)}", os.getpid())


def address(run: Run, engine: str, version: str = "") -> dict[str, Any]:
    """Where the server of this kind is, which is started if it does not run yet. Raises `NotInstalled`."""
    run.folder.mkdir(mode=0o700, exist_ok=True)
    told = run.folder / f"{engine}{version}.json"
    with locked(told.with_suffix(".lock")):
        if not told.exists():
            _start(run, engine, version, told)
    return dict(json.loads(told.read_text("utf-8")))


def end(run: Run) -> None:
    """Stop all servers of a run and remove what they held. There need not be any."""
    for told in run.folder.glob("*.json"):
        pid = json.loads(told.read_text("utf-8"))["pid"]
        told.unlink()  # which tells the holder
        until_gone(pid)
    shutil.rmtree(run.folder, ignore_errors=True)


def _start(run: Run, engine: str, version: str, told: Path) -> None:
    words = [engine, "--folder", str(told.with_suffix("")), "--tell", str(told), "--while-pid", str(run.pid)]
    command = [sys.executable, "-m", "tests.servers", *words, *(["--version", version] if version else [])]
    log = told.with_suffix(".log")
    with log.open("wb") as out:
        holder = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    while not told.exists():
        if holder.poll() is not None:
            raise (NotInstalled if holder.returncode == LACKING else NotReady)(tail(log))
        time.sleep(POLL_S)
    holder.returncode = 0  # we let go of it, of which Python would warn
