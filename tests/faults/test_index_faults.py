"""Whatever goes wrong between a node and its cluster: filing never notices, search says so, and nothing needs a hand.

One real node, its portal and its worker, and a proxy between it and a real Elasticsearch. Each fault strikes while
somebody files; afterwards `puente index check` finds index and record equal.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import pytest

from cert.search import fill
from cert.store import aside
from cert.store.engine import reading
from tests.faults.desk import Desk
from tests.nations import nations
from tests.servers import elastic, proxy
from tests.servers.proxy import Act, Proxy, Request

pytestmark = pytest.mark.xdist_group("journeys")  # what is timed here has no rival among the journeys

FILED = 8  # incidents filed during each fault, and as many without


@dataclass
class Before(Desk):
    """The same, with a proxy before the cluster, and the time that each filing took."""

    between: Proxy
    url: str
    alias: str
    quiet_s: list[float] = field(default_factory=list)
    faulty_s: list[float] = field(default_factory=list)

    def set_aside(self) -> list[str]:
        """What of the live index is set aside, as reasons."""
        with reading(self.both.db("mx")) as c:
            return [str(one.why) for one in aside.all_aside(c, 99, fill.cursor_of(self.live()))]

    def live(self) -> str:
        """The name of the live index, asked past the proxy."""
        status, found = self.ask("GET", f"/_alias/{self.alias}")
        return next(iter(found)) if status == 200 else ""

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and answer of the cluster, asked past the proxy."""
        return elastic.ask(self.url, method, path, body)

    def notices(self, title: str) -> bool:
        """Whether a search that does not find an incident says that something is missing."""
        return "notice" in self.search(title)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, elastic_url: str) -> Iterator[Before]:
    with ExitStack() as started:
        between = started.enter_context(proxy.before(elastic_url))
        told = {"elasticsearch": between.url, "elasticsearch_alias": f"{elastic.prefix()}faults"}
        folder = tmp_path_factory.mktemp("faults")
        both = started.enter_context(nations(folder, "mx-portal", "mx-work", told={"mx": told}))
        yield Before(both, between, elastic_url, told["elasticsearch_alias"])
        elastic.sweep(elastic_url, told["elasticsearch_alias"])


@contextmanager
def blocked(desk: Before) -> Iterator[None]:
    """The cluster itself refuses to write, as it does when its disk is full."""
    name = desk.live()
    desk.ask("PUT", f"/{name}/_settings", {"index.blocks.read_only_allow_delete": True})
    try:
        yield
    finally:
        desk.ask("PUT", f"/{name}/_settings", {"index.blocks.read_only_allow_delete": None})


@contextmanager
def gone(desk: Before) -> Iterator[None]:
    """Nobody listens where the cluster was."""
    desk.between.vanish()
    try:
        yield
    finally:
        desk.between.come_back()


@contextmanager
def lost(desk: Before) -> Iterator[None]:
    """The index is deleted under the node."""
    desk.ask("DELETE", f"/{desk.live()}")
    yield


Fault = Callable[[Before], AbstractContextManager[None]]


def between(act: Act, on: Callable[[Request], bool] = proxy.anything, times: int | None = None) -> Fault:
    @contextmanager
    def fault(desk: Before) -> Iterator[None]:
        with desk.between.fault(act, on=on, times=times) as struck:
            yield
            if times is None:
                desk.both.until(lambda: struck.hits > 0)

    return fault


def in_part(said: Any) -> Any:
    return {**said, "_shards": {"total": 2, "successful": 1, "failed": 1}}


FAULTS: dict[str, Fault] = {
    "a delay of 30 s": between(proxy.delay(30)),
    "resets": between(proxy.reset),
    "429": between(proxy.answer(429)),
    "503": between(proxy.answer(503)),
    "a proxy's own page": between(proxy.answer(502, "<html>bad gateway</html>")),
    "answers cut short": between(proxy.cut_reply),
    "lost replies": between(proxy.lose_reply),
    "partial shards": between(proxy.rewrite(in_part), proxy.search),
    "a read-only block": blocked,
    "nobody there": gone,
    "the index deleted": lost,
}


@pytest.mark.parametrize("what", FAULTS)
def test_filing_and_searching_go_on_and_the_index_is_right_afterwards(desk: Before, what: str) -> None:
    """Given a fault, when somebody files and searches, then he does both as ever, and nothing needs a hand."""
    said = [f"Suceso {what} {n}" for n in range(FILED)]

    with FAULTS[what](desk):
        for title in said:
            desk.faulty_s.append(desk.file(title))
        assert desk.finds(said[0]) or desk.notices(said[0])
    for title in said:
        desk.quiet_s.append(desk.file(f"{title} después"))

    desk.until_level()
    assert all(desk.finds(title) for title in said)
    found = desk.index("check")
    assert (found["wrong"], found["behind"]) == (0, 0), found
    assert desk.set_aside() == []


def test_a_request_may_take_thirty_seconds(desk: Before) -> None:
    with desk.between.fault(proxy.delay(30), on=proxy.bulk, times=1) as slow:
        desk.faulty_s.append(desk.file("Suceso lento"))
        desk.until_level(90)

    assert slow.hits == 1
    assert desk.finds("Suceso lento")
    assert desk.index("check")["wrong"] == 0


def test_what_the_cluster_refuses_is_set_aside_in_plain_sight_until_it_is_taken(desk: Before) -> None:
    """Given a conflict with the mapping, in a bulk that is answered with 200."""

    def refused(said: Any) -> Any:
        error = {"type": "document_parsing_exception", "reason": "failed to parse field [time]"}
        items = [{name: {**item, "status": 400, "error": error} for name, item in one.items()} for one in said["items"]]
        return {**said, "errors": True, "items": [i for i in items if next(iter(i.values()))["_id"] != "mark"]}

    desk.until_level()
    with desk.between.fault(proxy.rewrite(refused), on=proxy.bulk):
        desk.faulty_s.append(desk.file("Suceso que no cabe"))
        desk.until_level()
        assert desk.set_aside() == ["document_parsing_exception: failed to parse field [time]"] * len(desk.set_aside())
        assert desk.set_aside()

    desk.both.until(lambda: desk.set_aside() == [])
    assert desk.finds("Suceso que no cabe")
    assert desk.index("check")["wrong"] == 0


def test_filing_takes_no_longer_while_something_is_wrong(desk: Before) -> None:
    """The other tests have filed, with faults and without, in turns. The 95th percentiles are printed."""
    assert len(desk.faulty_s) > FILED, "this test comes after the others"
    faulty, quiet = (quantiles(took, n=20)[-1] for took in (desk.faulty_s, desk.quiet_s))
    print(f"filing, 95th percentile: {1000 * quiet:.0f} ms without a fault, {1000 * faulty:.0f} ms with one")  # noqa: T201
    assert faulty < 2 * quiet + 0.05
