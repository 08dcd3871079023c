"""What is particular to the index in a cluster: names, late writes, waiting, and what goes over the wire."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cert.errors import Missing
from cert.search import dsl, keep
from cert.search.documents import Document, document
from cert.search.elastic import Cluster, ElasticShelf
from cert.search.index import Index, Mark
from cert.search.query import FIELDS, Query, parse
from cert.store.log import Entry
from tests.cast import Node, incident, marked
from tests.cert.search.shelves import compared, keeper_of, settle, whole
from tests.servers import elastic as server
from tests.servers import proxy
from tests.servers.proxy import Proxy

ANA = frozenset({"org:1"})
SLOW_S = 60
GREEN = {"object_marking_refs": marked("green")}
ALLOWED = {
    *("query", "constant_score", "filter", "bool", "should", "minimum_should_match", "term", "terms", "range", "gte"),
    *("exists", "field", "match_phrase", "analyzer", "sort", "size", "track_total_hits", "aggs", "order", "filters"),
    *("search_after", "docvalue_fields", "_source", "_count", "_key", "time", "line"),
    *("words", "exact", "labels", "keys", *FIELDS),
}
"""Every word that may be a key of what we ask: no query string, script, wildcard or regular expression among them."""


def _ask(url: str, method: str, path: str, body: object) -> None:
    status, answer = server.ask(url, method, path, body)
    assert status < 400, answer


def doc(line: int, name: str = "suceso") -> Document:
    body = json.dumps({"type": "incident", "id": f"incident--{line}", "name": name}).encode()
    return document(Entry(line, "object", line, f"incident--{line}", 1, line, 0, None, b"", body), ANA, "mx", "green")


def put(index: Index, at: int, *lines: int) -> None:
    index.write([doc(line) for line in lines], (), Mark(at, at))


def count(index: Index) -> int:
    return index.search(Query(), ANA, 9).count


@pytest.fixture
def prefix(elastic_url: str) -> Iterator[str]:
    with server.swept(elastic_url) as prefix:
        yield prefix


@pytest.fixture
def shelf(elastic_url: str, prefix: str) -> ElasticShelf:
    return ElasticShelf(Cluster((elastic_url,), f"{prefix}mx"))


@pytest.fixture
def between(elastic_url: str) -> Iterator[Proxy]:
    with proxy.before(elastic_url, keep=True) as made:
        yield made


@pytest.fixture
def far(between: Proxy, prefix: str) -> ElasticShelf:
    """The same shelf, reached through the proxy."""
    return ElasticShelf(Cluster((between.url,), f"{prefix}mx"))


@pytest.fixture
def live(shelf: ElasticShelf) -> Iterator[Index]:
    """A live index with one document, to be written by its name."""
    name = shelf.add()
    shelf.promote(name)
    with closing(shelf.open(name)) as index:
        put(index, 1, 1)
        yield index


def test_it_takes_no_field_that_it_did_not_make(live: Index, elastic_url: str) -> None:
    with pytest.raises(AssertionError, match="strict_dynamic_mapping"):
        _ask(elastic_url, "PUT", f"/{live.generation}/_doc/9", {"x_of_a_peer": 1})


def test_it_gives_back_what_the_cluster_would_not_take(live: Index) -> None:
    """A word longer than Lucene takes, as no document of ours has one."""
    rejected = live.write([doc(2)._replace(nation="x" * 40_000), doc(3)], (), Mark(2, 2))

    assert [one.line for one in rejected] == [2]
    assert "immense term" in rejected[0].reason
    assert count(live) == 2


def test_it_lets_no_late_write_undo_a_later_one(live: Index) -> None:
    """A worker that was replaced may still have a request under way."""
    live.write([doc(1, "nuevo")], (), Mark(9, 9))
    live.write([doc(1, "viejo")], (), Mark(5, 5))
    live.write([], [1], Mark(6, 6))

    assert live.search(parse("nuevo"), ANA, 9).count == 1
    assert live.mark() == Mark(9, 9)


def test_it_lets_no_late_write_make_an_index(shelf: ElasticShelf, live: Index) -> None:
    """It would have other fields, and hold a part."""
    shelf.promote(shelf.add())

    with pytest.raises(Missing, match="is missing"):
        put(live, 2, 2)

    assert live.generation not in shelf.sweep()
    assert count(shelf.live()) == 0


def test_it_touches_no_index_of_a_node_with_a_longer_name(elastic_url: str, prefix: str) -> None:
    short, long = (ElasticShelf(Cluster((elastic_url,), f"{prefix}{name}")) for name in ("mx", "mx-north"))
    theirs = long.add()

    assert short.sweep() == []
    assert long.sweep() == [theirs]


def test_it_makes_a_new_index_where_the_fields_are_not_ours(mx: Node, shelf: ElasticShelf, elastic_url: str) -> None:
    mx.say(incident(1, **GREEN))
    name = f"{shelf.alias}.{dsl.FORMAT}-00000000-0000-4000-8000-000000000000"
    mapping = {"properties": {"time": {"type": "date"}}}
    template = {"index_patterns": [name], "priority": 900, "template": {"mappings": mapping}}
    _ask(elastic_url, "PUT", f"/_index_template/{shelf.alias}-foreign", template)
    _ask(elastic_url, "PUT", f"/{name}", {"aliases": {shelf.alias: {}}})

    assert shelf.generations() == (None, None)
    with closing(keeper_of(mx.db, shelf, mx.clock)) as keeper:
        settle(keeper)

    assert compared(mx.db, shelf.live()).wrong == 0


def test_it_asks_by_filters_alone_whatever_somebody_types(far: ElasticShelf, between: Proxy, live: Index) -> None:
    reader = far.live()

    @settings(max_examples=40)
    @given(st.text(max_size=60) | st.sampled_from(['{"script":1}', "name:*", "a OR b", "/.*/", '"*" _exists_:x']))
    def ask(text: str) -> None:
        reader.search(parse(text), ANA, 5, (9, 9), FIELDS)

    ask()
    reader.with_keys(["a:b"], ANA, 3)
    reader.key_counts(["a:b"], ANA)

    asked = [json.loads(request.body) for request in between.requests if proxy.search(request)]
    assert len(asked) > 20
    assert {key for body in asked for key in _keys(body)} <= ALLOWED


def _keys(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        yield from (name for name in said if not name.isdecimal())
        for one in said.values():
            yield from _keys(one)
    elif isinstance(said, list):
        for one in said:
            yield from _keys(one)


def test_it_gives_no_part_of_an_answer(far: ElasticShelf, between: Proxy, live: Index) -> None:
    def failed(said: dict[str, Any]) -> dict[str, Any]:
        return {**said, "_shards": {"total": 2, "failed": 1}}

    reader = far.live()
    assert count(reader) == 1
    for change in (failed, lambda said: {**said, "timed_out": True}):
        with between.fault(proxy.rewrite(change), on=proxy.search), pytest.raises(Missing, match="in part"):
            count(reader)
    assert count(reader) == 1


@pytest.mark.parametrize("act", [proxy.answer(429), proxy.answer(503), proxy.reset, proxy.cut_reply])
def test_it_says_that_it_cannot_be_asked(far: ElasticShelf, between: Proxy, live: Index, act: proxy.Act) -> None:
    reader = far.live()

    with between.fault(act), pytest.raises(Missing):
        count(reader)

    assert count(reader) == 1


def test_nobody_waits_long_for_it_and_then_nobody_waits_at_all(far: ElasticShelf, between: Proxy, live: Index) -> None:
    reader, waited = far.live(), []

    def ask() -> None:
        started = time.monotonic()
        with pytest.raises(Missing):
            count(reader)
        waited.append(time.monotonic() - started)

    with between.fault(proxy.delay(SLOW_S), on=proxy.search) as slow:
        ask()
        together = [threading.Thread(target=ask) for _ in range(8)]
        for one in together:
            one.start()
        for one in together:
            one.join()

    assert slow.hits == 1  # all but the first were told without asking
    assert max(waited) < SLOW_S / 2


def test_it_says_which_clusters_it_speaks_to(between: Proxy, far: ElasticShelf) -> None:
    far.demand_usable()

    def old(said: dict[str, Any]) -> dict[str, Any]:
        return {"nodes": {name: {**node, "version": "7.17.9"} for name, node in said["nodes"].items()}}

    with between.fault(proxy.rewrite(old)), pytest.raises(Missing, match=r"7\.17\.9; Puente speaks to 8\.x and 9\.x"):
        far.demand_usable()
    other = {"error": {"type": "media_type_header_exception", "reason": "invalid media type"}, "status": 400}
    with between.fault(proxy.answer(400, other)), pytest.raises(Missing, match=r"no Elasticsearch 8\.x or 9\.x"):
        far.demand_usable()


def test_it_says_what_is_in_the_way(elastic_url: str, shelf: ElasticShelf) -> None:
    """An index that has the name of our alias: nothing is made that could never go live, however often we try."""
    _ask(elastic_url, "PUT", f"/{shelf.alias}", {})

    with pytest.raises(Missing, match=f"an index has the name {shelf.alias}; remove it"):
        shelf.add()

    _ask(elastic_url, "DELETE", f"/{shelf.alias}", None)
    assert shelf.sweep() == []


def test_it_says_that_something_else_answers(shelf: ElasticShelf) -> None:
    """Another server at that address, or one that does not speak TLS."""
    with other_server() as url:
        with pytest.raises(Missing, match="no Elasticsearch"):
            ElasticShelf(replace(shelf.cluster, addresses=(url,))).generations()
        with pytest.raises(Missing, match="TLS fails"):
            ElasticShelf(replace(shelf.cluster, addresses=(url.replace("http", "https"),))).generations()


class Ignorant(BaseHTTPRequestHandler):
    """Knows nothing of what it is asked."""

    def do_GET(self) -> None:
        self.send_error(404)


@contextmanager
def other_server() -> Iterator[str]:
    """A web server that is no Elasticsearch."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Ignorant)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    serving.join()


