"""The seal: a chain that shows every change, checkpoints by listed keys only, and lists by the root alone."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cert.errors import Refused
from feeds import seal
from feeds.seal import Key, KeyList, Seal

START = seal.genesis("identity--a", "identity--b")
FIRST = Seal(0, b"", START)
ENTRIES = [(bytes([n]) * seal.SALT_BYTES, f"body {n}".encode()) for n in range(5)]
ROOT, OTHER_ROOT = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SIGNER, STRANGER = (seal.signer(Ed25519PrivateKey.generate()) for _ in range(2))
KEYS = KeyList(1, b"", (Key(SIGNER.id, SIGNER.public),))
PRINT = seal.fingerprint(ROOT.public_key().public_bytes_raw())


def checkpoint(at: Seal, start: bytes = START, by: seal.Signer = SIGNER) -> dict[str, Any]:
    return {"number": at.number, "link": at.link.hex(), "key": by.id, "signature": seal.signature(by, start, at)}


def code(do: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        do()
    return refused.value.code


def test_it_gives_the_same_links_however_the_entries_are_cut_into_pages() -> None:
    whole = seal.chained(FIRST, ENTRIES)

    for cut in range(len(ENTRIES) + 1):
        head = seal.chained(FIRST, ENTRIES[:cut])
        assert head + seal.chained(head[-1] if head else FIRST, ENTRIES[cut:]) == whole


CHANGES: dict[str, Callable[[list[tuple[bytes, bytes]]], list[tuple[bytes, bytes]]]] = {
    "another body": lambda entries: [*entries[:2], (entries[2][0], b"body x"), *entries[3:]],
    "another salt": lambda entries: [*entries[:2], (b"x" * seal.SALT_BYTES, entries[2][1]), *entries[3:]],
    "one less": lambda entries: entries[:2] + entries[3:],
    "one twice": lambda entries: [*entries[:2], entries[1], *entries[2:]],
    "two swapped": lambda entries: [entries[1], entries[0], *entries[2:]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_before_it_breaks_a_checkpoint(change: str) -> None:
    said = checkpoint(seal.chained(FIRST, ENTRIES)[-1])
    seal.demand_checkpoint(KEYS, START, seal.chained(FIRST, ENTRIES)[-1], said)

    changed = seal.chained(FIRST, CHANGES[change](ENTRIES))[-1]
    assert code(lambda: seal.demand_checkpoint(KEYS, START, changed, said)) == "chain"


def test_a_salt_has_one_length_so_that_no_byte_moves_between_it_and_the_body() -> None:
    salt, body = ENTRIES[0]
    assert code(lambda: seal.read_salt(seal.salt_text(salt + body[:1]))) == "salt"


END = seal.chained(FIRST, ENTRIES)[-1]
LIES: dict[str, tuple[dict[str, Any], str]] = {
    "signed by a stranger": (checkpoint(END, by=STRANGER), "unknown-key"),
    "a stranger under our key's id": (checkpoint(END, by=STRANGER) | {"key": SIGNER.id}, "signature"),
    "of another log": (checkpoint(END, start=seal.genesis("identity--a", "identity--c")), "signature"),
    "of the other direction": (checkpoint(END, start=seal.genesis("identity--b", "identity--a")), "signature"),
    "no signature": ({**checkpoint(END), "signature": None}, "signature"),
    "half a signature": ({**checkpoint(END), "signature": checkpoint(END)["signature"][:20]}, "signature"),
    "no text for a signature": ({**checkpoint(END), "signature": 5}, "signature"),
    "a letter that is none of base64": ({**checkpoint(END), "signature": "é" * 88}, "signature"),
    "no key": ({**checkpoint(END), "key": None}, "unknown-key"),
    "another number": ({**checkpoint(END), "number": END.number + 1}, "chain"),
    "nothing": ({}, "chain"),
}


@pytest.mark.parametrize("lie", LIES)
def test_it_believes_no_checkpoint_but_one_that_a_listed_key_signed_for_this_log(lie: str) -> None:
    said, why = LIES[lie]

    assert code(lambda: seal.demand_checkpoint(KEYS, START, END, said)) == why


def test_a_retired_key_proves_what_it_signed_and_nothing_after() -> None:
    """F22."""
    retired = replace(KEYS.keys[0], until={START.hex(): 3})
    third, fourth = seal.chained(FIRST, ENTRIES)[2:4]
    keys = replace(KEYS, keys=(retired,))

    seal.demand_checkpoint(keys, START, third, checkpoint(third))
    assert code(lambda: seal.demand_checkpoint(keys, START, fourth, checkpoint(fourth))) == "revoked-key"
    elsewhere = seal.genesis("identity--a", "identity--c")
    assert code(lambda: seal.demand_checkpoint(keys, elsewhere, third, checkpoint(third, elsewhere))) == "revoked-key"


def test_a_key_list_reads_as_it_was_signed() -> None:
    keys = (Key(SIGNER.id, SIGNER.public), Key(STRANGER.id, STRANGER.public, {START.hex(): 7}))

    found = seal.read_list(seal.signed_list(ROOT, 3, keys), PRINT)

    assert (found.version, found.keys) == (3, keys)


LIST, OTHERS = (seal.signed_list(root, 1, KEYS.keys) for root in (ROOT, OTHER_ROOT))
BAD_LISTS: dict[str, tuple[Any, str]] = {
    "another root": (OTHERS, "root"),
    "a later version than was signed": (LIST | {"version": 2}, "signature"),
    "a key more than was signed": (LIST | {"keys": LIST["keys"] * 2}, "signature"),
    "another root's signature": (
        LIST | {"signature": OTHERS["signature"]},
        "signature",
    ),
    "a key under another's id": (LIST | {"keys": [{**LIST["keys"][0], "id": STRANGER.id}]}, "key-list"),
    "no keys": ({**LIST, "keys": None}, "key-list"),
    "keys that are texts": ({**LIST, "keys": ["x"]}, "key-list"),
    "no version": ({name: LIST[name] for name in LIST if name != "version"}, "key-list"),
    "a root that is no text": ({**LIST, "root": 5}, "key-list"),
    "an end that is no number": ({**LIST, "keys": [{**LIST["keys"][0], "until": {"x": "y"}}]}, "key-list"),
    "an end that is no table": ({**LIST, "keys": [{**LIST["keys"][0], "until": 5}]}, "key-list"),
}


@pytest.mark.parametrize("what", BAD_LISTS)
def test_it_believes_no_key_list_but_one_that_the_agreed_root_signed(what: str) -> None:
    said, why = BAD_LISTS[what]

    assert code(lambda: seal.read_list(said, PRINT)) == why


def test_a_signer_keeps_its_secret_to_itself() -> None:
    assert repr(SIGNER) == f"Signer({SIGNER.id})"
