"""The follower `search`: keeps the index equal to what is current in the record.

An entry means "this line changed", so what is indexed is the line as it is now, not what the entry said; doing it again
is harmless. A marking-definition that arrives changes who may see every line that refers to it: those follow at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set

from cert import access, sight, stix
from cert.search.documents import Document, document
from cert.search.index import Index
from cert.store import current
from cert.store.engine import Connection, Engine, reading
from cert.store.log import RECORD, Entry

RELABEL = 2_000  # lines a step, when a marking-definition changes them all


def cursor_name(index: Index) -> str:
    """The cursor of one index folder: another folder has another, at 0, and so is filled from the first entry."""
    return f"search:{index.generation}"


def fill(db: Engine, index: Index) -> Callable[[Sequence[Entry]], None]:
    """What the follower `search` does with a batch of the record: index its lines as they are now."""

    def write(batch: Sequence[Entry]) -> None:
        _write(db, index, {entry.line for entry in batch if entry.line is not None})
        definitions = [entry.id for entry in batch if stix.type_of(entry.id) == "marking-definition"]
        for lines in _marked(db, definitions, batch[-1].number):
            _write(db, index, lines)

    return write


def _write(db: Engine, index: Index, lines: Set[int]) -> None:
    """Read, then write: no transaction stays open while the index commits."""
    with reading(db) as c:
        docs = list(documents(c, lines))
    index.write(docs, delete=sorted(lines - {doc.line for doc in docs}))


def documents(c: Connection, lines: Iterable[int]) -> Iterator[Document]:
    """The documents of these lines, as they are now; none for a line whose author has withdrawn it (SX-57)."""
    held = current.by_line(c, RECORD, set(lines)).values()
    entries = [entry for entry in held if not sight.is_revoked(entry)]
    for entry, (level, origin) in zip(entries, sight.handlings(c, entries), strict=True):
        yield document(entry, access.audience(level, origin), origin.nation, level)


def _marked(db: Engine, definitions: Sequence[str], upto: int) -> Iterator[Set[int]]:
    """The lines that carry one of these markings, a step at a time; those written after `upto` have their turn yet."""
    beyond = 0
    while True:
        with reading(db) as c:
            lines = current.referrers(c, definitions, RELABEL, marking=True, beyond=beyond)
            held = current.by_line(c, RECORD, lines)
        if not lines:
            return
        yield {line for line, entry in held.items() if entry.number <= upto}
        beyond = lines[-1]
