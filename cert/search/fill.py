"""The follower `search`: keeps the index equal to what is current in the record.

An entry means "this line changed", so what is indexed is the line as it is now, not what the entry said; doing it again
is harmless. A marking-definition that arrives changes who may see every line that refers to it: those follow at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from cert import access, sight, stix
from cert.search.documents import Document, document
from cert.search.index import Index
from cert.store import current
from cert.store.engine import Connection, Engine, reading
from cert.store.log import RECORD, Entry

RELABEL = 500  # lines a step, when a marking-definition changes them all


def cursor_name(index: Index) -> str:
    """The cursor of one index folder: another folder has another, at 0, and so is filled from the first entry."""
    return f"search:{index.generation}"


def fill(db: Engine, index: Index) -> Callable[[Sequence[Entry]], None]:
    """What the follower `search` does with a batch of the record: index its lines as they are now."""

    def write(batch: Sequence[Entry]) -> None:
        with reading(db) as c:
            index.write(list(documents(c, (entry.line for entry in batch if entry.line is not None))))
            definitions = [entry.id for entry in batch if stix.type_of(entry.id) == "marking-definition"]
            for lines in _marked(c, definitions):
                index.write(list(documents(c, lines)))

    return write


def documents(c: Connection, lines: Iterable[int]) -> Iterator[Document]:
    """The documents of these lines, as they are now."""
    entries = list(current.by_line(c, RECORD, set(lines)).values())
    for entry, (level, origin) in zip(entries, sight.handlings(c, entries), strict=True):
        yield document(entry, access.audience(level, origin), origin.nation, level)


def _marked(c: Connection, definitions: Sequence[str]) -> Iterator[list[int]]:
    """The lines that carry one of these markings, a step at a time."""
    beyond = 0
    while lines := current.referrers(c, definitions, RELABEL, marking=True, beyond=beyond):
        yield lines
        beyond = lines[-1]
