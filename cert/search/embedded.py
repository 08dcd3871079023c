"""The index inside this process: tantivy, in a folder, for a node on one machine. No server, and no scoring anywhere.

The worker writes, web processes read the same folder. The operating system frees the writer's lock when its holder
dies. Readers need the right to write in the folder, too: tantivy guards its files there with a second lock.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import tantivy
from tantivy import FieldType, Occur, Searcher
from tantivy import Query as Wanted

from cert.errors import Conflict, Missing
from cert.search import folder
from cert.search.documents import Document
from cert.search.folder import LIVE, NEXT
from cert.search.index import Hit, Index, Mark, Page, Place, Rejected
from cert.search.query import FIELDS, Query, Term

HEAP_BYTES = 32_000_000  # tantivy wants 15 MB at least; more did not index faster
REFRESH_S = 0.1  # a reader is at most this far behind the writer
FACET_MAX = 50  # values of one field that a page lists
_DISTINCT_MAX = 65_000  # values of one field that are counted, and then cut: counts stay exact
_LIMIT_MAX = 10_000
_MOST = 2**63 - 1  # what a column holds
_MARK = "mark"
_PAGE = 10_000  # digests
_STRETCH = 200  # documents that are replaced together


@dataclass(frozen=True, slots=True)
class EmbeddedShelf:
    """A `Shelf` in the folder `path`; it is made with the first index."""

    path: Path

    def live(self) -> Index:
        """As the port says."""
        return Embedded(self.path)

    def generations(self) -> tuple[str | None, str | None]:
        """As the port says."""
        return folder.named(self.path, LIVE), folder.named(self.path, NEXT)

    def add(self) -> str:
        """As the port says. Raises `Missing` where no folder can be made."""
        return folder.make(self.path, lambda empty: tantivy.Index(schema(), path=str(empty)))

    def open(self, generation: str) -> Index:
        """As the port says."""
        return Embedded(self.path, generation)

    def offer(self, generation: str) -> None:
        """As the port says."""
        folder.point(self.path, NEXT, generation)

    def promote(self, generation: str) -> None:
        """As the port says."""
        replaced, _ = self.generations()
        folder.point(self.path, LIVE, generation)
        folder.unpoint(self.path, NEXT)
        if replaced not in {None, generation}:
            folder.remove(self.path, str(replaced))

    def sweep(self) -> list[str]:
        """As the port says."""
        swept = folder.others(self.path, frozenset(self.generations()))
        for name in swept:
            folder.remove(self.path, name)
        return swept


def schema() -> tantivy.Schema:
    """The fields of a document, none of them stored. Whoever changes them raises `folder.FORMAT`."""
    fields = tantivy.SchemaBuilder()
    fields.add_unsigned_field("line", indexed=True, fast=True)
    fields.add_integer_field("time", indexed=True, fast=True)
    fields.add_unsigned_field("digest", fast=True)
    fields.add_text_field("mark", tokenizer_name="raw", index_option="basic")  # of the one document that is a `Mark`
    for name in ("number", "added"):
        fields.add_integer_field(name, fast=True)
    fields.add_text_field("words", tokenizer_name="whitespace", index_option="basic")
    fields.add_text_field("exact", tokenizer_name="whitespace", index_option="position")
    for name in ("labels", "keys"):
        fields.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in FIELDS:
        fields.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    return fields.build()


class Embedded:
    """An `Index` on tantivy: the one named, or the live one, read only. One may be shared by threads."""

    def __init__(self, path: Path, generation: str = "") -> None:
        self._path = path
        self._named = generation
        self._guard = threading.Lock()
        self._writer: tantivy.IndexWriter | None = None
        self._open()

    @property
    def generation(self) -> str:
        """As the port says."""
        with self._guard:
            self._follow()
            return self._generation

    def write(self, docs: Iterable[Document], delete: Iterable[int], mark: Mark) -> list[Rejected]:
        """As the port says. Raises `Conflict` if another process writes. Nothing is ever not taken."""
        with self._guard, self._translated():
            self._commit(self._lock(), docs, delete, mark)
            self._reload()
        return []

    def mark(self) -> Mark | None:
        """As the port says."""
        with self._translated():
            searcher = self._searcher()
            at = [address for _, address in searcher.search(self._term("mark", _MARK), limit=1).hits]
            if not at:
                return None
            (number,), (added,) = (searcher.fast_field_values(name, at) for name in ("number", "added"))
        return Mark(int(number or 0), int(added or 0))

    def digests(self, lines: Sequence[int] | None = None) -> Iterator[tuple[int, int]]:
        """As the port says, and as of now: who compares must not see what is a moment old."""
        with self._guard, self._translated():
            self._reload()
            searcher = self._index.searcher()
        wanted = [] if lines is None else [Wanted.term_set_query(self._schema, "line", list(lines))]
        start: int | None = 0
        while start is not None:
            rest = self._between("line", FieldType.Unsigned, start, None)
            with self._translated():
                page = self._digests(searcher, self._all_of([rest, *wanted]))
            yield from page
            start = page[-1][0] + 1 if len(page) == _PAGE else None

    def search(
        self, query: Query, labels: frozenset[str], limit: int, after: Place | None = None, facets: Sequence[str] = ()
    ) -> Page:
        if not labels:
            return Page((), 0, dict.fromkeys(facets, ()), None)
        with self._translated():
            searcher = self._searcher()
            visible = self._all_of([self._admits(labels), *self._asked(query)])
            hits = self._newest(searcher, visible, min(limit, _LIMIT_MAX) + 1, after)
            page = tuple(hits[:limit])
            more = (page[-1].time, page[-1].line) if page and len(hits) > limit else None
            return Page(page, _count(searcher, visible), _facets(searcher, visible, facets), more)

    def with_keys(self, keys: Sequence[str], labels: frozenset[str], limit: int) -> list[Hit]:
        if not keys or not labels:
            return []
        with self._translated():
            states = Wanted.term_set_query(self._schema, "keys", list(keys))
            return self._newest(self._searcher(), self._all_of([self._admits(labels), states]), min(limit, _LIMIT_MAX))

    def key_counts(self, keys: Sequence[str], labels: frozenset[str]) -> dict[str, int]:
        if not labels:
            return {}
        with self._translated():
            searcher, admitted = self._searcher(), self._admits(labels)
            counted = {key: _count(searcher, self._all_of([self._term("keys", key), admitted])) for key in set(keys)}
        return {key: n for key, n in counted.items() if n}

    def count(self) -> int:
        """As the port says."""
        marks = 0 if self.mark() is None else 1
        with self._translated():
            return self._searcher().num_docs - marks

    def close(self) -> None:
        """Let go of the folder, and of the writer's lock at once rather than when the process ends."""
        with self._guard:
            if self._writer is not None:
                self._writer.wait_merging_threads()
                self._writer = None

    def _open(self) -> None:
        name = self._named or folder.named(self._path, LIVE)
        if name is None or not (self._path / name).is_dir():
            raise Missing(
                "index-missing",
                "The search index at %(path)s is missing. Start `puente work`; it builds it again from the record.",
                path=self._path,
            )
        self._generation = name
        with self._translated():
            self._index = tantivy.Index.open(str(self._path / name))
            self._index.config_reader("Manual")
            self._schema = self._index.schema
        self._seen = time.monotonic()

    def _lock(self) -> tantivy.IndexWriter:
        if not self._named:
            raise Conflict("index-read-only", f"The search index at {self._path} was opened to read.")
        if not (self._path / self._named).is_dir():
            raise Missing(
                "index-replaced",
                "The search index at %(path)s was removed while it was in use. `puente work` builds it again.",
                path=str(self._path),
            )
        if self._writer is None:
            try:
                self._writer = self._index.writer(HEAP_BYTES, 1)
            except ValueError as fault:
                if "LockBusy" not in str(fault):
                    raise
                raise Conflict(
                    "index-busy",
                    f"Another process writes the search index at {self._path}. Stop it, then start this one again.",
                ) from fault
        return self._writer

    def _commit(self, writer: tantivy.IndexWriter, docs: Iterable[Document], delete: Iterable[int], mark: Mark) -> None:
        try:
            self._remove(writer, delete)
            writer.delete_documents_by_query(self._term("mark", _MARK))
            waiting = iter(docs)
            while some := list(islice(waiting, _STRETCH)):  # tantivy indexes them while the next are made
                self._remove(writer, [doc.line for doc in some])
                for doc in some:
                    writer.add_document(_fields(doc))
            noted = {"mark": _MARK, "number": mark.number, "added": mark.added}
            writer.add_document(tantivy.Document.from_dict(noted, self._schema))
            writer.commit()
        except BaseException:  # documents are made in here: whatever breaks off, half a batch must not be committed
            self._writer = None  # what it was given is dropped with it; the next batch takes a new one
            raise

    def _remove(self, writer: tantivy.IndexWriter, lines: Iterable[int]) -> None:
        writer.delete_documents_by_query(Wanted.term_set_query(self._schema, "line", list(lines)))

    def _reload(self) -> None:
        self._follow()
        self._index.reload()
        self._seen = time.monotonic()

    def _follow(self) -> None:
        """Who reads the live index goes over to the one that has taken its place."""
        if not self._named and folder.named(self._path, LIVE) != self._generation:
            self._open()

    def _searcher(self) -> Searcher:
        with self._guard:
            if time.monotonic() - self._seen > REFRESH_S:
                self._reload()
            return self._index.searcher()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """tantivy's faults are all ValueErrors."""
        try:
            yield
        except ValueError as fault:
            raise Missing(
                "index-broken",
                "The search index at %(path)s cannot be used: %(fault)s. If the disk is well, remove the folder and "
                "start `puente work`; it builds it again from the record.",
                path=self._path,
                fault=fault,
            ) from fault

    def _admits(self, labels: frozenset[str]) -> Wanted:
        return self._one_of([self._term("labels", label) for label in sorted(labels)])

    def _asked(self, query: Query) -> Iterator[Wanted]:
        for term in query.terms:
            yield self._one_of([self._said(term), *(self._term("keys", key) for key in term.keys)])
        for field, wanted in query.filters:
            yield self._one_of([self._term(field, value) for value in wanted])
        if query.since is not None:
            yield self._between("time", FieldType.Integer, query.since, None)

    def _said(self, term: Term) -> Wanted:
        if term.stem:
            return self._term("words", term.stem)
        if len(term.words) == 1:
            return self._term("exact", term.words[0])
        return Wanted.phrase_query(self._schema, "exact", list(term.words))

    def _newest(self, searcher: Searcher, wanted: Wanted, limit: int, after: Place | None = None) -> list[Hit]:
        """The first matches by time, then line, both falling. tantivy orders by one column: ties are asked apart."""
        hits: list[Hit] = []
        if after is not None:
            moment, line = (max(-_MOST, min(number, _MOST)) for number in after)  # it may come out of an address bar
            below = self._between("line", FieldType.Unsigned, None, line - 1) if line > 0 else Wanted.empty_query()
            hits = self._by(searcher, "line", self._all_of([wanted, self._at(moment), below]), limit)
            wanted = self._all_of([wanted, self._between("time", FieldType.Integer, None, moment - 1)])
        room = limit - len(hits)
        if room <= 0:
            return hits
        found = self._by(searcher, "time", wanted, room)
        if len(found) == room:
            last = found[-1].time
            found = [hit for hit in found if hit.time > last]
            found += self._by(searcher, "line", self._all_of([wanted, self._at(last)]), room - len(found))
        return hits + sorted(found, key=lambda hit: (hit.time, hit.line), reverse=True)

    def _by(self, searcher: Searcher, column: str, wanted: Wanted, limit: int) -> list[Hit]:
        found = searcher.search(wanted, limit=limit, count=False, order_by_field=column).hits
        at = [address for _, address in found]
        lines, times = (searcher.fast_field_values(name, at) for name in ("line", "time"))
        return [Hit(int(line or 0), int(moment or 0)) for line, moment in zip(lines, times, strict=True)]

    def _digests(self, searcher: Searcher, wanted: Wanted) -> list[tuple[int, int]]:
        order = tantivy.Order.Asc
        found = searcher.search(wanted, limit=_PAGE, count=False, order_by_field="line", order=order).hits
        at = [address for _, address in found]
        lines, digests = (searcher.fast_field_values(name, at) for name in ("line", "digest"))
        return [(int(line or 0), int(digest or 0)) for line, digest in zip(lines, digests, strict=True)]

    def _at(self, moment: int) -> Wanted:
        return Wanted.term_query(self._schema, "time", moment)

    def _between(self, field: str, kind: FieldType, low: int | None, high: int | None) -> Wanted:
        return Wanted.range_query(self._schema, field, kind, low, high)

    def _term(self, field: str, value: str) -> Wanted:
        return Wanted.term_query(self._schema, field, value, "basic")

    def _one_of(self, wanted: Sequence[Wanted]) -> Wanted:
        return wanted[0] if len(wanted) == 1 else Wanted.boolean_query([(Occur.Should, one) for one in wanted])

    def _all_of(self, wanted: Sequence[Wanted]) -> Wanted:
        return Wanted.boolean_query([(Occur.Must, one) for one in wanted])


