"""The index in an Elasticsearch cluster, 8.x or 9.x: for a node that outgrows one machine.

    puente-mx         the alias of the live index, which readers ask
    puente-mx.1-5f1c… an index; the worker writes it by this name, so a late write never meets another one
    puente-mx.next    the alias of the one that is offered in its place

Readers wait two seconds at most, and after a vain wait ask nobody for a while: no page hangs on a slow cluster. The
writer waits a minute. Nothing but what `dsl` makes is ever sent.
"""

import base64
import logging
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import elasticsearch
import orjson
from elastic_transport import TlsError
from elasticsearch import ApiError, Elasticsearch, NotFoundError, TransportError, UnsupportedProductError

from cert.errors import Missing
from cert.search import dsl
from cert.search.documents import Document
from cert.search.index import Hit, Index, Mark, Page, Place, Rejected
from cert.search.query import Query
from cert.stix import Micros

READ_S = 2.0
WRITE_S = 60.0
SLOW_S = 0.5  # a failure that took longer is worth not repeating at once
REST_S = 5.0  # for how long a cluster that failed slowly is not asked
PART_DOCS, PART_BYTES = 500, 4_000_000  # of one bulk request
AT_ONCE = 2  # bulk requests under way
SERVERS = (8, 9)
"""The major versions of Elasticsearch that the client, which is locked to 8.19, speaks to."""

WRONG = frozenset({"elastic-client", "elastic-version", "elastic-product"})
"""The codes of what no waiting mends: another cluster or another client is needed."""

