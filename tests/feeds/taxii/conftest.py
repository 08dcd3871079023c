"""The cast: an agency that posts, one that only reads, one that only writes, a stranger, and the peer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from cert.store import log, people, signin
from cert.store.engine import Connection, Engine, open_db, writing
from cert.store.tables import metadata
from feeds.taxii.app import taxii_app
from tests.feeds.taxii.node import BENCH, HIDDEN, KEY, SECRET, START, TO_US, Clock, Node, closing

Start = Callable[..., Node]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Engine]:
    engine = open_db(f"sqlite:///{tmp_path / 'node.db'}")
    metadata.create_all(engine)
    with writing(engine) as c:
        _cast(c)
    yield engine
    engine.dispose()


@pytest.fixture
def start(db: Engine) -> Iterator[Start]:
    """Start the server with other settings than the usual."""
    with _Servers() as servers:
        yield lambda **settings: servers.start(db, **settings)


@pytest.fixture
def node(start: Start) -> Node:
    return start()


class _Servers:
    """The servers that one test started, to be stopped after it."""

    def __init__(self) -> None:
        self.running: list[Any] = []

    def __enter__(self) -> "_Servers":
        return self

    def start(self, db: Engine, **settings: Any) -> Node:
        clock = settings.setdefault("clock", Clock())
        app = taxii_app(db, **{"title": "CERT", "secret_key": KEY} | settings)
        serving = _serving(app)
        url = serving.__enter__()
        node = Node(url, db, clock)
        ending = closing(node)
        ending.__enter__()
        self.running += [serving, ending]
        return node

    def __exit__(self, *_: object) -> None:
        for context in reversed(self.running):
            context.__exit__(None, None, None)


@contextmanager
def _serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _cast(c: Connection) -> None:
    cert = _organisation(c, "CERT", "cert", 1)
    log.create_log(c, "acts", cert)
    customs = _organisation(c, "Customs", "agency", 2)
    peer = _organisation(c, "Their CERT", "peer", 3)
    for account, org in (("customs", customs), ("reader", cert), ("writer", customs), ("stranger", cert), ("us", peer)):
        signin.add_account(c, account, org, SECRET)
    for n, (collection, log_name, org) in enumerate(
        ((BENCH, "bench:customs", customs), (HIDDEN, "bench:hidden", cert), (TO_US, "to:us", cert))
    ):
        log.create_log(c, log_name, org)
        alias = log_name.replace(":", "-")
        signin.add_collection(c, id=collection, alias=alias, title=log_name.title(), log=log_name, now=START + n)
    signin.grant(c, "customs", "bench-customs", can_read=True, can_write=True)
    signin.grant(c, "reader", "bench-customs", can_read=True, can_write=False)
    signin.grant(c, "writer", "bench-customs", can_read=False, can_write=True)
    signin.grant(c, "us", "to-us", can_read=True, can_write=True)
    signin.grant(c, "reader", "bench-hidden", can_read=True, can_write=True)


def _organisation(c: Connection, name: str, kind: str, n: int) -> int:
    identity = f"identity--00000000-0000-4000-8000-{n:012}"
    org = people.add_organisation(
        c, name=name, kind=kind, nation="mx", identity_id=identity, default_handling="green", ours=kind != "peer"
    )
    return org.n
