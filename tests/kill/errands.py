"""Commands that an operator runs beside the nodes: each is started again until it has run through."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Errand:
    """One command of `puente` on the node whose settings are in `settings`; what it says goes to `said`."""

    settings: Path
    words: tuple[str, ...]
    said: Path
    process: subprocess.Popen[bytes] | None = None
    done: bool = False

    def go_on(self) -> None:
        """Start it if it is not running and has not yet run through. Fails when it says that something went wrong."""
        if self.done:
            return
        if self.process is None:
            self._start()
        elif self.process.poll() is not None:
            assert self.process.returncode == 0, self.said.read_text("utf-8")
            self.process, self.done = None, True

    def again(self) -> None:
        """Let it run once more after it has run through."""
        self.done = False

    def kill(self) -> None:
        """Kill it with signal 9, if it is running; `go_on` starts it again."""
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _start(self) -> None:
        command = [sys.executable, "-m", "config", "--settings", str(self.settings), *self.words]
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
