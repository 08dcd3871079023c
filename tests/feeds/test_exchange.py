"""Two nations exchange: what each gave and got is sealed, receipted, and the same on both sides."""

import pytest

from feeds import wire
from tests.cast import indicator, made_id
from tests.feeds.border import Both, copied, restored


def test_log_and_mirror_are_equal_link_by_link(both: Both) -> None:
    both.mx.give(indicator(1), indicator(2))
    both.settle()

    for giver, taker in ((both.mx, both.us), (both.us, both.mx)):
        out, mirror = giver.peer.outbound, taker.peer.inbound
        assert [e.body for e in giver.entries(out)] == [e.body for e in taker.entries(mirror)]
        assert giver.seals(out) == taker.seals(mirror)
        assert [n for n, _ in giver.seals(out)] == list(range(1, len(giver.entries(out)) + 1))
    assert made_id("indicator", 2) in [entry.id for entry in both.us.entries()]


@pytest.mark.row("TX-222")
def test_silence_is_stable(both: Both) -> None:
    both.us.give(indicator(1))

    assert both.settle() > 0
    assert both.settle() == 0


def test_every_batch_is_receipted_once(both: Both) -> None:
    both.mx.give(indicator(1), indicator(2))
    both.settle()

    sent = [entry for entry in both.mx.entries("to:us") if not wire.kind(entry.obj())]
    assert {both.mx.receipt_for(entry.number) for entry in sent} == {"accepted"}


# --- what breaks -------------------------------------------------------------------------------------------------
def test_a_node_restored_from_an_older_copy_takes_its_own_back_from_the_mirror(both: Both) -> None:
    """F19: no number is given out twice, and what was shared is whole again."""
    backup = copied(both.mx)
    both.mx.give(indicator(1), indicator(2))
    both.us.give(indicator(3))
    both.settle()
    before = both.mx.seals("to:us")

    restored(both.mx, backup)
    both.mx.give(indicator(4))
    both.settle()

    after = both.mx.seals("to:us")
    assert after[: len(before)] == before
    assert after == both.us.seals("from:mx")
    assert both.mx.seals("from:us") == both.us.seals("to:mx")
    held = {entry.id for entry in both.mx.entries()}
    assert {made_id("indicator", n) for n in (1, 2, 3, 4)} <= held
    assert made_id("indicator", 4) in {entry.id for entry in both.us.entries()}
    assert (both.mx.frozen(), both.us.frozen()) == ("", "")
