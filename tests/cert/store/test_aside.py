"""What was set aside stays in plain sight, once; health says since when."""

from collections.abc import Iterator

import pytest

from cert.errors import Phrase
from cert.store import aside
from cert.store.aside import Aside
from cert.store.engine import Connection, Engine, writing
from tests.cert.store.statements import NOW

BAD = Aside("admit:us", "from:us", 7, "incident--1", "refused", Phrase("It carries no %(what)s.", {"what": "id"}), NOW)


@pytest.fixture
def c(store: Engine) -> Iterator[Connection]:
    with writing(store) as connection:
        yield connection


def test_it_keeps_an_entry_once_with_its_first_reason(c: Connection) -> None:
    aside.put_aside(c, BAD)
    aside.put_aside(c, Aside("admit:us", "from:us", 7, "incident--1", "other", Phrase("Another reason."), NOW + 1))

    assert aside.all_aside(c, 9) == [BAD]
    assert aside.count_aside(c) == {"admit:us": 1}


def test_it_lists_the_newest_first_and_one_follower_s_alone(c: Connection) -> None:
    for number, follower in ((1, "admit:us"), (2, "search:x"), (3, "admit:us")):
        aside.put_aside(c, Aside(follower, "record", number, "", "unexpected", Phrase("See the log."), NOW))

    assert [one.number for one in aside.all_aside(c, 2)] == [3, 2]
    assert [one.number for one in aside.all_aside(c, 9, "search:x")] == [2]


def test_it_says_since_when_a_part_is_as_it_is(c: Connection) -> None:
    for ok, now in ((False, NOW), (False, NOW + 1), (True, NOW + 2), (True, NOW + 3)):
        aside.report(c, "pull:us", ok=ok, why=Phrase("" if ok else "nothing answers there."), now=now)

    (health,) = aside.all_health(c)
    assert (health.ok, str(health.why), health.since) == (True, "", NOW + 2)
