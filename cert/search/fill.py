"""The follower `search`: keeps the index equal to what is current in the record.

An entry means "this line changed", so what is indexed is the line as it is now, not what the entry said; doing it again
is harmless. A marking-definition that arrives changes who may see every line that refers to it: those follow at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set

from cert import access, sight, stix
from cert.access import Organisation
from cert.errors import Phrase
from cert.follow import Clock, Follower
from cert.search.documents import Document, document
from cert.search.index import Index, Mark, Rejected
from cert.stix import Micros
from cert.store import aside, current, log
from cert.store.aside import Aside
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import RECORD, Entry

BATCH = 2_000  # entries; an index commits in some 20 ms, however little it writes
RELABEL = 2_000  # lines a step, when a marking-definition changes them all
REJECTED = "index-rejected"
"""The code of what an index did not take."""

Stated = tuple[Entry, tuple[str, Organisation]]
"""What a document is made from: an entry, the level it is taken under, and who states it."""


def cursor_name(index: Index) -> str:
    """The cursor of one index: another index has another, at 0, and so is filled from the first entry."""
    return cursor_of(index.generation)


def cursor_of(generation: str) -> str:
    """The cursor of the index with this name."""
    return f"search:{generation}"


def follower(db: Engine, index: Index, clock: Clock) -> Follower:
    """The follower `search` of one index: it keeps the index equal to the record."""
    return Follower(cursor_name(index), RECORD, outside=fill(db, index, clock), batch=BATCH)


def fill(db: Engine, index: Index, clock: Clock) -> Callable[[Sequence[Entry]], None]:
    """What that follower does with a batch of the record: index its lines as they are now."""

    def write(batch: Sequence[Entry]) -> None:
        mark = Mark(batch[-1].number, batch[-1].date_added)
        _write(db, index, {entry.line for entry in batch if entry.line is not None}, mark, clock, batch)
        definitions = [entry.id for entry in batch if stix.type_of(entry.id) == "marking-definition"]
        for lines in _marked(db, definitions, mark.number):
            _write(db, index, lines, mark, clock)

    return write


def _write(db: Engine, index: Index, lines: Set[int], mark: Mark, clock: Clock, known: Sequence[Entry] = ()) -> None:
    """Read, then write: no transaction stays open while the index commits. What it does not take is set aside."""
    with reading(db) as c:
        stated = _stated(c, lines, known)
    gone = lines - {entry.line for entry, _ in stated}
    rejected = index.write(map(_made, stated), sorted(gone), mark)
    if rejected:
        with writing(db) as c:
            set_aside(c, index, rejected, clock())


def set_aside(c: Connection, index: Index, rejected: Sequence[Rejected], now: Micros) -> None:
    """Set aside, in plain sight, what an index did not take: under the entry that is current on its line."""
    held = current.by_line(c, RECORD, {one.line for one in rejected})
    for one in rejected:
        entry = held[one.line]
        name = cursor_name(index)
        aside.put_aside(c, Aside(name, RECORD, entry.number, entry.id, REJECTED, Phrase(one.reason), now))


def take_back(db: Engine, index: Index, clock: Clock) -> int:
    """Try once more what was set aside: the newest `BATCH` documents. Gives how many the index has taken now."""
    name = cursor_name(index)
    with reading(db) as c:
        waiting = [one for one in aside.all_aside(c, BATCH, name) if one.code == REJECTED]
        entries = log.entries_numbered(c, RECORD, [one.number for one in waiting])
        lines = {entry.line for entry in entries if entry.line is not None}
        stated = _stated(c, lines)
    mark = index.mark()
    if not waiting or mark is None:
        return 0
    gone = lines - {entry.line for entry, _ in stated}
    refused = {one.line for one in index.write(map(_made, stated), sorted(gone), mark)}
    taken = [entry.number for entry in entries if entry.line not in refused]
    with writing(db) as c:
        aside.take_back(c, name, RECORD, taken)
    return len(taken)


def documents(c: Connection, lines: Iterable[int]) -> Iterator[Document]:
    """The documents of these lines, as they are now; none for a line whose author has withdrawn it (SX-57).

    All that they are made from is read at once; each is made when it is asked for.
    """
    return map(_made, _stated(c, lines))


def _stated(c: Connection, lines: Iterable[int], known: Sequence[Entry] = ()) -> list[Stated]:
    held = current.by_line(c, RECORD, lines, known).values()
    entries = [entry for entry in held if not sight.is_revoked(entry)]
    return list(zip(entries, sight.handlings(c, entries), strict=True))


def _made(stated: Stated) -> Document:
    entry, (level, origin) = stated
    return document(entry, access.audience(level, origin), origin.nation, level)


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
