"""What every engine of the index promises, and the one that answers while the index is away."""

import itertools
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from cert.errors import Missing
from cert.extension import PUENTE
from cert.search.documents import Document, document
from cert.search.elastic import Cluster, ElasticShelf
from cert.search.embedded import EmbeddedShelf
from cert.search.index import Hit, Index, Mark, Page, Rejected, Shelf
from cert.search.limited import Listed
from cert.search.query import FIELDS, Query, parse
from cert.store.log import Entry
from tests.cert.search.shelves import whole
from tests.servers import elastic
from tests.servers.fixtures import CLUSTER_GROUP

ANA = frozenset({"org:1", "everyone"})
NOBODY: frozenset[str] = frozenset()

LANE = "infrastructure--aaaaaaaa-1111-4111-8111-111111111111"
CABLE = "infrastructure--bbbbbbbb-1111-4111-8111-111111111111"

ENGINES = (
    "embedded",
    "limited",
    "elastic",
    "elastic9",
    pytest.param("cluster", marks=pytest.mark.xdist_group(CLUSTER_GROUP)),
)
"""A further engine is one more word here and one more case in `_made`."""

Answer = TypeVar("Answer")

WRITE_TO_DIE_IN, SEARCH_TO_DIE_IN = 12, 60
"""Of all that this module asks of the cluster: during which of these one of its three nodes is killed with -9."""


