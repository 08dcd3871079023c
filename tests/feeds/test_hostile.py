"""Every lie of a peer is survived, soon over, and seen; and what he says honestly still arrives."""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cert.stix import format_timestamp
from cert.store.engine import reading, writing
from config.cast import MX, US
from feeds import connection, ledger, packed, release, seal, transport, wire
from feeds.connection import Address
from feeds.drain import Drain
from feeds.line import Line
from feeds.trust import Trust
from tests.cast import DAY, HOUR, START, Node, incident, indicator, made_id, marked
from tests.feeds.certificates import IMPOSTORS, authority, tls
from tests.feeds.circles import CIRCLES
from tests.feeds.hostile import Victim
from tests.feeds.scripted import OBJECTS, Answer, Giver, Said, Script, envelope, key, listed, serving

FIRST, SECOND = made_id("indicator", 1), made_id("indicator", 2)


@pytest.fixture
def victim(mx: Node, us: Script, line: Line, monkeypatch: pytest.MonkeyPatch) -> Victim:
    """The node, which has taken a first batch from the peer."""
    monkeypatch.setattr(connection, "BACKOFF_S", (0.0, 0.0))
    us.giver.known_to(mx)
    us.giver.give(indicator(1))
    made = Victim(mx, us, line)
    made.attempt()
    assert (made.admitted(), made.fault(), made.aside()) == ({FIRST}, "", {})
    return made


@pytest.fixture
def liar() -> Giver:
    """The peer as he was after the first batch: with the same keys he can go on otherwise."""
    made = Giver()
    made.give(indicator(1))
    return made


# --- lies about the log ------------------------------------------------------------------------------------------
def _page(liar: Giver, **change: Any) -> list[Said]:
    return [liar.page(3, **change)]


def _fork_as_long(liar: Giver) -> list[Said]:
    other = Giver()
    other.give(indicator(9))
    return [other.page(3)]


def _fork_and_on(liar: Giver) -> list[Said]:
    other = Giver()
    other.give(indicator(9))
    other.give(indicator(2))
    return [other.page(3)]


def _gap(liar: Giver) -> list[Said]:
    liar.give(indicator(2))
    return [liar.page(4)]


def _edited(liar: Giver) -> list[Said]:
    liar.give(indicator(2))
    return _page(liar, objects=[indicator(2, name="otro"), liar.log[4]])


def _resalted(liar: Giver) -> list[Said]:
    liar.give(indicator(2))
    return _page(liar, x_puente_entries=[[4, seal.salt_text(b"x" * 16)], [5, seal.salt_text(liar.last.salt)]])


def _swapped(liar: Giver) -> list[Said]:
    liar.give(indicator(2), indicator(3))
    return _page(liar, objects=[indicator(3), indicator(2), liar.log[5]])


def _left_out(liar: Giver) -> list[Said]:
    liar.give(indicator(2))
    return _page(liar, objects=[liar.log[4]], x_puente_entries=[[4, seal.salt_text(liar.last.salt)]])


def _slipped_in(liar: Giver) -> list[Said]:
    liar.give(indicator(2))
    marks = [[4 + n, seal.salt_text(liar.seals[min(3 + n, 4)].salt)] for n in range(3)]
    return _page(liar, objects=[indicator(7), *liar.log[3:]], x_puente_entries=marks)


def _closed(**change: Any) -> Callable[[Giver], list[Said]]:
    def lie(liar: Giver) -> list[Said]:
        liar.add(indicator(2))
        liar.close(**change)
        return _page(liar)

    return lie


def _other_log(liar: Giver) -> list[Said]:
    """A checkpoint that he signed for what he gives to somebody else."""
    liar.add(indicator(2))
    liar.close(signature=seal.signature(liar.signer, seal.genesis(MX.identity, US.identity), liar.last))
    return _page(liar)


def _old_checkpoint(liar: Giver) -> list[Said]:
    liar.add(indicator(2), liar.log[2])
    return _page(liar)


def _revoked(liar: Giver) -> list[Said]:
    old, new = liar.signer, seal.signer(key(3))
    liar.keys = [listed(old, {liar.start.hex(): 3}), listed(new)]
    liar.tell_keys()
    liar.close(new)
    liar.add(indicator(2))
    liar.close(old)
    return _page(liar)


