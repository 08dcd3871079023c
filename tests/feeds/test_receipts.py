"""Receipts: each batch is acknowledged once, with what was refused and why; a false receipt is seen."""

from collections.abc import Callable
from typing import Any

import pytest

from cert.errors import Phrase, Refused
from cert.stix import Micros
from cert.store import aside, people
from cert.store.engine import reading, writing
from cert.store.log import Entry
from feeds import admit, ledger, receipts, wire
from feeds.ledger import GAVE, GOT, Outcome
from tests.cast import START, indicator, made_id
from tests.feeds.border import Both, Nation

HOUR: Micros = 3_600_000_000


def sent(nation: Nation, n: int) -> Entry:
    """The entry under which an indicator left."""
    found = [e for e in nation.entries(nation.peer.outbound) if e.id == made_id("indicator", n)]
    return found[-1]


def exceptions(nation: Nation, way: str) -> list[Outcome]:
    with reading(nation.db) as c:
        return ledger.exceptions_among(c, nation.peer.name, way, 1, 10_000)


def test_the_giver_learns_that_it_was_accepted(both: Both) -> None:
    both.mx.give(indicator(1))
    assert both.mx.receipt_for(sent_number(both.mx)) == ""

    both.settle()

    assert both.mx.receipt_for(sent(both.mx, 1).number) == "accepted"


def sent_number(nation: Nation) -> int:
    return len(nation.entries(nation.peer.outbound)) + 1


def test_receipts_cover_every_entry_once_and_in_order(both: Both) -> None:
    for n in range(1, 4):
        both.mx.give(indicator(n))
        both.settle()

    told = [e.obj() for e in both.us.entries("to:mx") if wire.kind(e.obj()) == wire.RECEIPT]
    assert [one["first"] for one in told] == [1, *(one["last"] + 1 for one in told[:-1])]
    links = dict(both.mx.seals("to:us"))
    assert [one["link"] for one in told] == [links[one["last"]].hex() for one in told]


def test_what_was_refused_is_named_with_its_reason_and_waits_in_quarantine(both: Both) -> None:
    """F23: the stream goes on, and both sides see what stays behind."""
    both.mx.give(indicator(1), indicator(2, created_by_ref=identity(both.us)), indicator(3))
    both.settle()

    bad = sent(both.mx, 2).number
    assert [both.mx.receipt_for(sent(both.mx, n).number) for n in (1, 2, 3)] == ["accepted", "refused", "accepted"]
    (told,) = exceptions(both.mx, GOT)
    assert (told.number, told.code, told.sentence) == (bad, "impersonation", receipts.TOLD["impersonation"])
    assert exceptions(both.us, GAVE) == [told]
    with reading(both.us.db) as c:
        (waiting,) = aside.all_aside(c, 9)
    assert (waiting.log, waiting.number) == ("from:mx", bad)


def identity(nation: Nation) -> str:
    with reading(nation.db) as c:
        return people.our_cert(c).identity_id


def test_an_older_version_that_comes_late_is_superseded(both: Both) -> None:
    both.mx.give(indicator(1, START + HOUR))
    both.settle()
    both.mx.give(indicator(1, START))
    both.settle()

    assert [both.mx.receipt_for(e.number) for e in both.mx.entries("to:us") if e.id == made_id("indicator", 1)] == [
        "accepted",
        "superseded",
    ]


@pytest.mark.row("TX-216")
def test_what_waits_in_quarantine_can_be_retried_and_the_giver_learns_of_it(both: Both) -> None:
    both.mx.give(indicator(1))
    both.settle()
    number = sent(both.mx, 1).number
    with writing(both.us.db) as c:  # as if it had failed for a reason that has gone since
        fault = aside.Aside(
            "admit:mx", "from:mx", number + 2, made_id("indicator", 2), "unexpected", Phrase("A fault."), START
        )
        aside.put_aside(c, fault)
    both.mx.give(indicator(2))
    both.settle()
    held = sent(both.mx, 2).number
    assert (held, both.mx.receipt_for(held)) == (number + 2, "refused")

    with writing(both.us.db) as c:
        admit.retry(c, both.us.peer, held, START)
    both.settle()

    assert both.mx.receipt_for(held) == "accepted"
    assert exceptions(both.us, GAVE) == []
    with reading(both.us.db) as c:
        assert aside.all_aside(c, 9) == []


Change = Callable[[dict[str, Any]], dict[str, Any]]
LIES: dict[str, tuple[Change, str]] = {
    "given before": (lambda due: {"first": due["first"] - 3, "last": due["first"] - 1}, "receipt-replayed"),
    "ahead of what was sent": (lambda due: {"last": due["last"] + 1}, "receipt-ahead"),
    "with a gap before it": (lambda due: {"first": due["first"] + 1}, "receipt-gap"),
    "for other content": (lambda _: {"link": "00" * 32}, "receipt-link"),
    "backwards": (lambda due: {"first": due["last"] + 5}, "receipt"),
    "of no numbers": (lambda due: {"first": str(due["first"])}, "receipt"),
    "with a link that is none": (lambda _: {"link": "zz"}, "receipt"),
    "with an exception outside": (lambda _: _except(1, "refused"), "receipt"),
    "with an outcome nobody knows": (lambda due: _except(due["last"], "eaten"), "receipt"),
    "that takes back nothing": (lambda due: {"last": due["first"] - 1}, "receipt"),
    "with exceptions that are none": (lambda _: {"exceptions": ["x"]}, "receipt"),
}


def _except(number: int, outcome: str) -> dict[str, Any]:
    return {"exceptions": [{"number": number, "outcome": outcome, "code": "x"}]}


@pytest.mark.parametrize("lie", LIES)
def test_a_false_receipt_is_refused_and_changes_nothing(both: Both, lie: str) -> None:
    """Given that a receipt is due, when another one comes, then the due one is still taken afterwards."""
    both.mx.give(indicator(1))
    both.mx.tasks["release"].turn()
    number, link = both.mx.seals("to:us")[-1]
    with reading(both.mx.db) as c:
        due: dict[str, Any] = {"first": ledger.receipted(c, "us", GOT) + 1, "last": number, "link": link.hex()}
    change, code = LIES[lie]

    with writing(both.mx.db) as c, pytest.raises(Refused) as refused:
        receipts.take(c, both.mx.peer, due | change(due), START)

    assert refused.value.code == code
    with writing(both.mx.db) as c:
        assert ledger.receipted(c, "us", GOT) == due["first"] - 1
        receipts.take(c, both.mx.peer, due, START)
    assert both.mx.receipt_for(sent(both.mx, 1).number) == "accepted"
