"""The TAXII server in a process of its own under gunicorn: `python -m … DATABASE SOCKET_NUMBER`."""

import sys
import time
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from cert.store.engine import open_db
from feeds.taxii.app import taxii_app
from tests.feeds.taxii.node import KEY


class Served(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """One worker with four threads on a socket that is already open."""

    def load_config(self) -> None:
        """Gunicorn asks for this."""
        self.cfg.set("bind", f"fd://{sys.argv[2]}")
        self.cfg.set("worker_class", "gthread")
        self.cfg.set("threads", 4)
        self.cfg.set("control_socket_disable", True)

    def load(self) -> Flask:
        """Called in the worker, so that no connection to the database is shared across the fork."""
        settings: dict[str, Any] = {"title": "CERT", "secret_key": KEY, "clock": lambda: time.time_ns() // 1_000}
        return taxii_app(open_db(f"sqlite:///{sys.argv[1]}"), **settings)


if __name__ == "__main__":
    Served().run()