class Written:
    """An index that notes a later mark with every write, as the worker does."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.marks = itertools.count(1)

    def write(self, docs: Iterable[Document], delete: Iterable[int] = ()) -> list[Rejected]:
        number = next(self.marks)
        return self.index.write(docs, delete, Mark(number, number * 1_000))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.index, name)


class Unlucky:
    """An index in a cluster that loses a node while it writes, and later, when that is back, another while it searches.

    As the worker and a reader do, it tries again what was not done.
    """

    def __init__(self, index: Index, cluster: elastic.Cluster, calls: Counter[str]) -> None:
        self.index, self.cluster, self.calls = index, cluster, calls

    def write(self, docs: Iterable[Document], delete: Iterable[int], mark: Mark) -> list[Rejected]:
        put, gone = list(docs), list(delete)
        with self._killing("write", WRITE_TO_DIE_IN, 1):
            return self._patiently(lambda: self.index.write(put, gone, mark))

    def search(self, *asked: Any) -> Page:
        with self._killing("search", SEARCH_TO_DIE_IN, 2):
            return self._patiently(lambda: self.index.search(*asked))

    def __getattr__(self, name: str) -> Any:
        return lambda *asked: self._patiently(lambda: getattr(self.index, name)(*asked))

    @contextmanager
    def _killing(self, what: str, turn: int, node: int) -> Iterator[None]:
        self.calls[what] += 1
        if self.calls[what] != turn:
            yield
            return
        whole(self.cluster)
        with ThreadPoolExecutor(1) as beside:
            beside.submit(self.cluster.nodes[node].kill)
            yield

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        deadline = time.monotonic() + 90
        while True:
            try:
                return ask()
            except Missing:
                assert time.monotonic() < deadline


class InMemory:
    """What is asked while the index is away, over documents that can be written."""

    def __init__(self) -> None:
        self.docs: dict[int, Document] = {}

    def write(self, docs: Iterable[Document], delete: Iterable[int], mark: Mark) -> list[Rejected]:
        self.docs = {line: one for line, one in self.docs.items() if line not in set(delete)}
        self.docs |= {one.line: one for one in docs}
        return []

    def count(self) -> int:
        return len(self.docs)

    def __getattr__(self, name: str) -> Any:
        return getattr(Listed(tuple(self.docs.values())), name)


Engine = Callable[[], Any]


@pytest.fixture(scope="module")
def calls() -> Counter[str]:
    """How often the cluster was asked to write and to search."""
    return Counter()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path, calls: Counter[str]) -> Iterator[Engine]:
    """A way to make an index that is new and empty."""
    with ExitStack() as opened:
        yield lambda: Written(_made(request, tmp_path, opened, calls))


def _made(request: pytest.FixtureRequest, folder: Path, opened: ExitStack, calls: Counter[str]) -> Any:
    match request.param:
        case "limited":
            return InMemory()
        case "embedded":
            return _opened(EmbeddedShelf(folder / str(uuid.uuid4())), opened)
        case "cluster":
            cluster = request.getfixturevalue("elastic_cluster_of_run")
            return Unlucky(_opened(_shelf(cluster.urls, opened), opened), cluster, calls)
        case name:
            return _opened(_shelf([request.getfixturevalue(f"{name}_url")], opened), opened)


def _shelf(urls: Sequence[str], opened: ExitStack) -> Shelf:
    shelf = ElasticShelf(Cluster(tuple(urls), f"{elastic.prefix()}index"))
    opened.callback(shelf.sweep)
    return shelf


def _opened(shelf: Shelf, opened: ExitStack) -> Index:
    return opened.enter_context(closing(shelf.open(shelf.add())))


@pytest.fixture
def index(engine: Engine) -> Any:
    return engine()


def doc(line: int, name: str = "", *, labels: str = "org:1", time: int | None = None, **more: Any) -> Document:
    """The document of an incident, or of what `more` says."""
    nation, handling = more.pop("nation", "mx"), more.pop("handling", "green")
    obj = {"type": "incident", "id": f"incident--{line}", "name": name, **more}
    entry = Entry(
        number=line,
        kind="object",
        line=line,
        id=obj["id"],
        origin=1,
        version=line if time is None else time,
        date_added=0,
        handling=None,
        digest=b"",
        body=orjson.dumps(obj),
    )
    return document(entry, labels.split(), nation, handling)


def lines(page: Page) -> list[int]:
    return [hit.line for hit in page.hits]


def found(index: Any, text: str, labels: frozenset[str] = ANA) -> list[int]:
    return lines(index.search(parse(text), labels, 100))


def walked(index: Any, query: Query, labels: frozenset[str], step: int) -> list[Page]:
    pages = [index.search(query, labels, step, None, FIELDS)]
    while after := pages[-1].next:
        pages.append(index.search(query, labels, step, after, FIELDS))
    return pages


def test_it_finds_a_word_however_it_is_spelt(index: Any) -> None:
    index.write([doc(1, "Telecomunicación interrumpida"), doc(2, "Telecomunicaciones"), doc(3, "Correo")])

    assert found(index, "telecomunicacion") == [2, 1]


def test_it_demands_every_word(index: Any) -> None:
    index.write([doc(1, "puerto de Otay"), doc(2, "puerto seco"), doc(3, "Otay")])

    assert found(index, "Otay puertos") == [1]


def test_it_finds_quoted_words_side_by_side_only(index: Any) -> None:
    index.write([doc(1, "carril de carga"), doc(2, "carga del carril"), doc(3, "carriles de carga")])

    assert found(index, '"carril de carga"') == [1]
    assert found(index, '"carril"') == [2, 1]


@pytest.mark.parametrize("asked", ["evil.mx", "evil[.]mx", "EVIL.MX.", '"evil mx"'])
def test_it_finds_an_observable_in_any_spelling(index: Any, asked: str) -> None:
    index.write([
        doc(1, "visto en hxxp://evil[.]mx/a"),
        doc(2, type="domain-name", value="evil.mx"),
        doc(3, "devil.mx"),
        doc(4, "evil y mx no juntos: evil, com, mx"),
    ])  # fmt: skip

    assert found(index, asked) == [2, 1]


def test_it_finds_a_name_by_its_other_alphabet(index: Any) -> None:
    index.write([doc(1, type="domain-name", value="xn--nio-8ma.mx")])

    assert found(index, "niño.mx") == [1]


def test_it_finds_an_object_by_its_id(index: Any) -> None:
    stix_id = "note--6f0f5a5e-5f0a-4b53-9a3e-0d5a1a7f2c11"
    index.write([doc(1, type="note", id=stix_id), doc(2)])

    assert found(index, stix_id) == [1]


def test_it_filters_by_one_of_the_values_of_each_field(index: Any) -> None:
    index.write([
        doc(1, nation="mx", handling="green"),
        doc(2, nation="us", handling="red"),
        doc(3, nation="us", type="note"),
        doc(4, extensions={PUENTE: {"system_refs": [LANE, CABLE]}}),
    ])  # fmt: skip

    assert found(index, "nation:us") == [3, 2]
    assert found(index, "nation:us nation:mx type:incident") == [4, 2, 1]
    assert found(index, "handling:red") == [2]
    assert found(index, f"system:{CABLE}") == [4]
    assert found(index, "nation:fr") == []


def test_it_leaves_out_what_is_older(index: Any) -> None:
    index.write([doc(1, time=10), doc(2, time=20), doc(3, time=30)])

    assert lines(index.search(parse("", since=20), ANA, 10)) == [3, 2]


def test_it_orders_by_time_and_then_by_line(index: Any) -> None:
    index.write([doc(1, time=5), doc(2, time=9), doc(3, time=5), doc(4, time=-7)])

    assert index.search(Query(), ANA, 10).hits == (Hit(2, 9), Hit(3, 5), Hit(1, 5), Hit(4, -7))


def test_it_ignores_how_often_a_word_is_said(index: Any) -> None:
    index.write([doc(1, "fraude fraude fraude fraude"), doc(2, "fraude y otras muchas cosas que pasaron ayer")])

    assert found(index, "fraude") == [2, 1]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_it_turns_pages_without_losing_or_repeating(index: Any, step: int) -> None:
    index.write([doc(n, time=n // 5) for n in range(23)])

    pages = walked(index, Query(), ANA, step)

    assert [line for page in pages for line in lines(page)] == sorted(
        range(23), key=lambda n: (n // 5, n), reverse=True
    )
    assert {page.count for page in pages} == {23}
    assert all(len(page.hits) == step for page in pages[:-1])


def test_it_goes_on_where_it_stood_while_new_ones_arrive(index: Any) -> None:
    index.write([doc(n) for n in range(4)])
    first = index.search(Query(), ANA, 2)

    index.write([doc(9)])

    assert lines(index.search(Query(), ANA, 2, first.next)) == [1, 0]


@pytest.mark.parametrize(("after", "expected"), [((10**30, 10**30), [1, 0]), ((-(10**30), -5), []), ((1, 0), [0])])
def test_it_goes_on_from_a_place_that_never_was(index: Any, after: tuple[int, int], expected: list[int]) -> None:
    index.write([doc(n) for n in range(2)])

    assert lines(index.search(Query(), ANA, 2, after)) == expected


def test_it_counts_facets_over_all_that_match(index: Any) -> None:
    index.write([
        doc(1, "a", nation="mx", extensions={PUENTE: {"system_refs": [LANE, CABLE]}}),
        doc(2, "a", nation="us", extensions={PUENTE: {"system_refs": [CABLE]}}),
        doc(3, "a", nation="us", type="note"),
        doc(4, "b", nation="mx"),
    ])  # fmt: skip

    page = index.search(parse('"a"'), ANA, 1, None, ("nation", "type", "system", "severity"))

    assert page.count == 3
    assert page.facets == {
        "nation": (("us", 2), ("mx", 1)),
        "type": (("incident", 2), ("note", 1)),
        "system": (
            (CABLE, 2),
            (LANE, 1),
        ),
        "severity": (),
    }


def test_it_keeps_one_document_a_line(index: Any) -> None:
    index.write([doc(1, "viejo"), doc(2, "otro")])
    index.write([doc(1, "medio")])
    index.write([doc(1, "nuevo")])

    assert (found(index, "viejo"), found(index, "medio"), found(index, "nuevo")) == ([], [], [1])
    assert index.count() == 2


def test_it_removes_lines(index: Any) -> None:
    index.write([doc(1), doc(2), doc(3)])

    index.write([doc(4)], delete=[1, 3, 99])

    assert found(index, "") == [4, 2]


def test_it_relabels_a_line(index: Any) -> None:
    index.write([doc(1, labels="org:1")])

    index.write([doc(1, labels="org:2")])

    assert found(index, "") == []
    assert found(index, "", frozenset({"org:2"})) == [1]


def test_it_finds_who_states_one_of_many_keys(index: Any) -> None:
    index.write([doc(n, type="ipv4-addr", value=f"203.0.113.{n}") for n in range(9)])
    asked = [f"ipv4-addr:203.0.113.{n}" for n in range(3, 200)]

    assert index.with_keys(asked, ANA, 3) == [Hit(8, 8), Hit(7, 7), Hit(6, 6)]
    assert index.with_keys(asked, NOBODY, 3) == []
    assert index.with_keys([], ANA, 3) == []


def test_it_counts_who_states_a_key(index: Any) -> None:
    index.write([doc(n, type="ipv4-addr", value=f"203.0.113.{n % 2}") for n in range(5)])
    asked = ["ipv4-addr:203.0.113.0", "ipv4-addr:203.0.113.1", "ipv4-addr:203.0.113.2"]

    assert index.key_counts(asked, ANA) == {"ipv4-addr:203.0.113.0": 3, "ipv4-addr:203.0.113.1": 2}
    assert index.key_counts(asked, NOBODY) == {}


def test_it_shows_nothing_to_somebody_without_labels(index: Any) -> None:
    index.write([doc(1, labels="everyone")])

    page = index.search(Query(), NOBODY, 10, None, ("type",))

    assert page == Page((), 0, {"type": ()}, None)


def test_it_answers_while_it_is_empty(index: Any) -> None:
    page = index.search(parse('correo "dos palabras" nation:mx'), ANA, 10, None, FIELDS)

    assert page == Page((), 0, dict.fromkeys(FIELDS, ()), None)
    assert index.count() == 0


@pytest.mark.parametrize("seed", range(6))
def test_it_answers_alike_in_two_worlds_that_differ_in_hidden_documents_only(engine: Engine, seed: int) -> None:
    """Counts, facets, order, pages and keys: nothing that is asked tells whether there is more."""
    chance = random.Random(seed)  # noqa: S311  # a test repeats what it did
    mine = [_any_doc(chance, line, chance.choice(["org:1", "everyone org:2"])) for line in range(0, 120, 2)]
    hidden = [_any_doc(chance, line, chance.choice(["org:2", "person:9"])) for line in range(1, 121, 2)]
    mixed = [*mine, *hidden]
    chance.shuffle(mixed)

    small, large = engine(), engine()
    small.write(mine)
    for start in range(0, len(mixed), 25):
        large.write(mixed[start : start + 25])

    for text in ("", "fraude", "fraude puertos", '"puerto seco"', "nation:us", "severity:high type:incident"):
        assert walked(small, parse(text), ANA, 7) == walked(large, parse(text), ANA, 7)
    asked = [f"ipv4-addr:203.0.113.{n}" for n in range(9)]
    assert small.with_keys(asked, ANA, 5) == large.with_keys(asked, ANA, 5)
    assert small.key_counts(asked, ANA) == large.key_counts(asked, ANA)
    assert large.count() == 120


def _any_doc(chance: random.Random, line: int, labels: str) -> Document:
    name = " ".join(chance.choices(["fraude", "puerto", "seco", "red", "correo"], k=5))
    common: dict[str, Any] = {"labels": labels, "time": chance.randrange(9), "nation": chance.choice(["mx", "us"])}
    if chance.random() < 0.3:
        return doc(line, type="ipv4-addr", value=f"203.0.113.{chance.randrange(9)}", **common)
    return doc(line, name, handling=chance.choice(["red", "green"]), **common)
