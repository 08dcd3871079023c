"""Other people's TAXII 2.1 servers, filled with the objects that ours holds, each the fastest way it has.

medallion reads a file when it starts; OpenTAXII gets rows for its table. Neither validates anything then.
"""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import requests

from cert.stix import Micros, format_timestamp
from tests.bench import held, machine
from tests.bench.held import Held, Load, NotHeld
from tests.bench.site import Client
from tests.interop import servers
from tests.interop.servers import NotUp, Server
from tests.nations import on_postgres
from tests.servers import postgres

START: Micros = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z; every object is added a microsecond after another
PAGE = 10_000  # by which both are drained: it costs them less than many small ones, and larger ones gain nothing
TOKEN_S = 3_600
EMPTY = b'"objects": [], "manifest": []'

Open = Callable[[Path, Load, float], AbstractContextManager[Held]]
"""Opens a server in a folder, full and up, within so many seconds. Raises `NotHeld`, or `NotInstalled`."""


@contextmanager
def medallion(folder: Path, what: Load, budget_s: float) -> Iterator[Held]:
    """medallion with the memory backend it comes with. It may have half the memory of the machine."""
    server = servers.medallion_in(folder, PAGE, TOKEN_S)
    _store(folder / servers.STORED, what.file)
    server = replace(server, words=("prlimit", f"--as={machine.memory_bytes() // 2}", *server.words))
    proof = b64encode(f"{servers.USER}:{servers.PASSWORD}".encode()).decode()
    with _up(server, 0, budget_s):
        yield _held(server, servers.OBJECTS, f"Basic {proof}", what, budget_s)


def _store(file: Path, objects: Path) -> None:
    """Put these objects into what medallion reads when it starts, and for each what it notes of one that is posted."""
    before, empty, after = file.read_bytes().partition(EMPTY)
    assert empty
    noted = []
    with objects.open("rb") as lines, file.open("wb") as out:
        out.write(before + b'"objects": [')
        for n, line in enumerate(lines):
            obj, added = orjson.loads(line), format_timestamp(START + n, 6)
            version = obj.get("modified") or obj.get("created") or obj.setdefault("_date_added", added)
            media_type = "application/stix+json;version=2.1"
            note = {"id": obj["id"], "date_added": added, "version": version, "media_type": media_type}
            noted.append(orjson.dumps(note))
            out.write((b"," if n else b"") + orjson.dumps(obj))
        out.write(b'], "manifest": [' + b",".join(noted) + b"]" + after)


@contextmanager
def opentaxii(folder: Path, what: Load, budget_s: float, database: str = "") -> Iterator[Held]:
    """OpenTAXII on SQLite, if it is not told a database. It is asked with a token: a password costs it 0.1 s a time."""
    server = servers.opentaxii_in(folder, database)
    with servers.loading(server) as loader:
        start = format_timestamp(START, 6)
        asked = {"file": str(what.file), "count": what.held, "start": start, "seconds": budget_s}
        started = time.monotonic()
        count = loader.do(orjson.dumps(asked))
        took_s = time.monotonic() - started
        if count < what.held:
            raise NotHeld(f"not held: {count:,} objects in {took_s:.0f} s")
        with _up(server, count, budget_s):
            yield _held(server, loader.objects, f"Bearer {_token(server)}", what, budget_s, loader.do)


@contextmanager
def opentaxii_on_postgres(folder: Path, what: Load, budget_s: float) -> Iterator[Held]:
    """OpenTAXII on a PostgreSQL that waits for the disk, as SQLite does, and ends what nobody waits for any more."""
    settings = {"client_connection_check_interval": "1s"}
    with postgres.running(folder / "postgres", durable=True, settings=settings) as server:
        database = server.fresh_database().replace("postgresql:", "postgresql+psycopg:")
        with opentaxii(folder, what, budget_s, database) as full:
            yield full


@contextmanager
def puente_on_postgres(folder: Path, what: Load, _: float) -> Iterator[Held]:
    """Ours on such a PostgreSQL."""
    with postgres.running(folder / "postgres", durable=True) as server:
        told = {"mx": on_postgres(folder, server.fresh_database())}
        with held.puente(folder, what, told) as full:
            yield full


ALL: Mapping[str, Open] = {
    "medallion": medallion,
    "OpenTAXII": opentaxii,
    "OpenTAXII-PostgreSQL": opentaxii_on_postgres,
    "Puente-PostgreSQL": puente_on_postgres,
}
USUAL = ("medallion", "OpenTAXII")


@contextmanager
def _up(server: Server, count: int, budget_s: float) -> Iterator[None]:
    try:
        server.start(budget_s)
    except NotUp:
        raise NotHeld(f"not held: {count:,} objects in {budget_s:.0f} s") from None
    try:
        yield
    finally:
        server.kill()


def _held(
    server: Server,
    path: str,
    proof: str,
    what: Load,
    budget_s: float,
    put: Callable[[bytes], object] | None = None,
) -> Held:
    there = urlsplit(server.url)
    client = Client(
        HTTPConnection(there.hostname or "", there.port), {"Authorization": proof, "Accept": servers.MEDIA_TYPE}
    )
    middle = format_timestamp(START + what.held // 2 - 1, 6)
    return Held(client, path, middle, PAGE, lambda: server.process, server.kill, lambda: server.start(budget_s), put)


def _token(server: Server) -> str:
    told = {"username": servers.USER, "password": servers.PASSWORD}
    answer = requests.post(server.url.replace("taxii2", "management") + "auth", json=told, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["token"])