def _revoked_then_old_list(liar: Giver) -> list[Said]:
    """The thief replays the list in which his key was good."""
    old, new = liar.signer, seal.signer(key(3))
    liar.keys = [listed(old, {liar.start.hex(): 3}), listed(new)]
    liar.tell_keys()
    liar.add(liar.log[0], indicator(2))
    liar.close(old)
    return _page(liar)


def _other_root(liar: Giver) -> list[Said]:
    thief = seal.signer(key(8))
    liar.keys = [listed(thief)]
    liar.tell_keys(root=key(9))
    liar.add(indicator(2))
    liar.close(thief)
    return _page(liar)


def _forged_list(liar: Giver) -> list[Said]:
    thief = seal.signer(key(8))
    said = seal.signed_list(liar.root, 2, [listed(liar.signer)])
    liar.say(wire.KEYS, **said | {"keys": seal.signed_list(liar.root, 2, [listed(thief)])["keys"]})
    liar.add(indicator(2))
    liar.close(thief)
    return _page(liar)


def _junk_list(liar: Giver) -> list[Said]:
    liar.say(wire.KEYS, version="x", root=[], keys={})
    liar.add(indicator(2))
    liar.close()
    return _page(liar)


CHAIN: dict[str, tuple[Callable[[Giver], list[Said]], str]] = {
    "F20 fork as long": (_fork_as_long, "fork"),
    "F20 fork that goes on": (_fork_and_on, "chain"),
    "N5 gap": (_gap, "gap"),
    "N5 entry left out": (_left_out, "chain"),
    "F16 entries swapped": (_swapped, "chain"),
    "W6 entry edited": (_edited, "chain"),
    "W6 salt edited": (_resalted, "chain"),
    "W6 entry slipped in": (_slipped_in, "chain"),
    "F22 bad signature": (_closed(signature="AAAA"), "signature"),
    "F22 no signature": (_closed(signature=None), "signature"),
    "F22 signed for another log": (_other_log, "signature"),
    "F22 unknown key": (_closed(by=seal.signer(key(8))), "unknown-key"),
    "F22 key of another": (_closed(by=seal.signer(key(8)), key=seal.signer(key(2)).id), "signature"),
    "F22 revoked key": (_revoked, "revoked-key"),
    "F22 revoked key, old list again": (_revoked_then_old_list, "revoked-key"),
    "F22 list of another root": (_other_root, "root"),
    "F22 forged list": (_forged_list, "signature"),
    "F22 junk list": (_junk_list, "key-list"),
    "F16 old checkpoint again": (_old_checkpoint, "chain"),
    "F16 checkpoint of another number": (_closed(number=99), "chain"),
    "F16 checkpoint of true": (_closed(number=True), "chain"),
    "F16 checkpoint of another link": (_closed(link="0" * 64), "chain"),
    "F16 checkpoint without link": (_closed(link=None), "chain"),
}


@pytest.mark.parametrize("what", CHAIN)
def test_a_log_that_does_not_hang_together_is_frozen_with_evidence(victim: Victim, liar: Giver, what: str) -> None:
    lie, code = CHAIN[what]
    victim.us.pages = lie(liar)
    held = len(victim.mx.everything("from:us"))

    victim.attempt()

    assert victim.frozen() == code
    assert "nothing is taken from him since" in victim.fault()
    assert victim.admitted() == {FIRST}
    assert len(victim.mx.everything("from:us")) == held

    victim.us.giver.give(indicator(2))
    victim.tell_the_truth()
    assert (victim.admitted(), victim.frozen(), victim.fault()) == ({FIRST, SECOND}, "", "")


def _rollback(liar: Giver) -> list[Said]:
    return [Answer(b"{}", headers=Giver().page(0).headers)]


def _withheld(liar: Giver) -> list[Said]:
    return [liar.page(3, head=f"9 {'0' * 64}")]


def _unclosed(liar: Giver) -> list[Said]:
    liar.add(indicator(2))
    return [liar.page(3), liar.page(4)]


def _again(liar: Giver) -> list[Said]:
    return [liar.page(0)]


def _unsealed(liar: Giver) -> list[Said]:
    liar.give(indicator(2))
    return [liar.page(3, x_puente_entries=[[4], [5]])]


