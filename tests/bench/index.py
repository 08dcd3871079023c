"""How fast the index follows the record, is built anew, and is compared."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial

from cert.follow import now_us
from cert.search import fill, keep
from cert.search.documents import Document
from cert.search.index import Index, Mark
from cert.store import current, log
from cert.store.engine import Engine, reading
from cert.store.log import RECORD
from config import wiring
from tests.bench.clock import Turn, seconds, speed
from tests.bench.site import Site
from tests.bench.writes import last_parts

TIMES = 2  # it reads the whole record four times
BESIDE = "read its documents"


def indexing(site: Site) -> Iterator[Turn]:
    """Search follows the record; beside it documents of the same entries, ready, into an index of their own."""
    shelf = wiring.shelf_of(site.settings())
    live, spare = shelf.add(), shelf.add()
    shelf.promote(live)
    mark = f"{site.engines.index_mark:,} documents/s"
    with closing(shelf.open(live)) as index, closing(shelf.open(spare)) as bare:
        for start, end, took_s in last_parts(site.served, fill.follower(site.served, index, now_us)):
            docs = _documents(site.served, start, end)
            bare_speed = speed(len(docs), partial(_write, bare, docs, end))
            yield Turn("record to index", "documents", (end - start) / took_s, "write them, ready", bare_speed, mark)
    shelf.sweep()


def keeping(site: Site) -> Iterator[Turn]:
    """Build the index anew in place of the live one, and compare it once more; beside both the reading alone."""
    shelf = wiring.shelf_of(site.settings())
    for _ in range(TIMES):
        rebuild_s = seconds(partial(keep.rebuild, site.served, shelf, now_us, _unseen))
        with closing(shelf.live()) as index:
            count = index.count()
            check_s = seconds(partial(_compare, site.served, index))
        read = speed(count, partial(_read, site.served))
        yield Turn("rebuild of the index", "documents", count / rebuild_s, BESIDE, read)
        yield Turn("index check", "documents", count / check_s, BESIDE, read)


def _documents(db: Engine, start: int, end: int) -> list[Document]:
    with reading(db) as c:
        entries = log.after(c, RECORD, start, end - start)
        return list(fill.documents(c, {entry.line for entry in entries if entry.line}))


def _write(index: Index, docs: Sequence[Document], number: int) -> None:
    for start in range(0, len(docs), fill.BATCH):
        index.write(docs[start : start + fill.BATCH], (), Mark(number, 0))


def _read(db: Engine) -> None:
    line = 0
    while True:
        with reading(db) as c:
            lines = current.lines_beyond(c, RECORD, line, fill.BATCH)
            list(fill.documents(c, lines))
        if not lines:
            return
        line = lines[-1]


def _compare(db: Engine, index: Index) -> None:
    found = keep.compare(db, index, _unseen)
    assert not found.wrong, found


def _unseen(_what: str, _done: int, _of: int) -> None:
    """Progress that nobody looks at."""
