"""What holds for all tests."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as of_hypothesis

from tests import cast
from tests.servers import shared
from tests.servers.fixtures import (
    CLUSTER_GROUP,
    RUN,
    elastic9_url,
    elastic_cluster,
    elastic_cluster_of_run,
    elastic_url,
    lacks_java_for_9,
    postgres_server,
    postgres_url,
    this_run,
)

__all__ = [  # the fixtures that are made elsewhere
    "elastic9_url",
    "elastic_cluster",
    "elastic_cluster_of_run",
    "elastic_url",
    "postgres_server",
    "postgres_url",
    "this_run",
]

# Machines that run tests are slow and busy: how long an example takes says nothing. Nor is a fixture that serves all
# examples of a test a mistake here: those tests say so.
of_hypothesis.register_profile(
    "ours", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
of_hypothesis.load_profile("ours")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_configure(config: pytest.Config) -> None:
    """All processes of a run share its servers: the first one says where."""
    given = getattr(config, "workerinput", {}).get("servers")
    config.stash[RUN] = shared.Run(Path(given[0]), given[1]) if given else shared.this_run()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process that runs tests for this one where the servers are."""
    run = node.config.stash[RUN]
    node.workerinput["servers"] = (str(run.folder), run.pid)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The servers end with the run."""
    run = config.stash.get(RUN, None)
    if run and run.pid == os.getpid():
        shared.end(run)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """There is one cluster at a time: its three nodes are a load."""
    for item in items:
        if "elastic_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(CLUSTER_GROUP))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Without its groups xdist runs side by side what must not be, and says nothing."""
    if hasattr(session.config, "workerinput") and getattr(session.config.option, "loadgroup", False):
        lost = [
            item.nodeid for item in session.items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid
        ]
        if lost:
            raise pytest.UsageError(f"xdist does not group {lost[0]} and {len(lost) - 1} more: which pytest is this?")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI (`CI` is set) a test that is skipped has failed: what CI does not run, nobody has run.

    But for those of Elasticsearch 9 where there is no Java for it, such as on Debian 12.
    """
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module that is skipped while it is collected."""
    return _judged((yield))


def _judged(report: Report) -> Report:
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if lacks_java_for_9(str(reason)):
            return report
        report.outcome = "failed"
        report.longrepr = f"Nothing may be skipped in CI: {reason}"
    return report


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node with the cast, made once; tests copy it."""
    folder = tmp_path_factory.mktemp("pristine")
    cast.make(folder)
    return folder


@pytest.fixture
def mx(pristine: Path, tmp_path: Path) -> Iterator[cast.Node]:
    """A node of the cast, fresh for each test."""
    with cast.opened(pristine, tmp_path) as node:
        yield node
