"""The audit trail: written, in order, never changed."""

from cert import acts
from cert.store.engine import writing
from tests.cast import Node


def test_it_writes_who_did_what_when(mx: Node) -> None:
    mx.clock.now += 5
    acts.note(mx.db, "release", "ana", mx.clock(), peer="us", id="incident--1")

    entry = mx.everything("acts")[-1]
    assert (entry.kind, entry.obj()) == ("release", {"who": "ana", "peer": "us", "id": "incident--1"})
    assert entry.date_added == mx.clock()


def test_it_shares_a_transaction_that_is_open(mx: Node) -> None:
    before = len(mx.everything("acts"))
    try:
        with writing(mx.db) as c:
            acts.add(c, "file", "luis", mx.clock())
            raise InterruptedError
    except InterruptedError:
        pass

    assert len(mx.everything("acts")) == before


def test_it_calls_a_visitor_nobody(mx: Node) -> None:
    assert acts.by(None) == "nobody"
    assert acts.by(mx.viewer("ana")) == "ana"


def test_it_holds_no_password_of_those_who_signed_in(mx: Node) -> None:
    """L11: the trail of a made node names people and machines, and none of their secrets."""
    trail = b"".join(entry.body for entry in mx.everything("acts"))

    assert b"peer-add" in b"".join(entry.kind.encode() for entry in mx.everything("acts"))
    assert b"ssss" not in trail
