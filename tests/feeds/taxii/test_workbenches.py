"""Workbenches of agencies: in whose name, under which handling, and how much a day."""

import pytest

from cert.store import log, quota
from cert.store.engine import reading, writing
from cert.store.machines import DAY
from cert.store.quota import Terms
from tests.feeds.taxii.node import MEDIA_TYPE, OBJECTS, START, Node, assert_error, ids, indicator

MIDNIGHT = START - START % DAY + DAY
CERT, CUSTOMS, PEER, NOBODY = (f"identity--00000000-0000-4000-8000-{n:012}" for n in (1, 2, 3, 9))


def terms(node: Node, new: Terms) -> None:
    with writing(node.db) as c:
        quota.set_terms(c, "bench:customs", new)


@pytest.mark.row("TX-31")
@pytest.mark.parametrize(("author", "failures"), [(CERT, 1), (PEER, 1), (CUSTOMS, 0), (NOBODY, 0), (None, 0)])
def test_it_takes_every_author_but_another_nation_or_agency(node: Node, author: str | None, failures: int) -> None:
    status = node.post(indicator(1) | ({"created_by_ref": author} if author else {}), indicator(2)).json()

    assert status["failure_count"] == failures
    assert ("may not speak for" in str(status.get("failures"))) == bool(failures)
    assert len(ids(node.ask(OBJECTS))) == 2 - failures


@pytest.mark.row("TX-31", "TX-90")
def test_it_takes_nobody_s_word_on_who_a_nation_is(node: Node) -> None:
    stamp = indicator(1)["created"]
    said = {"type": "identity", "spec_version": "2.1", "name": "x", "created": stamp, "modified": stamp}

    failures = node.post({**said, "id": PEER}, {**said, "id": NOBODY}).json()["failures"]

    assert [(one["id"], "may not say who" in one["message"]) for one in failures] == [(PEER, True)]


@pytest.mark.row("TX-119")
def test_it_takes_so_many_objects_a_day_and_not_more(node: Node) -> None:
    terms(node, Terms(objects_a_day=3))
    node.post(indicator(1), indicator(2))

    over = node.post(indicator(3), indicator(4))

    assert_error(over, 429)
    assert "3 objects a day" in over.json()["title"]
    assert int(over.headers["Retry-After"]) == (MIDNIGHT - START) // 1_000_000
    assert len(ids(node.ask(OBJECTS))) == 2
    assert node.post(indicator(1)).status_code == 202
    assert_error(node.post(indicator(1)), 429)
    node.clock.now = MIDNIGHT
    assert node.post(indicator(3), indicator(4)).status_code == 202


@pytest.mark.row("TX-119", "TX-97")
def test_it_takes_so_many_bytes_a_day_and_not_more(node: Node) -> None:
    body = b'{"objects":[{"type":"%s"}]}' % (b"x" * 400)
    headers = {"Content-Type": MEDIA_TYPE}
    terms(node, Terms(bytes_a_day=1_000))

    answers = [node.post(json=None, data=body, headers=headers).status_code for _ in range(3)]

    assert answers == [202, 202, 429]
    assert_error(node.post(json=None, data=body.replace(b"xx", b"x" * 6), headers=headers), 413)


def test_it_takes_what_is_unmarked_under_the_handling_of_the_workbench(node: Node) -> None:
    terms(node, Terms(handling="red"))
    node.post(indicator(1))

    with reading(node.db) as c:
        assert [entry.handling for entry in log.after(c, "bench:customs", 0, 9)] == ["red"]
