"""One server, by hand: `python -m tests.servers elastic`, and Ctrl-C ends it. `--help` says what else there is."""

import json
import os
import shutil
import signal
import sys
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.servers import elastic, postgres
from tests.servers.process import LACKING, NotInstalled, until_gone

LOOK_S = 0.2


def main() -> None:
    """Start it, say in one line of JSON where it is, and wait."""
    asked = _asked()
    for ending in (signal.SIGINT, signal.SIGTERM):  # by name: a shell that starts us in the background turns Ctrl-C off
        signal.signal(ending, signal.default_int_handler)
    try:
        with ExitStack() as started:
            _tell(_start(asked, started), asked.tell)
            alone = _wait(asked.while_pid, asked.tell)
        if alone:
            shutil.rmtree(asked.folder)  # nobody is left who would
    except NotInstalled as lacking:
        sys.stderr.write(f"{lacking}\n")
        sys.exit(LACKING)
    except KeyboardInterrupt:
        sys.exit(0)


def _asked() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.servers", description="One real server on loopback, until Ctrl-C.")
    parser.add_argument("engine", choices=("elastic", "cluster", "postgres"))
    parser.add_argument("--folder", type=Path, help="where its data is and stays; a new temporary folder if not given")
    parser.add_argument("--version", default=elastic.V8, help=f"of Elasticsearch: {elastic.V8} or {elastic.V9}")
    parser.add_argument("--tell", type=Path, help="a file that will say where it is; removing it ends the server")
    parser.add_argument("--while-pid", type=int, help="end when that process has ended, and remove the folder")
    return parser.parse_args()


def _start(asked: Namespace, started: ExitStack) -> dict[str, Any]:
    folder = asked.folder or Path(mkdtemp(prefix=f"puente-{asked.engine}-"))
    if asked.engine == "elastic":
        return {"url": started.enter_context(elastic.running(folder, asked.version)).url}
    if asked.engine == "cluster":
        return {"urls": started.enter_context(elastic.cluster(folder, asked.version)).urls}
    door = started.enter_context(postgres.running(folder)).door
    return {"port": door.port, "password": door.password, "url": door.fresh_database()}


def _tell(where: dict[str, Any], file: Path | None) -> None:
    text = json.dumps({**where, "pid": os.getpid()})
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    if file:
        half = file.with_suffix(".half")
        half.write_text(text, "utf-8")
        half.replace(file)


def _wait(pid: int | None, file: Path | None) -> bool:
    """Wait for the end of that process or file; whether it was the process that ended."""
    while file is None or file.exists():
        if until_gone(pid or os.getpid(), LOOK_S):
            return True
    return False


if __name__ == "__main__":
    main()
