"""Serves a WSGI app with gunicorn: what operators know, graceful on every signal."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from config.processes import demand_free

THREADS = 8
KEEPALIVE_S = 75  # a peer polls on one connection


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn without its own command line. The app is made in each worker, so no connection is shared by a fork."""

    def __init__(self, make: Callable[[], Flask], options: dict[str, Any]) -> None:
        self.make = make
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.make()


def serve(make: Callable[[], Flask], host: str, port: int, workers: int) -> None:
    """Serve until a signal says stop. Raises `Refused` if the app cannot be made or the port is taken."""
    make()  # here, so that what is missing is said in one sentence and not by a worker that will not boot
    demand_free(host, port)
    options = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": workers,
        "threads": THREADS,
        "worker_class": "gthread",
        "keepalive": KEEPALIVE_S,
        "limit_request_line": 8190,  # the longest gunicorn takes: some 180 ids in one match[id]
        "timeout": 120,
        "graceful_timeout": 10,
        "loglevel": "warning",
        "control_socket_disable": True,
    }
    _Server(make, options).run()
