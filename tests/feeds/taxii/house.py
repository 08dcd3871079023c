"""The TAXII server as an operator runs it, under gunicorn, for many tests: `python -m … FOLDER SOCKET_NUMBER …`.

Each port is a server of its own. What it serves is written in `FOLDER/PORT.json`, and looked at with each request; its
clock is a file too, which tests move.
"""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from cert.store.engine import Engine, OperationalError, open_db
from config.web import _Server, options
from feeds.taxii.app import taxii_app

KEY = b"k" * 32
FAULT, BUSY = "fault", "busy"
"""What stands in the file of a clock that fails."""


@dataclass(slots=True)
class _Served:
    said: str
    db: Engine
    app: Flask


class Street:
    """The application behind all ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.served: dict[str, _Served] = {}
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with self.lock:
            app = self._app(environ["SERVER_PORT"])
        return app(environ, start)

    def _app(self, port: str) -> Flask:
        said = (self.folder / f"{port}.json").read_text("utf-8")
        known = self.served.get(port)
        if known is None or known.said != said:
            if known:
                known.db.dispose()
            self.served[port] = known = _made(said)
        return known.app


def _made(said: str) -> _Served:
    told = json.loads(said)
    db = open_db(told["db"])
    settings = {"title": "CERT", "secret_key": KEY} | told["settings"]
    settings["secret_key"] = bytes(settings["secret_key"])
    return _Served(said, db, taxii_app(db, clock=lambda: _time(Path(told["clock"])), **settings))


def _time(clock: Path) -> int:
    match clock.read_text("utf-8"):
        case "fault":
            raise ZeroDivisionError("secret detail")
        case "busy":
            raise OperationalError("x", {}, Exception("database is locked"))
        case text:
            return int(text)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    binds = [f"fd://{number}" for number in sys.argv[2:]]
    _Server(lambda: Street(Path(sys.argv[1])), options("", 1, taxii=True) | {"bind": binds}).run()
