"""Quotas of workbenches: counted by the day, all or nothing."""

import pytest

from cert.store import quota
from cert.store.engine import Connection
from cert.store.machines import DAY
from cert.store.quota import FREE, OverQuota, Terms
from tests.cert.store.statements import NOW

BENCH = "bench:x"


def test_it_is_free_until_it_is_told_otherwise(c: Connection) -> None:
    assert quota.terms(c, BENCH) == FREE
    quota.take(c, BENCH, 1_000_000, 1 << 40, NOW)

    quota.set_terms(c, BENCH, Terms("red", 5, None))
    assert quota.terms(c, BENCH) == Terms("red", 5, None)
    quota.set_terms(c, BENCH, FREE)
    assert quota.terms(c, BENCH) == FREE


def test_it_counts_a_day_and_begins_the_next_at_nothing(c: Connection) -> None:
    quota.set_terms(c, BENCH, Terms(None, 5, 100))
    quota.take(c, BENCH, 2, 60, NOW)
    quota.take(c, BENCH, 3, 40, NOW + 1)

    assert quota.used(c, BENCH, NOW) == (5, 100)
    assert quota.used(c, BENCH, NOW + DAY) == (0, 0)
    quota.take(c, BENCH, 5, 100, NOW + DAY)


@pytest.mark.parametrize(("objects", "size"), [(4, 1), (1, 41)])
def test_it_counts_nothing_of_what_is_too_much(c: Connection, objects: int, size: int) -> None:
    quota.set_terms(c, BENCH, Terms(None, 5, 100))
    quota.take(c, BENCH, 2, 60, NOW)

    with pytest.raises(OverQuota) as over:
        quota.take(c, BENCH, objects, size, NOW)

    assert over.value.wait_s == (DAY - NOW % DAY) // 1_000_000
    assert quota.used(c, BENCH, NOW) == (2, 60)


@pytest.mark.parametrize(("objects", "size"), [(6, 1), (1, 101)])
def test_it_says_what_no_day_has_room_for(c: Connection, objects: int, size: int) -> None:
    quota.set_terms(c, BENCH, Terms(None, 5, 100))

    with pytest.raises(OverQuota) as over:
        quota.take(c, BENCH, objects, size, NOW)

    assert over.value.wait_s is None
