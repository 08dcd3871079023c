"""A log that does not hang together is frozen with evidence; what may pass is waited for. Both are seen."""

from collections.abc import Callable
from typing import Any

import pytest

from config.cast import MX, US
from feeds import seal, wire
from tests.cast import indicator
from tests.feeds.hostile import FIRST, SECOND, Victim
from tests.feeds.scripted import Answer, Giver, Said, key, listed


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
