"""An object or a receipt that lies is set aside with its reason, and the rest of its batch goes on."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from cert.store.engine import reading, writing
from config.cast import MX, US
from feeds import ledger, release, wire
from tests.cast import DAY, HOUR, START, incident, indicator, made_id, marked
from tests.feeds.hostile import FIRST, SECOND, Victim

# --- objects -----------------------------------------------------------------------------------------------------
OBJECTS_THAT_LIE: dict[str, tuple[Sequence[Any], str]] = {
    "W3 our incident, newer": ([incident(7, START + HOUR, name="suyo", created_by_ref=US.identity)], "not-his"),
    "W3 our incident, revoked": (
        [incident(7, START + HOUR, revoked=True, created_by_ref=MX.identity)],
        "impersonation",
    ),
    "W3 in our name": ([incident(8, created_by_ref=MX.identity)], "impersonation"),
    "W6 said twice otherwise": ([indicator(1, name="otro")], "conflict"),
    "W7 type is not that of the id": ([indicator(5, id=made_id("malware", 5))], ""),
    "W7 id is none": ([indicator(5, id="indicator--../../etc/passwd")], ""),
    "W8 comes back after it was revoked": (
        [indicator(6, START, revoked=True), indicator(6, START + HOUR)],
        "refused",
    ),
    "W9 modified in 9999": ([indicator(5, modified="9999-12-31T23:59:59.999Z")], "from-the-future"),
    "W9 modified in two days": ([indicator(5, START + 2 * DAY)], "from-the-future"),
    "W9 a date that is none": ([indicator(5, modified="2026-13-40T00:00:00Z")], ""),
    "W9 seven digits and an offset": ([indicator(5, modified="2026-05-04T09:30:00+01:00")], ""),
    "F23 no object": (["poison"], ""),
    "F23 null": ([None], ""),
    "F23 no pattern": ([indicator(5, pattern=None)], ""),
    "F23 a checkpoint's type that is a list": ([{"type": [wire.CHECKPOINT]}], ""),
    "F23 deep": ([json.loads('{"type":' * 40 + "1" + "}" * 40)], ""),
}


@pytest.mark.parametrize("what", OBJECTS_THAT_LIE)
def test_an_object_that_lies_is_set_aside_and_refused_and_the_rest_goes_on(victim: Victim, what: str) -> None:
    """F23: with its reason, here and in the receipt."""
    victim.mx.say(incident(7, created_by_ref=MX.identity, object_marking_refs=marked("green")))
    objects, code = OBJECTS_THAT_LIE[what]
    victim.us.giver.give(indicator(2), *objects, indicator(3))

    victim.attempt()

    assert {SECOND, made_id("indicator", 3)} <= victim.admitted()
    assert victim.fault() == ""
    assert len(victim.aside()) == 1
    if code:
        assert list(victim.aside().values()) == [code]
    assert [one.outcome for one in victim.refused() if one.outcome == "refused"] == ["refused"]
    assert [entry.obj()["name"] for entry in victim.mx.newest(made_id("incident", 7))] == ["Suceso 7"]


def test_w8_old_pages_again_bring_nothing_back(victim: Victim) -> None:
    victim.us.giver.give(indicator(1, START + HOUR, revoked=True))
    victim.attempt()
    victim.us.giver.give(indicator(1))
    victim.attempt()

    (entry,) = victim.mx.newest(FIRST)
    assert entry.obj()["revoked"]
    assert victim.fault() == ""


def test_f23_one_bad_object_in_thousands(victim: Victim) -> None:
    victim.us.giver.give(*[indicator(n) if n != 1_500 else indicator(n, pattern=None) for n in range(10, 2_010)])

    victim.attempt()

    assert len(victim.admitted()) == 2_000
    assert len(victim.aside()) == 1
    (refusal,) = victim.refused()
    assert (refusal.number, refusal.outcome, "pattern" in refusal.sentence) == (3 + 1_491, "refused", True)


# --- receipts ----------------------------------------------------------------------------------------------------
@pytest.fixture
def given(victim: Victim) -> tuple[int, bytes]:
    """We gave something: number and link of the last entry of our log to the peer."""
    mx = victim.mx
    numbers = [verdict.number for verdict in mx.say(indicator(21), indicator(22))]
    with writing(mx.db) as c:
        entries = [entry for entry in mx.everything() if entry.number in numbers]
        release.append_act(c, "ana", mx.peer, entries, mx.clock())
    mx.cross()
    with reading(mx.db) as c:
        last = ledger.last_seal(c, mx.peer.outbound, b"")
    assert last.number >= 3
    return last.number, last.link


RECEIPTS: dict[str, tuple[dict[str, Any], str]] = {
    "F19 for what we have not sent": ({"last": 99}, "receipt-ahead"),
    "W6 for other content": ({"link": "0" * 64}, "receipt-link"),
    "F16 with a gap before it": ({"first": 2}, "receipt-gap"),
    "W6 without a link": ({"link": None}, "receipt"),
    "W6 for true": ({"first": True}, "receipt"),
    "W6 backwards": ({"first": 1, "last": -1}, "receipt"),
    "W6 exceptions outside": ({"exceptions": [{"number": 98, "outcome": "refused", "code": "x"}]}, "receipt"),
    "W6 exceptions twice": ({"exceptions": 2 * [{"number": 1, "outcome": "refused", "code": "x"}]}, "receipt"),
    "W6 an outcome of his own": ({"exceptions": [{"number": 1, "outcome": "eaten", "code": "x"}]}, "receipt"),
    "W6 exceptions that are none": ({"exceptions": {"number": 1}}, "receipt"),
}


@pytest.mark.parametrize("what", RECEIPTS)
def test_a_receipt_that_lies_is_set_aside_and_counts_for_nothing(
    victim: Victim, given: tuple[int, bytes], what: str
) -> None:
    number, link = given
    change, code = RECEIPTS[what]
    giver = victim.us.giver
    giver.say(wire.RECEIPT, **{"first": 1, "last": number, "link": link.hex()} | change)
    giver.add(indicator(2))
    giver.close()

    victim.attempt()

    assert list(victim.aside().values()) == [code]
    assert victim.receipted() == 0
    assert victim.admitted() == {FIRST, SECOND}

    giver.say(wire.RECEIPT, first=1, last=number, link=link.hex())
    giver.close()
    victim.attempt()
    assert victim.receipted() == number


def test_f16_a_receipt_that_is_said_again_counts_once(victim: Victim, given: tuple[int, bytes]) -> None:
    number, link = given
    giver = victim.us.giver
    giver.say(wire.RECEIPT, first=1, last=number, link=link.hex())
    giver.add(giver.log[-1], indicator(2))
    giver.close()

    victim.attempt()

    assert (victim.receipted(), victim.admitted()) == (number, {FIRST, SECOND})
    assert list(victim.aside().values()) == ["receipt-replayed"]
