"""The shelves that hold for both engines what is promised of any, and short ways to look into them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cert.search import keep
from cert.search.elastic import Cluster, ElasticShelf
from cert.search.embedded import EmbeddedShelf
from cert.search.index import Index, Shelf
from cert.search.keep import Comparison, Keeper
from cert.store.engine import Engine
from tests.cast import Clock
from tests.servers import elastic


def nothing(_what: str, _done: int, _of: int) -> None:
    """Progress that nobody looks at."""


@contextmanager
def shelf_on(request: pytest.FixtureRequest, kind: str, folder: Path) -> Iterator[Shelf]:
    """An empty shelf of one kind, `embedded` or `elastic`; what was put on it is removed."""
    if kind == "embedded":
        yield EmbeddedShelf(folder)
        return
    with elastic.swept(request.getfixturevalue("elastic_url")) as prefix:
        yield ElasticShelf(Cluster((request.getfixturevalue("elastic_url"),), f"{prefix}index"))


def whole(cluster: elastic.Cluster) -> None:
    """Start what was killed of a cluster, and wait until each shard has all its copies again."""
    for node in cluster.nodes:
        if node.process is None:
            node.start()
    cluster.until_up()
    assert not cluster.ask("GET", "/_cluster/health?wait_for_status=green&timeout=60s")["timed_out"]


def settle(keeper: Keeper) -> None:
    """Let the keeper do all there is to do."""
    while keeper.turn():
        pass


def compared(db: Engine, index: Index, level: Callable[[], None] | None = None) -> Comparison:
    """The comparison of an index with the record."""
    return keep.compare(db, index, nothing, level)


def keeper_of(db: Engine, shelf: Shelf, clock: Clock) -> Keeper:
    """A keeper that looks at its shelf every time."""
    return Keeper(db, shelf, clock, look_s=0)
