"""What tests ask for. One server of a kind serves a whole run, so a test keeps to a prefix or a database of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TypeVar

import pytest

from tests.servers import elastic, postgres, shared
from tests.servers.elastic import Cluster
from tests.servers.jars import java
from tests.servers.postgres import Door
from tests.servers.process import NotInstalled
from tests.servers.shared import Run

RUN = pytest.StashKey[Run]()
CLUSTER_GROUP = "elastic-cluster"

Made = TypeVar("Made")


def lacks_java_for_9(reason: str) -> bool:
    """Whether a test was skipped because no Java here is new enough for Elasticsearch 9: Debian 12 has none."""
    try:
        java(elastic.V9)
    except NotInstalled as lacking:
        return reason == f"Skipped: {lacking}"
    return False


@pytest.fixture(scope="session")
def this_run(request: pytest.FixtureRequest) -> Run:
    """This run of the tests, for the servers that it shares."""
    return request.config.stash[RUN]


@pytest.fixture(scope="session")
def elastic_url(this_run: Run) -> str:
    """The address of a node of Elasticsearch 8, without a slash at its end. All tests share it."""
    return str(_or_skip(lambda: shared.address(this_run, "elastic", elastic.V8))["url"])


@pytest.fixture(scope="session")
def elastic9_url(this_run: Run) -> str:
    """The same of Elasticsearch 9; without a Java that is new enough the test is skipped, in CI too."""
    _or_skip(lambda: java(elastic.V9))
    return str(_or_skip(lambda: shared.address(this_run, "elastic", elastic.V9))["url"])


@pytest.fixture(scope="session")
def elastic_cluster_of_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as started:
        folder = tmp_path_factory.mktemp("cluster")
        yield _or_skip(lambda: started.enter_context(elastic.cluster(folder)))


@pytest.fixture
def elastic_cluster(elastic_cluster_of_run: Cluster) -> Cluster:
    """Three nodes that run and hold nothing, whatever the test before did to them. One process has all such tests."""
    elastic_cluster_of_run.heal()
    return elastic_cluster_of_run


@pytest.fixture(scope="session")
def postgres_server(this_run: Run) -> Door:
    """A PostgreSQL that all tests share; `postgres.database` makes a database on it."""
    where = _or_skip(lambda: shared.address(this_run, "postgres"))
    return Door(where["port"], where["password"])


@pytest.fixture
def postgres_url(postgres_server: Door) -> Iterator[str]:
    """The address of an empty database, dropped afterwards."""
    with postgres.database(postgres_server) as url:
        yield url


def _or_skip(made: Callable[[], Made]) -> Made:
    try:
        return made()
    except NotInstalled as lacking:
        pytest.skip(str(lacking))
