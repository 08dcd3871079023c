"""The port of the search index: what every engine can do, and nothing an engine could do in its own way.

An index is a cache of the record. It is asked for line numbers only; whoever asks reads the objects from the store
and checks access there once more. Answers are ordered by time, never by relevance: a score counts hidden documents too.
"""

from collections.abc import Mapping, Sequence
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


class Index(Protocol):
    """What is asked of an engine. `labels` are the asker's: one in common makes a document visible."""

    @property
    def generation(self) -> str:
        """A name made with the index folder: another name means another, empty index, to be filled from entry 0."""

    def write(self, docs: Sequence[Document], delete: Sequence[int] = ()) -> None:
        """Put `docs` and remove the lines in `delete`, durably and at once; repeating it changes nothing.

        There is one document a line and the last one written wins. That is right as long as a single writer
        reads the record in order, which the follower's lock sees to. A line in both is put.
        """

    def search(
        self, query: Query, labels: frozenset[str], limit: int, after: Place | None = None, facets: Sequence[str] = ()
    ) -> Page:
        """The newest `limit` visible matches after `after`, with counts for the fields named in `facets`."""

    def with_keys(self, keys: Sequence[str], labels: frozenset[str], limit: int) -> list[Hit]:
        """The newest `limit` visible documents that state any of `keys` (as `cert.keys.keys` spells them)."""

    def key_counts(self, keys: Sequence[str], labels: frozenset[str]) -> dict[str, int]:
        """How many visible documents state each key; a key that none states is left out."""

    def count(self) -> int:
        """How many documents there are, hidden ones too: for operators, never for a page."""

    def refresh(self) -> None:
        """See what the writer has committed. Questions do this by themselves, so only tests need it."""