def test_it_signs_in_with_any_letters(shelf: ElasticShelf) -> None:
    signed = ElasticShelf(replace(shelf.cluster, user="señal", password="contraseña"))

    assert signed.generations() == (None, None)


def test_it_speaks_to_9_too(elastic9_url: str) -> None:
    ElasticShelf(Cluster((elastic9_url,), "puente-mx")).demand_usable()


def test_a_cluster_that_is_away_is_no_reason_not_to_start(far: ElasticShelf, between: Proxy) -> None:
    between.vanish()

    far.demand_usable()

    with pytest.raises(Missing, match="does not answer"):
        far.generations()


def test_it_never_shows_how_it_signs_in(elastic_url: str) -> None:
    cluster = Cluster((elastic_url,), "puente-mx", user="puente", password="hunter2", api_key="")

    assert "hunter2" not in repr(cluster)
    assert "hunter2" not in repr(ElasticShelf(cluster).__dict__)


def test_it_survives_a_node_that_is_killed_while_it_indexes_and_while_it_is_asked(
    mx: Node, elastic_cluster: server.Cluster
) -> None:
    """Given three nodes, when one is killed with -9 in the middle, an answer is whole or none, and nothing is lost."""
    with server.swept(elastic_cluster.urls[0]) as prefix:
        shelf = ElasticShelf(Cluster(tuple(elastic_cluster.urls), f"{prefix}mx"))
        mx.say(*(incident(n, **GREEN) for n in range(400)))
        with closing(keeper_of(mx.db, shelf, mx.clock)) as keeper:
            _until_settled(keeper)
            whole(elastic_cluster)
            holder = _holder(elastic_cluster, shelf)
            wrong = _asked_while(shelf, holder.kill)
            mx.say(*(incident(n, **GREEN) for n in range(400, 800)))
            _until_settled(keeper)
            whole(elastic_cluster)

            after = _holder(elastic_cluster, shelf)
            killing = threading.Timer(0.02, after.kill)
            mx.say(*(incident(n, **GREEN) for n in range(800, 1_600)))
            killing.start()
            _until_settled(keeper)
            killing.join()
        whole(elastic_cluster)

        assert wrong == []
        found = compared(mx.db, shelf.live())
        assert (found.wrong, found.behind) == (0, 0)
        assert found.right >= 1_600


