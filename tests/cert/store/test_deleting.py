"""Deleting: what is taken back from a log is gone from it, and from it alone."""

from collections.abc import Sequence

import pytest

from cert.store import current, log, pages
from cert.store.deleting import delete_versions
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.entries import DELETED
from cert.store.pages import EVERY, LAST, Span, Versions, Wanted
from tests.cast import SECOND, address, indicator, made_id
from tests.cert.store.statements import NOW, outcomes, put, read, said

BENCH = "bench:x"
ID = made_id("indicator", 1)
ALL = Span(0, 1_000, 1 << 20)


def version(n: int) -> log.Statement:
    return said(indicator(1, modified=f"2026-05-04T09:30:{n:02}.000Z", name=f"version {n}"))


def deleted(store: Engine, versions: Versions = EVERY, stix_id: str = ID) -> int:
    with writing(store) as c:
        return len(delete_versions(c, BENCH, Wanted((stix_id,), versions)))


def served(c: Connection, versions: Versions = EVERY) -> Sequence[int]:
    numbers = pages.objects(c, BENCH, Wanted(None, versions), ALL).numbers
    assert pages.manifest(c, BENCH, Wanted(None, versions), ALL).numbers == numbers
    return numbers


def test_it_takes_back_every_version_and_leaves_the_rest(store: Engine) -> None:
    put(store, version(1), said(indicator(2)), version(2), to=BENCH)

    assert deleted(store) == 2

    with reading(store) as c:
        assert served(c) == served(c, LAST) == [2]
        assert pages.objects(c, BENCH, Wanted(None, EVERY, ("indicator",)), ALL).numbers == [2]
        assert not pages.holds(c, BENCH, ID)
        assert current.newest(c, BENCH, [ID]) == []


@pytest.mark.parametrize(
    ("gone", "left", "newest"),
    [
        (Versions(last=True), [1, 2], [2]),
        (Versions(first=True), [2, 3], [3]),
        (Versions(exact=(NOW + 2 * SECOND,)), [1, 3], [3]),
        (Versions(first=True, last=True), [2], [2]),
        (Versions(exact=(NOW + 9 * SECOND,)), [1, 2, 3], [3]),
    ],
)
def test_it_takes_back_single_versions(store: Engine, gone: Versions, left: list[int], newest: list[int]) -> None:
    put(store, *map(version, (1, 2, 3)), to=BENCH)

    assert deleted(store, gone) == 3 - len(left)

    with reading(store) as c:
        assert served(c) == left
        assert served(c, LAST) == newest


def test_it_takes_back_nothing_twice(store: Engine) -> None:
    put(store, version(1), to=BENCH)

    assert [deleted(store), deleted(store), deleted(store, stix_id=made_id("note", 1))] == [1, 0, 0]


def test_it_takes_what_is_sent_again_as_new(store: Engine) -> None:
    put(store, version(1), version(2), to=BENCH)
    deleted(store)

    verdicts = put(store, said(indicator(1, modified="2026-05-04T09:30:01.000Z", name="other")), version(2), to=BENCH)

    assert (outcomes(verdicts), [verdict.number for verdict in verdicts]) == (["stored", "stored"], [3, 4])
    with reading(store) as c:
        assert (served(c), served(c, LAST)) == ([3, 4], [4])


def test_it_takes_back_an_object_without_versions(store: Engine) -> None:
    put(store, said(address("203.0.113.7")), said(address("203.0.113.8")), to=BENCH)
    stix_id = str(address("203.0.113.7")["id"])

    assert deleted(store, stix_id=stix_id) == 1
    assert outcomes(put(store, said(address("203.0.113.7")), to=BENCH)) == ["stored"]


def test_it_leaves_other_logs_and_every_number_alone(store: Engine) -> None:
    put(store, version(1), to=BENCH)
    put(store, version(1), to="record")
    deleted(store)

    assert [(entry.number, entry.kind, entry.id) for entry in read(store, BENCH)] == [(1, DELETED, ID)]
    assert [entry.kind for entry in read(store, "record")] == ["object"]
    with reading(store) as c:
        assert len(current.newest(c, "record", [ID])) == 1
