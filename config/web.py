"""Serves a WSGI app with gunicorn: what operators know, graceful on every signal."""

import os
import socket
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from config.processes import demand_free
from config.tls import Application, Tls, context, with_certificate

THREADS = 8
KEEPALIVE_S = 75  # a peer polls on one connection


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn without its own command line. The app is made in each worker, so no connection is shared by a fork."""

    def __init__(self, make: Callable[[], Any], options: dict[str, Any]) -> None:
        self.make = make
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self.make()


class TaxiiWorker(ThreadWorker):  # type: ignore[misc]
    """Answers what is no HTTP request at all as the TAXII server answers everything: by an error resource (TX-01)."""

    wsgi: Any

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi = _saying_close(self.wsgi)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:
        super().handle_error(req, _Rewriting(client), addr, exc)


def _saying_close(app: Application) -> Application:
    """The same application, whose refusals say that the connection closes if they left a body unread.

    gunicorn closes it then in any case, and a client that was not told sends its next request into nothing.
    """

    def told(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        def begin(status: str, *more: Any) -> Any:
            if status[0] in "45" and ("CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ):
                start.__self__.force_close()
            return start(status, *more)

        return app(environ, begin)

    return told


class _Rewriting:
    """A connection on which gunicorn's own error page is written as an error resource of TAXII."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.line, name)

    def sendall(self, page: bytes) -> None:
        from feeds.taxii.answers import bare_error

        status = int(page.split(b" ", 2)[1])
        self.line.sendall(bare_error(status))


def serve(
    make: Callable[[], Flask], host: str, port: int, workers: int, *, taxii: bool = False, tls: Tls | None = None
) -> None:
    """Serve until a signal says stop. Raises `Refused` if the app cannot be made or the port is taken.

    `taxii` answers in TAXII what never reaches the app. `tls` ends TLS here instead of in a proxy in front.
    """
    make()  # here, so that what is missing is said in one sentence and not by a worker that will not boot
    demand_free(host, port)
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    _Server(_told(make, tls), options(bind, workers, taxii=taxii, tls=tls)).run()


def options(bind: str, workers: int, *, taxii: bool = False, tls: Tls | None = None) -> dict[str, Any]:
    """What gunicorn is told. Raises `Missing` if the files of `tls` cannot be used."""
    told: dict[str, Any] = {
        "bind": bind,
        "workers": workers,
        "threads": THREADS,
        "worker_class": TaxiiWorker if taxii else "gthread",
        "keepalive": KEEPALIVE_S,
        "limit_request_line": 8190,  # the longest gunicorn takes: some 180 ids in one match[id]
        "timeout": 120,
        "graceful_timeout": 10,
        "loglevel": "warning",
        "control_socket_disable": True,
    }
    if tls:
        context(tls)
        told |= {"certfile": os.fspath(tls.cert_file), "keyfile": os.fspath(tls.key_file)}
        told["ssl_context"] = lambda _conf, _default: context(tls)  # anew each time: files are renewed without a stop
    return told


def _told(make: Callable[[], Flask], tls: Tls | None) -> Callable[[], Any]:
    return (lambda: with_certificate(make())) if tls and tls.client_ca_file else make