def _fields(doc: Document) -> tantivy.Document:
    """A document as tantivy takes it, value by value: to have a dict checked against the schema takes far longer."""
    made = tantivy.Document()
    for name, number in (("line", doc.line), ("digest", doc.digest)):
        made.add_unsigned(name, number)
    made.add_integer("time", doc.time)
    for name, value in (
        *(("words", doc.words), ("exact", doc.exact), ("nation", doc.nation), ("type", doc.type)),
        *(("handling", doc.handling), ("rsit", doc.rsit), ("severity", doc.severity)),
    ):
        if value:
            made.add_text(name, value)
    for name, listed in (("labels", doc.labels), ("keys", doc.keys), ("system", doc.systems)):
        for value in listed:
            made.add_text(name, value)
    return made


def _count(searcher: Searcher, wanted: Wanted) -> int:
    found = searcher.search(wanted, limit=1, count=True, order_by_field="line")
    return int(found.count)  # type: ignore[attr-defined]  # tantivy's stub forgets it


def _facets(searcher: Searcher, wanted: Wanted, names: Sequence[str]) -> dict[str, tuple[tuple[str, int], ...]]:
    if not names:
        return {}
    asked = {n: {"terms": {"field": n, "size": _DISTINCT_MAX, "segment_size": _DISTINCT_MAX}} for n in names}
    answer = searcher.aggregate(wanted, asked)
    return {n: _most_frequent(answer[n]["buckets"]) for n in names}


def _most_frequent(buckets: list[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
    counted = [(str(b["key"]), int(b["doc_count"])) for b in buckets]
    return tuple(sorted(counted, key=lambda pair: (-pair[1], pair[0]))[:FACET_MAX])
