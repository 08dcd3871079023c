"""What the exchange keeps beside the logs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cert.errors import Conflict, NotFound, Phrase, Refused
from cert.store import aside
from cert.store.engine import Connection, open_db, writing
from feeds import ledger, store
from feeds.store import STATUS_KEPT, Errand, Terms
from tests.cast import START, Node
from tests.cert.store.statements import fill

TERMS = Terms(0, "amber", "amber")


@pytest.fixture
def c(mx: Node) -> Iterator[Connection]:
    with writing(mx.db) as connection:
        yield connection


def test_it_knows_a_peer_by_name_and_his_terms(c: Connection) -> None:
    peer = store.peer(c, "us")

    assert (peer.terms, peer.outbound, peer.inbound) == (TERMS, "to:us", "from:us")
    assert store.all_peers(c) == [peer]


def test_it_names_the_peers_there_are(c: Connection) -> None:
    with pytest.raises(NotFound, match="Known are: us"):
        store.peer(c, "ca")
    with pytest.raises(Conflict):
        store.add_peer(c, "us", store.peer(c, "us").org, TERMS)


def test_it_remembers_how_far_a_peer_is_mirrored(c: Connection) -> None:
    assert store.mirrored_until(c, "us") == ""
    store.set_mirrored_until(c, "us", "2026-05-04T09:30:00.000000Z")
    assert store.mirrored_until(c, "us") == "2026-05-04T09:30:00.000000Z"


def test_it_holds_an_entry_once_and_lets_it_go(c: Connection) -> None:
    store.hold(c, "us", [(3, "handling"), (4, "not-ours")], START)
    store.hold(c, "us", [(3, "theirs")], START + 1)
    assert [(one.number, one.rule, one.since) for one in store.all_held(c, 9)] == [
        (4, "not-ours", START),
        (3, "handling", START),
    ]

    store.let_go(c, "us", [4])
    assert store.count_held(c) == 1


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A database that knows one peer, on either engine."""
    sqlite = request.param == "sqlite"
    db = open_db(f"sqlite:///{tmp_path / 'node.db'}" if sqlite else request.getfixturevalue("postgres_url"))
    fill(db)
    with writing(db) as connection:
        store.add_peer(connection, "us", 1, TERMS)
        yield connection
    db.dispose()


def test_it_keeps_the_newest_errand_of_a_kind_and_its_own_answer(either: Connection) -> None:
    """What is answered late, when the same was asked for again, is no answer to that."""
    first, second = Errand("us", "test", None, "sofia", START), Errand("us", "test", None, "elena", START + 2)
    again = Errand("us", "pull-again", 7, "sofia", START + 1)
    for errand in (first, again, second):
        store.ask(either, errand)
    assert store.all_errands(either, "us") == [again, second]

    said = Phrase("%(peer)s answers, and lets us in.", {"peer": "CERT"})
    for errand in (first, again):
        store.answer(either, errand, START + 3, ok=True, answer=said)
    assert store.all_errands(either, "us") == [replace(again, done=START + 3, ok=True, answer=said), second]


def test_a_fault_that_froze_a_direction_is_kept_with_its_sentence(either: Connection) -> None:
    fault = Refused("gap", "His log goes on at entry %(theirs)d.", theirs=9)
    ledger.freeze(either, "us", ledger.IN, fault, b"{}", START)
    aside.report(either, "pull:us", ok=False, why=fault.phrase, now=START, next_try=START + 1)

    found = ledger.frozen(either, "us", ledger.IN)
    assert found is not None
    assert (found.code, found.why) == ("gap", fault.phrase)
    assert [(one.why, one.next_try) for one in aside.all_health(either)] == [(fault.phrase, START + 1)]


def test_it_pages_what_is_held(c: Connection) -> None:
    store.hold(c, "us", [(n, "handling") for n in range(1, 6)], START)

    first = store.all_held(c, 2)
    assert [one.number for one in first + store.all_held(c, 9, first[-1].number)] == [5, 4, 3, 2, 1]


def test_it_shows_a_status_to_the_account_and_root_it_belongs_to(mx: Node, c: Connection) -> None:
    store.add_status(c, id="s", account=1, root="puente", body=b"{}", now=START)

    assert store.status(c, id="s", account=1, root="puente", now=START) == b"{}"
    assert store.status(c, id="s", account=2, root="puente", now=START) is None
    assert store.status(c, id="s", account=1, root="other", now=START) is None
    assert store.status(c, id="s", account=1, root="puente", now=START + STATUS_KEPT + 1) is None


def test_it_drops_old_statuses_when_a_new_one_comes(c: Connection) -> None:
    store.add_status(c, id="old", account=1, root="puente", body=b"{}", now=START)
    store.add_status(c, id="new", account=1, root="puente", body=b"{}", now=START + STATUS_KEPT + 1)

    assert store.status(c, id="old", account=1, root="puente", now=START) is None