LOG = logging.getLogger("puente.search")
_LIMIT_MAX = 10_000
_KEYS_MAX = 1_000  # counted in one request
_CONFLICT = 409  # somebody with a later mark has written this line
_MALFORMED = 400
_ANSWER = (
    "timed_out,_shards.failed,hits.total.value,hits.hits.sort,hits.hits.fields,aggregations.*.buckets,pit_id,count"
)
_GENERATION = re.compile(r"\.[0-9]+-[0-9a-f-]{36}")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is, how we sign in there, and under which name our index stands in it."""

    addresses: tuple[str, ...]
    alias: str
    user: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    ca_file: Path | None = None


@dataclass(slots=True)
class Breaker:
    """Lets nobody wait again for a cluster that somebody has just waited for in vain."""

    closed_at: float = 0.0

    def demand_open(self) -> None:
        """Raise `Missing` while the cluster is left alone; then one asker finds out how it is, and the others wait."""
        now = time.monotonic()
        if now < self.closed_at:
            raise Missing("index-rests", "The search index did not answer in time, and is asked again in a moment.")
        if self.closed_at:
            self.closed_at = now + REST_S

    def waited(self, seconds: float) -> None:
        """Somebody has waited so long, and in vain."""
        if seconds > SLOW_S:
            self.closed_at = time.monotonic() + REST_S

    def answered(self) -> None:
        """It answers: everybody may ask."""
        self.closed_at = 0.0


class ElasticShelf:
    """A `Shelf` in a cluster. One may be shared by threads, and by all that a process does with the index."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.alias, self.next = cluster.alias, f"{cluster.alias}.next"
        tries = min(len(cluster.addresses), 2)
        self.reads = _client(cluster, READ_S / tries, tries)
        self.writes = _client(cluster, WRITE_S, tries)
        self.breaker = Breaker()

    def demand_usable(self) -> None:
        """Raise `Missing`, with the remedy, if this client and this cluster do not go together.

        A cluster that is away, or does not let us in, is no reason not to start: filing and exchange do not need it.
        """
        if elasticsearch.__version__[0] != SERVERS[0]:
            raise Missing(
                "elastic-client",
                "The Python package elasticsearch is version %(found)s; Puente needs 8.19, which speaks to 8.x and "
                "9.x. Install Puente with its own locked requirements.",
                found=".".join(map(str, elasticsearch.__version__)),
            )
        try:
            with self.translated():
                nodes = self.reads.nodes.info(filter_path="nodes.*.version").get("nodes", {})
        except Missing as fault:
            if fault.code in WRONG:
                raise
            LOG.warning("%s", fault)
            return
        for version in sorted({str(node["version"]) for node in nodes.values()}):
            if int(version.partition(".")[0]) not in SERVERS:
                raise Missing(
                    "elastic-version",
                    "The cluster at %(where)s runs Elasticsearch %(version)s; Puente speaks to 8.x and 9.x. Upgrade "
                    "the cluster, or let the setting `elasticsearch` name another one.",
                    where=self.where,
                    version=version,
                )

    @property
    def where(self) -> str:
        """The addresses, for people."""
        return ", ".join(self.cluster.addresses)

    def live(self) -> Index:
        """As the port says."""
        return Elastic(self, self.alias)

    def generations(self) -> tuple[str | None, str | None]:
        """As the port says."""
        found = {name: made for name, made in self._all().items() if dsl.is_ours(made["mappings"])}
        pick = {alias: name for name, made in found.items() for alias in made["aliases"]}
        return pick.get(self.alias), pick.get(self.next)

    def add(self) -> str:
        """As the port says. The template makes sure that no other write ever makes an index of ours."""
        name = f"{self.alias}.{dsl.FORMAT}-{uuid.uuid4()}"
        with self.translated():
            self._demand_free()
            self.writes.indices.put_index_template(name=self.alias, **dsl.template(self.alias))
            self.writes.indices.create(index=name, wait_for_active_shards="1")
        return name

    def _demand_free(self) -> None:
        """Raise `Missing` if an index has the name that is to be our alias: what we add could never go live."""
        if self.alias in self.writes.indices.get(index=self.alias, features="aliases", ignore_unavailable=True):
            why = f"an index has the name {self.alias}; remove it, or let the setting elasticsearch_alias give another"
            raise self._wrong("elastic-alias", why)

    def open(self, generation: str) -> Index:
        """As the port says."""
        with self.translated():
            if not self.writes.indices.exists(index=generation):
                raise self._missing()
        return Elastic(self, generation)

    def offer(self, generation: str) -> None:
        """As the port says."""
        self._move_alias(self.next, generation)

    def promote(self, generation: str) -> None:
        """As the port says."""
        replaced = [name for name, made in self._all().items() if self.alias in made["aliases"] and name != generation]
        self._move_alias(self.alias, generation)
        self._remove(replaced)

    def sweep(self) -> list[str]:
        """As the port says."""
        kept = {self.alias, self.next}
        strays = [name for name, made in self._all().items() if not kept & made["aliases"].keys()]
        self._remove(strays)
        return strays

    def demand_ours(self, generation: str) -> None:
        """Raise `Missing` if an index no longer has the fields that we gave it."""
        made = self._all().get(generation)
        if made is None:
            raise self._missing()
        if not dsl.is_ours(made["mappings"]):
            raise Missing(
                "index-mapping",
                "The search index %(name)s has other fields than it was made with. A new one is made and filled.",
                name=generation,
            )

    def _all(self) -> Mapping[str, Any]:
        """Every index of ours, with its aliases and mapping: by name, which no other node's can be mistaken for."""
        with self.translated():
            found = self.writes.indices.get(
                index=f"{self.alias}.*", features="aliases,mappings", ignore_unavailable=True, allow_no_indices=True
            )
        return {name: made for name, made in found.items() if _GENERATION.fullmatch(name.removeprefix(self.alias))}

    def _move_alias(self, alias: str, generation: str) -> None:
        actions: list[Mapping[str, Any]] = [
            {"remove": {"index": f"{self.alias}.*", "alias": one, "must_exist": False}} for one in {alias, self.next}
        ]
        with self.translated():
            self.writes.indices.update_aliases(actions=[*actions, {"add": {"index": generation, "alias": alias}}])

    def _remove(self, names: Sequence[str]) -> None:
        with self.translated():
            for name in names:
                self.writes.indices.delete(index=name, ignore_unavailable=True)

    def _missing(self) -> Missing:
        return Missing(
            "index-missing",
            "The search index at %(path)s is missing. Start `puente work`; it builds it again from the record.",
            path=f"{self.where} ({self.alias})",
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Whatever the client raises, as a `Missing` that says what to do: an index can always be done without."""
        try:
            yield
        except NotFoundError as fault:
            if "x-elastic-product" not in fault.meta.headers:
                raise self._wrong("elastic-other", "what answers there is no Elasticsearch") from fault
            raise self._missing() from fault
        except UnsupportedProductError as fault:
            raise self._wrong("elastic-product", "it is no Elasticsearch that the official client speaks to") from fault
        except ApiError as fault:
            raise self._refusing(fault) from fault
        except TlsError as fault:
            raise self._wrong(
                "elastic-tls",
                f"TLS fails ({fault.message}); see that it speaks TLS there, and the setting elasticsearch_ca_file",
            ) from fault
        except TransportError as fault:
            raise Missing(
                "index-away",
                "The search index at %(where)s does not answer (%(fault)s). Nothing is lost: it catches up by itself.",
                where=self.where,
                fault=type(fault).__name__,
            ) from fault

    def _refusing(self, fault: ApiError) -> Missing:
        said = f"{fault.meta.status} {fault.error}"
        if fault.meta.status in {401, 403} and "block" not in str(fault.error):
            return self._wrong("elastic-rights", f"it does not let us in ({said}); see the settings elasticsearch_*")
        if "media_type_header" in str(fault.error):
            return self._wrong("elastic-version", f"it is no Elasticsearch 8.x or 9.x ({said})")
        return Missing(
            "index-refuses",
            "The search index at %(where)s cannot do it now (%(said)s). Nothing is lost: it catches up by itself.",
            where=self.where,
            said=said,
        )

    def _wrong(self, code: str, why: str) -> Missing:
        return Missing(code, "The search index at %(where)s cannot be used: %(why)s.", where=self.where, why=why)


class Elastic:
    """An `Index` in a cluster: one by its own name, or the live one by the alias."""

    def __init__(self, shelf: ElasticShelf, name: str) -> None:
        self._shelf = shelf
        self._name = name
        self._resolved = ("", -REST_S)  # the index behind the alias, and when we looked
        self._pool: ThreadPoolExecutor | None = None
        self._guard = threading.Lock()

    @property
    def generation(self) -> str:
        """As the port says; who asks by the alias learns of another index within a second."""
        if self._name != self._shelf.alias:
            return self._name
        name, seen = self._resolved
        if time.monotonic() - seen > 1:
            with self._shelf.translated():
                name = next(iter(self._shelf.reads.indices.get_alias(name=self._shelf.alias)))
            self._resolved = name, time.monotonic()
        return name

    def write(self, docs: Iterable[Document], delete: Iterable[int], mark: Mark) -> list[Rejected]:
        """As the port says: bulk requests with the mark's number as external version, the last one with the mark."""
        lines = chain((_put(doc, mark) for doc in docs), (_gone(line, mark) for line in delete))
        parts = _parts(lines)
        last, waiting, rejected = b"", deque[Future[list[Rejected]]](), list[Rejected]()
        try:
            for part in parts:
                if last:
                    waiting.append(self._executor().submit(self._bulk, last))
                if len(waiting) > AT_ONCE:
                    rejected += waiting.popleft().result()
                last = part
        finally:
            done = [future.exception() for future in waiting]  # nothing of ours is under way when somebody tries again
        for fault in filter(None, done):
            raise fault
        rejected += chain.from_iterable(future.result() for future in waiting)
        rejected += self._bulk(last + _marked(mark), refresh=True)
        if rejected:
            self._shelf.demand_ours(self._name)
        return rejected

    def mark(self) -> Mark | None:
        """As the port says."""
        body = {"query": {"ids": {"values": [dsl.MARK_ID]}}, "docvalue_fields": ["number", "added"], "size": 1}
        found = self._patiently(body)["hits"].get("hits")
        if not found:
            return None
        return Mark(*(int(found[0]["fields"][name][0]) for name in ("number", "added")))

    def search(
        self, query: Query, labels: frozenset[str], limit: int, after: Place | None = None, facets: Sequence[str] = ()
    ) -> Page:
        """As the port says."""
        if not labels:
            return Page((), 0, dict.fromkeys(facets, ()), None)
        limit = min(limit, _LIMIT_MAX)
        answer = self._ask(dsl.page(query, labels, limit, after, facets))
        hits = _hits(answer)
        page = tuple(hits[:limit])
        more = (page[-1].time, page[-1].line) if page and len(hits) > limit else None
        counted = answer.get("aggregations", {})
        found = {name: tuple((str(b["key"]), int(b["doc_count"])) for b in _buckets(counted, name)) for name in facets}
        return Page(page, int(answer["hits"]["total"]["value"]), found, more)

    def with_keys(self, keys: Sequence[str], labels: frozenset[str], limit: int) -> list[Hit]:
        """As the port says."""
        if not keys or not labels:
            return []
        return _hits(self._ask(dsl.with_keys(keys, labels, min(limit, _LIMIT_MAX))))

    def key_counts(self, keys: Sequence[str], labels: frozenset[str]) -> dict[str, int]:
        """As the port says."""
        counts: dict[str, int] = {}
        wanted = sorted(set(keys)) if labels else []
        for start in range(0, len(wanted), _KEYS_MAX):
            part = wanted[start : start + _KEYS_MAX]
            buckets = self._ask(dsl.key_counts(part, labels))["aggregations"]["keys"]["buckets"]
            counts |= {part[int(place)]: int(bucket["doc_count"]) for place, bucket in buckets.items()}
        return {key: count for key, count in counts.items() if count}

    def digests(self, lines: Sequence[int] | None = None) -> Iterator[tuple[int, int]]:
        """As the port says: a point in time, walked by `search_after`."""
        with self._shelf.translated():
            opened = self._shelf.writes.open_point_in_time(index=self._name, keep_alive="2m")
        pit, after = opened["id"], [-1]
        try:
            while after:
                point = {"pit": {"id": pit, "keep_alive": "2m"}, "search_after": after}
                answer = self._patiently(dsl.lines(lines, _LIMIT_MAX) | point, index=None)
                pit, found = answer.get("pit_id", pit), answer["hits"].get("hits", ())
                yield from ((int(hit["sort"][0]), int(hit["fields"]["digest"][0])) for hit in found)
                after = found[-1]["sort"] if len(found) == _LIMIT_MAX else []
        finally:
            with self._shelf.translated():
                self._shelf.writes.close_point_in_time(id=pit)

    def count(self) -> int:
        """As the port says."""
        with self._shelf.translated():
            return int(self._shelf.reads.count(index=self._name, query={"exists": {"field": "line"}})["count"])

    def close(self) -> None:
        """As the port says."""
        with self._guard:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None

    def _ask(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask as a page does, which must not wait; part of an answer is none."""
        breaker = self._shelf.breaker
        breaker.demand_open()
        started = time.monotonic()
        try:
            with self._shelf.translated():
                answer = self._whole(self._shelf.reads, body, self._name)
        except Missing:
            breaker.waited(time.monotonic() - started)
            raise
        breaker.answered()
        return answer

    def _patiently(self, body: Mapping[str, Any], index: str | None = "") -> Mapping[str, Any]:
        with self._shelf.translated():
            return self._whole(self._shelf.writes, body, self._name if index == "" else index)

    def _whole(self, client: Elasticsearch, body: Mapping[str, Any], index: str | None) -> Mapping[str, Any]:
        partial = None if "pit" in body else False  # a point in time has its own word on that
        answer: Mapping[str, Any] = client.search(
            index=index, allow_partial_search_results=partial, filter_path=_ANSWER, source=False, **body
        ).body
        if answer.get("timed_out") or answer.get("_shards", {}).get("failed"):
            raise Missing("index-partial", "The search index answered in part only. It is asked again.")
        return {"hits": {}, **answer}

    def _bulk(self, lines: bytes, *, refresh: bool = False) -> list[Rejected]:
        """Send one bulk request, and give what it did not take. Raises `Missing` for what another try may mend."""
        with self._shelf.translated():
            answer = self._shelf.writes.bulk(
                index=self._name,
                operations=lines,  # type: ignore[arg-type]  # ready lines pass through the client as they are
                refresh=refresh,
                filter_path="errors,items.*._id,items.*.status,items.*.error",
            )
        if not answer["errors"]:
            return []
        items = [next(iter(item.values())) for item in answer["items"]]
        failed = [item for item in items if "error" in item and item["status"] != _CONFLICT]
        for item in failed:
            if item["status"] != _MALFORMED or item["_id"] == dsl.MARK_ID:
                self._shelf.demand_ours(self._name)
                raise Missing(
                    "index-refuses",
                    "The search index at %(where)s cannot do it now (%(said)s). Nothing is lost: it catches up by "
                    "itself.",
                    where=self._shelf.where,
                    said=f"{item['status']} {item['error'].get('type')}",
                )
        return [Rejected(int(item["_id"]), _reason(item["error"])) for item in failed]

    def _executor(self) -> ThreadPoolExecutor:
        with self._guard:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bulk")
            return self._pool


def _client(cluster: Cluster, timeout_s: float, tries: int) -> Elasticsearch:
    """A client that tries another node where one fails, and no more often than that: who waits knows better."""
    more: dict[str, Any] = {}
    if cluster.api_key:
        more["api_key"] = cluster.api_key
    elif cluster.user:
        signed = f"{cluster.user}:{cluster.password}".encode()  # here: the client itself takes ASCII alone
        more["basic_auth"] = base64.b64encode(signed).decode()
    if cluster.ca_file is not None:
        more["ca_certs"] = str(cluster.ca_file)
    return Elasticsearch(
        list(cluster.addresses),
        request_timeout=timeout_s,
        max_retries=tries - 1,
        retry_on_timeout=True,
        retry_on_status=(),
        **more,
    )


def _hits(answer: Mapping[str, Any]) -> list[Hit]:
    return [Hit(int(hit["sort"][1]), int(hit["sort"][0])) for hit in answer["hits"].get("hits", ())]


def _buckets(counted: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = counted.get(name, {}).get("buckets", [])
    return found


def _put(doc: Document, mark: Mark) -> bytes:
    return _head("index", str(doc.line), mark.number) + orjson.dumps(dsl.source(doc)) + b"\n"


def _gone(line: int, mark: Mark) -> bytes:
    return _head("delete", str(line), mark.number)


def _marked(mark: Mark) -> bytes:
    return _head("index", dsl.MARK_ID, mark.number) + orjson.dumps(dsl.mark_source(mark)) + b"\n"


def _head(action: str, name: str, version: Micros) -> bytes:
    return orjson.dumps({action: {"_id": name, "version": version, "version_type": "external_gte"}}) + b"\n"


def _parts(lines: Iterable[bytes]) -> Iterator[bytes]:
    """These lines, joined to bodies of a bulk request each."""
    part, size = list[bytes](), 0
    for line in lines:
        if part and (len(part) == PART_DOCS or size + len(line) > PART_BYTES):
            yield b"".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield b"".join(part)


def _reason(error: Mapping[str, Any]) -> str:
    """What the engine said, with the cause beneath: that names the field."""
    cause = error.get("caused_by") or {}
    return f"{error.get('type')}: {cause.get('reason') or error.get('reason')}"[:500]
