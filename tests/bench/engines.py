"""What is measured: the two pairs of a database and an index that a node can run on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cert.store.engine import sqlite_module
from config.cast import NATIONS
from config.pair import NOTHING, Told
from tests.nations import on_servers
from tests.servers import elastic, postgres

HEAP_MB = 1024


@dataclass(frozen=True, slots=True)
class Engines:
    """A database and an index, the settings by which nodes use them, and the mark for the index: documents a second."""

    name: str
    told: Told
    index_mark: int
    server: postgres.Server | None = None


def embedded() -> Engines:
    """What a node uses that is told nothing."""
    return Engines(f"SQLite {sqlite_module().sqlite_version} + tantivy {version('tantivy')}", NOTHING, 20_000)


@contextmanager
def servers(folder: Path) -> Iterator[Engines]:
    """A PostgreSQL and an Elasticsearch that run, as an operator would have them. Raises `NotInstalled`."""
    with (
        postgres.running(folder / "postgres", durable=True) as server,
        elastic.running(folder / "elastic", quick=False, heap_mb=HEAP_MB) as node,
    ):
        told = {nation: on_servers(folder, server.fresh_database(), node.url, f"bench-{nation}") for nation in NATIONS}
        number, _, _ = server.door.run("SHOW server_version").partition(" ")
        yield Engines(f"PostgreSQL {number} + Elasticsearch {elastic.V8}", told, 10_000, server)
