"""What we say to Elasticsearch, as plain dicts (pure): the mapping, the settings, and a `Query` as its filters.

Core features only, and only those that a test lists: `bool`, `term`, `terms`, `range`, `exists`, `match_phrase` inside
`constant_score`. Never a query string, a script or a wildcard, whatever somebody types (P16 of our threat list).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cert.search.documents import Document
from cert.search.index import Mark, Place
from cert.search.query import FIELDS, Query, Term

FORMAT = "1"  # of the mapping; another one means: build the index anew
FACET_MAX = 50  # values of one field that a page lists
MARK_ID = "mark"
"""The id of the one document that is a `Mark`; all others are called after their line."""

_LARGEST = 2**63 - 1  # what a long holds
_KEYWORD = {"type": "keyword", "doc_values": False}  # to find by, never to count or to sort
_COUNTED = {"type": "keyword"}
_LONG = {"type": "long"}

MAPPING: Mapping[str, Any] = {
    "dynamic": "strict",  # no field from a peer's object ever makes one of ours
    "_source": {"enabled": False},  # an index holds no object: it is built from the record, and says line numbers
    "_meta": {"format": FORMAT},
    "properties": {
        "line": _LONG,
        "time": _LONG,
        "digest": {"type": "long", "index": False},
        "words": _KEYWORD,
        "exact": {"type": "text", "analyzer": "whitespace", "norms": False},
        "labels": _KEYWORD,
        "keys": _KEYWORD,
        **dict.fromkeys(FIELDS, _COUNTED),
        "number": {"type": "long", "index": False},
        "added": {"type": "long", "index": False},
    },
}
SETTINGS: Mapping[str, Any] = {
    "number_of_shards": 1,  # counts of facets are exact in one shard, and one holds many millions of our documents
    "auto_expand_replicas": "0-1",  # a copy as soon as there is a second machine
    "refresh_interval": -1,  # every write says when it is to be seen
    "gc_deletes": "1h",  # how late a write of a worker that was replaced may arrive and still find itself outdated
    "max_result_window": 10_001,
}


def template(name: str) -> dict[str, Any]:
    """The index template for all indexes of one name. None of them is ever made by a write that comes too late."""
    settings, mappings = dict(SETTINGS), dict(MAPPING)
    return {
        "index_patterns": [f"{name}.*"],
        "allow_auto_create": False,
        "template": {"settings": settings, "mappings": mappings},
    }


def is_ours(mapping: Mapping[str, Any]) -> bool:
    """Whether an index has the fields this version writes."""
    fields = mapping.get("properties", {})
    same = all(fields.get(name, {}).get("type") == made["type"] for name, made in MAPPING["properties"].items())
    return same and mapping.get("dynamic") == "strict" and mapping.get("_meta") == MAPPING["_meta"]


def source(doc: Document) -> dict[str, Any]:
    """A document as it is written; empty fields are left out."""
    given = {
        "line": doc.line,
        "time": doc.time,
        "digest": doc.digest,
        "words": doc.words.split(),
        "exact": doc.exact,
        "labels": doc.labels,
        "keys": doc.keys,
        "nation": doc.nation,
        "type": doc.type,
        "handling": doc.handling,
        "system": doc.systems,
        "rsit": doc.rsit,
        "severity": doc.severity,
    }
    return {name: value for name, value in given.items() if value not in ("", (), [])}


def mark_source(mark: Mark) -> dict[str, Any]:
    """A mark as it is written: no line, no labels, so nothing that is asked ever finds it."""
    return {"number": mark.number, "added": mark.added}


def page(query: Query, labels: Iterable[str], limit: int, after: Place | None, facets: Sequence[str]) -> dict[str, Any]:
    """The body of a search: one hit more than `limit`, to know of more, and exact counts over all that match."""
    asked: dict[str, Any] = {
        "query": _constant([admits(labels), *_terms(query)]),
        "sort": [{"time": "desc"}, {"line": "desc"}],
        "size": limit + 1,
        "track_total_hits": True,
        "aggs": {name: {"terms": {"field": name, "size": FACET_MAX, "order": _MOST_FREQUENT}} for name in facets},
    }
    if after is not None:  # it may come out of an address bar
        asked["search_after"] = [max(-_LARGEST, min(number, _LARGEST)) for number in after]
    return asked


_MOST_FREQUENT = [{"_count": "desc"}, {"_key": "asc"}]


def with_keys(keys: Sequence[str], labels: Iterable[str], limit: int) -> dict[str, Any]:
    """The body of a search for whoever states one of these keys."""
    return {
        "query": _constant([admits(labels), {"terms": {"keys": list(keys)}}]),
        "sort": [{"time": "desc"}, {"line": "desc"}],
        "size": limit,
        "track_total_hits": False,
    }


def key_counts(keys: Sequence[str], labels: Iterable[str]) -> dict[str, Any]:
    """The body of a search that counts who states each key: bucket n is the key at place n."""
    each = {str(place): {"term": {"keys": key}} for place, key in enumerate(keys)}
    return {
        "query": _constant([admits(labels), {"terms": {"keys": list(keys)}}]),
        "size": 0,
        "track_total_hits": False,
        "aggs": {"keys": {"filters": {"filters": each}}},
    }


def lines(wanted: Sequence[int] | None, size: int) -> dict[str, Any]:
    """The body of a search that walks over documents, by line."""
    chosen = {"exists": {"field": "line"}} if wanted is None else {"terms": {"line": list(wanted)}}
    return {
        "query": _constant([chosen]),
        "sort": [{"line": "asc"}],
        "docvalue_fields": ["digest"],
        "size": size,
        "track_total_hits": False,
    }


def admits(labels: Iterable[str]) -> dict[str, Any]:
    """What one of these labels opens."""
    return {"terms": {"labels": sorted(labels)}}


def _constant(filters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"constant_score": {"filter": {"bool": {"filter": filters}}}}


def _terms(query: Query) -> Iterator[dict[str, Any]]:
    for term in query.terms:
        said = _said(term)
        yield _any([said, {"terms": {"keys": list(term.keys)}}]) if term.keys else said
    for field, wanted in query.filters:
        yield {"terms": {field: list(wanted)}}
    if query.since is not None:
        yield {"range": {"time": {"gte": max(-_LARGEST, min(query.since, _LARGEST))}}}


def _said(term: Term) -> dict[str, Any]:
    if term.stem:
        return {"term": {"words": term.stem}}
    if len(term.words) == 1:
        return {"term": {"exact": term.words[0]}}
    return {"match_phrase": {"exact": {"query": " ".join(term.words), "analyzer": "whitespace"}}}


def _any(wanted: list[dict[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": wanted, "minimum_should_match": 1}}