def _unheaded(liar: Giver) -> list[Said]:
    liar.give(indicator(2))
    return [liar.page(3, head=None)]


WAITED_FOR = {
    "F20 rolled back": (_rollback, "restored from an older copy"),
    "N5 promised and not given": (_withheld, "gives nothing after 3"),
    "F22 never closed": (_unclosed, "no checkpoint closes his log"),
    "F16 old page again": (_again, "gives older ones again"),
    "F22 sealed no more": (_unsealed, "no salt"),
    "N5 headers dropped": (_unheaded, "does not say where its log ends"),
}


@pytest.mark.parametrize("what", WAITED_FOR)
def test_what_may_pass_is_waited_for_and_said(victim: Victim, liar: Giver, what: str) -> None:
    lie, says = WAITED_FOR[what]
    victim.us.pages = lie(liar)

    victim.attempt()
    if not victim.fault():
        victim.attempt()

    assert says in victim.fault()
    assert (victim.admitted(), victim.frozen()) == ({FIRST}, "")

    victim.us.giver.give(indicator(2))
    victim.tell_the_truth()
    assert (victim.admitted(), victim.fault()) == ({FIRST, SECOND}, "")


def test_f22_a_new_key_that_the_root_key_lists_seals_from_then_on(victim: Victim) -> None:
    giver, new = victim.us.giver, seal.signer(key(3))
    giver.keys = [listed(giver.signer, {giver.start.hex(): 3}), listed(new)]
    giver.tell_keys()
    giver.close(new)
    giver.add(indicator(2))
    giver.close(new)

    victim.attempt()

    assert (victim.admitted(), victim.fault()) == ({FIRST, SECOND}, "")


# --- lies of the network -----------------------------------------------------------------------------------------
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(transport, "ANSWER_TIMEOUT_S", 0.4)
    monkeypatch.setattr(packed, "BIGGEST_ANSWER", 1 << 20)


