"""The ports of the search index: what every engine can do, and nothing an engine could do in its own way.

An index is a cache of the record. It is asked for line numbers only; whoever asks reads the objects from the store
and checks access there once more. Answers are ordered by time, never by relevance: a score counts hidden documents too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cert.search.documents import Document
from cert.search.query import Query
from cert.stix import Micros

Place = tuple[Micros, int]
"""Where a page ended: time and line of its last hit. The next page holds what comes after it."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One line that matches, with the time it is ordered by."""

    line: int
    time: Micros


@dataclass(frozen=True, slots=True)
class Page:
    """Some hits, newest first, and what is known of all that match.

    `count` is exact and `facets` are counted, both over every visible match and not over this page alone.
    `facets` maps a field to (value, count) pairs, most frequent first, then by value.
    """

    hits: tuple[Hit, ...]
    count: int
    facets: Mapping[str, tuple[tuple[str, int], ...]]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry of the record up to which an index was written: its number, and when it was added.

    The date tells whether it is an entry of the same record: a database that was restored gives numbers out again.
    """

    number: int
    added: Micros


@dataclass(frozen=True, slots=True)
class Rejected:
    """A document that an engine would not take, and what it said."""

    line: int
    reason: str


class Asked(Protocol):
    """What readers ask. `labels` are the asker's: one in common makes a document visible."""

    def search(
        self, query: Query, labels: frozenset[str], limit: int, after: Place | None = None, facets: Sequence[str] = ()
    ) -> Page:
        """The newest `limit` visible matches after `after`, with counts for the fields named in `facets`."""

    def with_keys(self, keys: Sequence[str], labels: frozenset[str], limit: int) -> list[Hit]:
        """The newest `limit` visible documents that state any of `keys` (as `cert.keys.keys` spells them)."""

    def key_counts(self, keys: Sequence[str], labels: frozenset[str]) -> dict[str, int]:
        """How many visible documents state each key; a key that none states is left out."""


class Index(Asked, Protocol):
    """One index, as the worker writes it and readers ask it. Whatever is asked raises `Missing` while it cannot be."""

    @property
    def generation(self) -> str:
        """A name made with the index: another name means another, empty index, to be filled from entry 0."""

    def write(self, docs: Iterable[Document], delete: Iterable[int], mark: Mark) -> list[Rejected]:
        """Put `docs`, remove the lines in `delete` and note the mark, durably and visibly; gives what was not taken.

        There is one document a line, so no line may come twice; repeating a call changes nothing. What a later mark
        has written stays. Raises `Missing` if any of it may not have been done: then all is to be written again.
        """

    def mark(self) -> Mark | None:
        """What the last `write` noted, None before the first."""

    def digests(self, lines: Sequence[int] | None = None) -> Iterator[tuple[int, int]]:
        """(line, digest) of every document, or of those on `lines`, lines rising, all as of one moment."""

    def count(self) -> int:
        """How many documents there are, hidden ones too: for operators, never for a page."""

    def close(self) -> None:
        """Let go of what is held open."""


class Shelf(Protocol):
    """Where the indexes of a node stand: one is live, which readers see, and one may be offered to replace it."""

    def live(self) -> Index:
        """The live index, to be asked: it follows when another one takes its place. Raises `Missing` without one."""

    def generations(self) -> tuple[str | None, str | None]:
        """The names of the live index and of the offered one. One that this version cannot use counts as none."""

    def add(self) -> str:
        """Make a new, empty index, neither live nor offered, and give its name."""

    def open(self, generation: str) -> Index:
        """An index, to be written and asked. Raises `Missing` if it is not there."""

    def offer(self, generation: str) -> None:
        """Offer an index to take the live one's place; the worker brings it up to date, and promotes it."""

    def promote(self, generation: str) -> None:
        """Make an index the live one, in one step for all readers, and remove the one it replaces."""

    def sweep(self) -> list[str]:
        """Remove what is neither live nor offered, and give the names."""