def _holder(cluster: server.Cluster, shelf: ElasticShelf) -> server.Node:
    """The node with the primary of the live index: to lose that one is worst."""
    live, _ = shelf.generations()
    shards = cluster.ask("GET", f"/_cat/shards/{live}?format=json&h=prirep,node")
    name = next(shard["node"] for shard in shards if shard["prirep"] == "p")
    return next(node for node in cluster.nodes if node.folder.name == name)


def _asked_while(shelf: ElasticShelf, kill: Callable[[], None]) -> list[int]:
    """Ask all the time while a node is killed, until answers come again; gives every count that was wrong."""
    reader, counts = shelf.live(), []
    killing = threading.Thread(target=kill)
    labels = frozenset({"org:1", "nation:mx", "everyone"})
    expected = reader.search(parse("type:incident"), labels, 9).count
    deadline = time.monotonic() + 60
    killing.start()
    answered = 0
    while answered < 50 and time.monotonic() < deadline:
        try:
            counts.append(reader.search(parse("type:incident"), labels, 9).count)
            answered += not killing.is_alive()
        except Missing:
            continue
    killing.join()
    assert answered == 50
    return [count for count in counts if count != expected]


def _until_settled(keeper: keep.Keeper) -> None:
    """Let the keeper work as the worker does: what could not be done is tried again."""
    deadline = time.monotonic() + 90
    while True:
        try:
            settle(keeper)
        except Missing:
            assert time.monotonic() < deadline
        else:
            return