GZIP: dict[str, str | None] = {"Content-Encoding": "gzip"}
NETWORK: dict[str, Answer] = {
    "N1 redirect": Answer(status=302, headers={"Location": "http://192.0.2.1/"}),
    "N1 sign-in page": Answer(b"<!doctype html><title>Sign in</title>"),
    "N4 for ever in headers": Answer(length=99, drip="headers"),
    "N4 for ever in the body": Answer(b"{", length=1 << 30, drip="body"),
    "N4 silence": Answer(length=99, hold=True),
    "N5 cut before it begins": Answer(cut=True),
    "N5 half a page": Answer(b'{"objects": [', length=999),
    "N6 bomb": Answer(gzip.compress(b" " * (64 << 20), 1), headers=GZIP),
    "N6 bomb in a bomb": Answer(gzip.compress(gzip.compress(b" " * (64 << 20), 1)), headers=GZIP),
    "N6 chained": Answer(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip, gzip"}),
    "N6 larger than it may be": Answer(b'"' + b"x" * (2 << 20) + b'"'),
    "P4 deep": Answer(b"[" * 1_000_000),
    "P5 doubled key": Answer(b'{"objects": [], "objects": [1]}'),
    "P6 number": Answer(b'{"objects": [1e999]}'),
    "P7 surrogate": Answer(b'{"objects": ["\\ud800"]}'),
    "S1 our account is refused": Answer(status=401),
    "F14 busy": Answer(status=503, headers={"Retry-After": "3600"}),
    "F14 broken": Answer(status=500),
}


@pytest.mark.parametrize("what", NETWORK)
def test_an_answer_that_is_none_is_said_and_changes_nothing(
    victim: Victim, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow(monkeypatch)
    victim.us.answers[OBJECTS] = NETWORK[what]

    for _ in range(2):
        victim.attempt()
        assert "cannot be read: " in victim.fault()
        assert (victim.admitted(), victim.frozen()) == ({FIRST}, "")

    victim.us.giver.give(indicator(2))
    victim.tell_the_truth()
    assert (victim.admitted(), victim.fault()) == ({FIRST, SECOND}, "")


def test_f15_a_page_cut_anywhere_is_taken_whole_or_not_at_all(victim: Victim) -> None:
    victim.us.giver.give(indicator(2))
    whole = victim.us.giver.page(3)
    packed_page = gzip.compress(whole.body)
    cuts = [(whole.body, whole.headers, at) for at in range(0, len(whole.body), len(whole.body) // 12)]
    cuts += [(packed_page, whole.headers | GZIP, at) for at in range(0, len(packed_page), len(packed_page) // 6)]
    for body, headers, at in cuts:
        for length in (len(body), at):  # the line breaks, or a proxy ends it neatly
            victim.us.pages = [Answer(body[:at], headers=headers, length=length)]
            victim.attempt()
            assert victim.fault(), at
            assert len(victim.mx.everything("from:us")) == 3

    victim.attempt()
    assert (victim.admitted(), victim.fault()) == ({FIRST, SECOND}, "")


def test_f16_pages_in_any_order_end_in_the_same_log(victim: Victim) -> None:
    victim.us.giver.page_size = 1
    for n in range(2, 5):
        victim.us.giver.give(indicator(n))
    victim.us.pages = [victim.us.giver.page(n) for n in (2, 3, 3, 1, 4, 0)]
    for _ in range(8):
        victim.attempt()
    victim.us.pages = []

    for _ in range(3):
        victim.attempt()

    assert [entry.obj() for entry in victim.mx.everything("from:us")] == victim.us.giver.log
    assert victim.admitted() == {made_id("indicator", n) for n in range(1, 5)}


@pytest.mark.parametrize("what", IMPOSTORS)
def test_f21_whoever_cannot_prove_who_he_is_hears_and_gives_nothing(victim: Victim, tmp_path: Path, what: str) -> None:
    """N2: and the true server, with another certificate, goes on where it was."""
    root = authority()
    trust = Trust(root.root.write(tmp_path, "root")[0])
    for made, fault in ((IMPOSTORS[what](root), "not one we trust"), (root.issue(), "")):
        with serving(tls(tmp_path, made)) as us:
            us.giver.give(indicator(1))
            us.giver.give(indicator(2))
            with Line(Address(US.name, f"{us.url}/taxii2/", "mx", "s" * 40, trust), "to-mx") as line:
                victim.line = line
                victim.attempt()
            assert fault in victim.fault()
            assert bool(us.asked) is not bool(fault)
            assert (SECOND in victim.admitted()) is not bool(fault)


# --- lies of a server that seals nothing -------------------------------------------------------------------------
@pytest.mark.parametrize("what", CIRCLES)
def test_a_circle_of_a_server_that_seals_nothing_is_said(mx: Node, us: Script, line: Line, what: str) -> None:
    victim = Victim(mx, us, line)
    drained = Drain(mx.db, mx.peer, line, mx.clock)
    CIRCLES[what](us)

    victim.attempt(drained.turn)
    victim.attempt(drained.turn)
    assert "us: its server" in victim.fault()
    assert victim.admitted()

    us.pages = [envelope([indicator(77)], 99)]
    victim.attempt(drained.turn)
    assert (made_id("indicator", 77) in victim.admitted(), victim.fault()) == (True, "")


# --- clocks ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("years", [-10, 10])
def test_f17_a_clock_that_is_years_off_changes_nothing(victim: Victim, years: int) -> None:
    """Neither in the `Date` header, nor in when entries were added, nor in what closes them."""
    off = years * 365 * DAY
    giver = victim.us.giver
    giver.add(indicator(2))
    told = {"number": giver.last.number, "link": giver.last.link.hex(), "key": giver.signer.id}
    signature = seal.signature(giver.signer, giver.start, giver.last)
    said = {"created": format_timestamp(START + off), "modified": format_timestamp(START + off)}
    giver.say(wire.CHECKPOINT, **told | {"signature": signature} | said)
    page = giver.page(3, added=format_timestamp(START + off, 6))
    date_header: dict[str, str | None] = {"Date": f"Mon, 04 May {2026 + years} 09:30:00 GMT"}
    victim.us.pages = [Answer(page.body, headers=page.headers | date_header)]

    victim.attempt()
    assert (victim.admitted(), victim.fault(), victim.aside()) == ({FIRST, SECOND}, "", {})
    assert victim.line.skew_s is not None

    giver.give(indicator(3))
    victim.attempt()
    assert made_id("indicator", 3) in victim.admitted()


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
