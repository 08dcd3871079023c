"""What can be asked while the index cannot be: the newest objects of the record, looked through one by one.

The answers mean the same as an index's, over fewer objects: the newest, and those that are named by id or by a value
whose id both nations compute alike. Whoever shows them says so.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cert import sco
from cert.search import fill
from cert.search.documents import Document
from cert.search.index import Hit, Page, Place
from cert.search.query import Query, Term
from cert.store import current
from cert.store.engine import Connection
from cert.store.log import RECORD

MOST = 1_000
"""How many objects are looked through: a tenth of a second's work."""

SCAN = 20_000  # entries among which objects of one type are looked for
FACET_MAX = 50  # values of one field that a page lists
_HASHES = {"md5": "MD5", "sha-1": "SHA-1", "sha-256": "SHA-256", "sha-512": "SHA-512"}


class Recent:
    """What an index is asked, answered from the record as a connection sees it; it reads as it is asked."""

    def __init__(self, c: Connection) -> None:
        self._c = c
        self._read: dict[str, dict[int, Document]] = {}

    def search(
        self, query: Query, labels: frozenset[str], limit: int, after: Place | None = None, facets: Sequence[str] = ()
    ) -> Page:
        """As the port says, over the newest objects."""
        kinds = next((wanted for field, wanted in query.filters if field == "type"), ("",))
        keys = [key for term in query.terms for key in term.keys]
        return self._listed(kinds, keys).search(query, labels, limit, after, facets)

    def with_keys(self, keys: Sequence[str], labels: frozenset[str], limit: int) -> list[Hit]:
        """As the port says, over the newest objects."""
        return self._listed(("",), keys).with_keys(keys, labels, limit)

    def key_counts(self, keys: Sequence[str], labels: frozenset[str]) -> dict[str, int]:
        """As the port says, over the newest objects."""
        return self._listed(("",), keys).key_counts(keys, labels)

    def _listed(self, kinds: Iterable[str], keys: Iterable[str]) -> "Listed":
        found: dict[int, Document] = {}
        for kind in kinds:
            if kind not in self._read:
                self._read[kind] = self._documents(current.newest_lines(self._c, RECORD, kind, MOST, SCAN))
            found |= self._read[kind]
        named = current.newest(self._c, RECORD, {i for key in keys for i in _ids(key)})
        found |= self._documents([entry.line for entry in named if entry.line not in found and entry.line is not None])
        return Listed(tuple(found.values()))

    def _documents(self, lines: Collection[int]) -> dict[int, Document]:
        return {doc.line: doc for doc in fill.documents(self._c, lines)}


@dataclass(frozen=True, slots=True)
class Listed:
    """Some documents, and what an index is asked, answered by looking at each of them."""

    docs: tuple[Document, ...]

    def search(
        self, query: Query, labels: frozenset[str], limit: int, after: Place | None = None, facets: Sequence[str] = ()
    ) -> Page:
        """As the port says."""
        found = self._newest(doc for doc in self._visible(labels) if _matches(doc, query))
        rest = [doc for doc in found if after is None or (doc.time, doc.line) < after]
        hits = tuple(Hit(doc.line, doc.time) for doc in rest[:limit])
        more = (hits[-1].time, hits[-1].line) if hits and len(rest) > limit else None
        return Page(hits, len(found), {name: _counted(found, name) for name in facets}, more)

    def with_keys(self, keys: Sequence[str], labels: frozenset[str], limit: int) -> list[Hit]:
        """As the port says."""
        found = self._newest(doc for doc in self._visible(labels) if not set(keys).isdisjoint(doc.keys))
        return [Hit(doc.line, doc.time) for doc in found[:limit]]

    def key_counts(self, keys: Sequence[str], labels: frozenset[str]) -> dict[str, int]:
        """As the port says."""
        return dict(Counter(key for doc in self._visible(labels) for key in set(keys).intersection(doc.keys)))

    def _visible(self, labels: frozenset[str]) -> Iterator[Document]:
        return (doc for doc in self.docs if not labels.isdisjoint(doc.labels))

    def _newest(self, docs: Iterable[Document]) -> list[Document]:
        return sorted(docs, key=lambda doc: (doc.time, doc.line), reverse=True)


def _matches(doc: Document, query: Query) -> bool:
    return (
        (query.since is None or doc.time >= query.since)
        and all(not set(wanted).isdisjoint(_values(doc, field)) for field, wanted in query.filters)
        and all(_says(doc, term) for term in query.terms)
    )


def _says(doc: Document, term: Term) -> bool:
    if not set(term.keys).isdisjoint(doc.keys):
        return True
    if term.stem:
        return term.stem in doc.words.split()
    return f" {' '.join(term.words)} " in f" {doc.exact} "


def _values(doc: Document, field: str) -> tuple[str, ...]:
    return doc.systems if field == "system" else tuple(filter(None, (getattr(doc, field),)))


def _counted(docs: Iterable[Document], field: str) -> tuple[tuple[str, int], ...]:
    counts = Counter(value for doc in docs for value in set(_values(doc, field)))
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:FACET_MAX])


def _ids(key: str) -> Iterator[str]:
    """The STIX ids of what a key may stand on, where they can be computed."""
    kind, _, value = key.partition(":")
    if kind == "id":
        yield value
    elif kind == "file":
        name, _, digest = value.partition(":")
        yield from filter(None, [sco.sco_id({"type": kind, "hashes": {_HASHES.get(name, name): digest}})])
    elif sco.CONTRIBUTING.get(kind) == ("value",):
        yield from filter(None, [sco.sco_id({"type": kind, "value": value})])
