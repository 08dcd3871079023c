"""What the exchange keeps beside the logs."""

from collections.abc import Iterator

import pytest

from cert.errors import Conflict, NotFound
from cert.store.engine import Connection, writing
from feeds import store
from feeds.store import STATUS_KEPT, Terms
from tests.cast import START, Node

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
