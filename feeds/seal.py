"""The seal on a border log: a chain over its entries, closed by signed checkpoints. All of it is pure.

    link(0)  = SHA-256("puente log 1", giver's identity, taker's identity)
    inner(n) = SHA-256(salt(n), body(n))
    link(n)  = SHA-256(link(n-1), n, inner(n))

A salt of 16 random bytes an entry lets a body be erased later and the chain still be checked, and keeps anybody from
guessing what was erased. A checkpoint names a number and its link, under one Ed25519 signature: so a batch costs one
signature, and the whole log before it is proved. Which keys may sign is said by a key list, which the nation's root key
signs; the root key stays off the node, and the peer knows its fingerprint from a meeting, not from the network.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cert import stix
from cert.errors import Refused, msgid

SALT_BYTES = 16
LINK_BYTES = 32
NOTHING = bytes(LINK_BYTES)
"""The link of a log of which nobody has told where it starts: what is said of an empty one."""
_CHECKPOINT = b"puente checkpoint 1\0"
_KEYS = b"puente keys 1\0"


@dataclass(frozen=True, slots=True)
class Seal:
    """What the chain says of one entry: its number, its salt, and the link that it and all before it lead to."""

    number: int
    salt: bytes
    link: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """A public key that may sign checkpoints.

    `until` is None while it is trusted. Of a key that is trusted no longer it names, for each log by the link it starts
    from in hexadecimal, the last number it may have signed.
    """

    id: str
    public: bytes
    until: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class KeyList:
    """The keys by which a nation seals its logs, as its root key signed them. A larger version replaces a smaller."""

    version: int
    root: bytes
    keys: tuple[Key, ...]

    def key(self, key_id: str) -> Key | None:
        """The key with this id, if the list names it."""
        return next((key for key in self.keys if key.id == key_id), None)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, and the id by which a key list names its public half."""

    id: str
    private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Signer({self.id})"

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return self.private.public_key().public_bytes_raw()


def signer(private: Ed25519PrivateKey) -> Signer:
    """A private key that signs under the fingerprint of its public half."""
    return Signer(fingerprint(private.public_key().public_bytes_raw()), private)


def fingerprint(public: bytes) -> str:
    """The fingerprint of a public key, 64 hexadecimal digits: what two people read to each other."""
    return hashlib.sha256(b"puente key 1\0" + public).hexdigest()


def genesis(giver: str, taker: str) -> bytes:
    """The link before the first entry of the log from one organisation to another, each by its STIX identity."""
    return hashlib.sha256(b"puente log 1\0" + giver.encode() + b"\0" + taker.encode()).digest()


def chained(before: Seal, entries: Iterable[tuple[bytes, bytes]]) -> list[Seal]:
    """The seals of further entries, each a salt and a body, on from the seal of the entry before them."""
    seals = []
    number, link = before.number, before.link
    for salt, body in entries:
        number += 1
        inner = hashlib.sha256(salt + body).digest()
        link = hashlib.sha256(link + number.to_bytes(8, "big") + inner).digest()
        seals.append(Seal(number, salt, link))
    return seals


def signature(by: Signer, start: bytes, seal: Seal) -> str:
    """The signature of a checkpoint, in base64. `start` is the link before the first entry: it binds it to its log."""
    return _text(by.private.sign(_checkpoint_text(start, seal)))


def demand_checkpoint(keys: KeyList, start: bytes, seal: Seal, said: Mapping[str, Any]) -> None:
    """Raise `Refused` unless a checkpoint names this number and link, signed by a key that may sign it."""
    if said.get("number") != seal.number or said.get("link") != seal.link.hex():
        sentence = msgid("The checkpoint after entry %(number)d does not fit the entries before it.")
        raise Refused("chain", sentence, number=seal.number)
    key = keys.key(str(said.get("key")))
    if key is None:
        sentence = msgid("The checkpoint after entry %(number)d is signed by a key that is not listed.")
        raise Refused("unknown-key", sentence, number=seal.number)
    if key.until is not None and seal.number > key.until.get(start.hex(), 0):
        sentence = msgid("The checkpoint after entry %(number)d is signed by a key that was revoked.")
        raise Refused("revoked-key", sentence, number=seal.number)
    badly = msgid("The checkpoint is not signed by the key that it names.")
    _demand_signed(key.public, _checkpoint_text(start, seal), said.get("signature"), badly)


def signed_list(root: Ed25519PrivateKey, version: int, keys: Iterable[Key]) -> dict[str, Any]:
    """The properties of a key list, signed by the root key."""
    said = {
        "version": version,
        "root": _text(root.public_key().public_bytes_raw()),
        "keys": [
            {"id": key.id, "public": _text(key.public)} | ({} if key.until is None else {"until": dict(key.until)})
            for key in keys
        ],
    }
    return said | {"signature": _text(root.sign(_KEYS + stix.canonical(said)))}


def read_list(said: Mapping[str, Any], root: str) -> KeyList:
    """The key list that an object carries, if the root key with this fingerprint signed it; else raises `Refused`."""
    try:
        found = KeyList(int(said["version"]), _bytes(said["root"]), tuple(map(_key, said["keys"])))
        signed = {name: said[name] for name in ("version", "root", "keys")}
    except (LookupError, TypeError, ValueError, AttributeError) as fault:
        raise Refused("key-list", "The key list cannot be read: %(fault)s.", fault=fault) from fault
    if fingerprint(found.root) != root:
        raise Refused("root", "The key list is signed by another root key than the one that was agreed.")
    badly = msgid("The key list is not signed by the key that it names.")
    _demand_signed(found.root, _KEYS + stix.canonical(signed), said.get("signature"), badly)
    return found


def root_of(said: Mapping[str, Any]) -> str:
    """The fingerprint of the root key that a key list of ours names."""
    return fingerprint(_bytes(said["root"]))


def list_text(said: Mapping[str, Any]) -> bytes:
    """What is kept of an object that carries a key list: the part that is signed, and the signature."""
    return stix.canonical({name: said[name] for name in ("version", "root", "keys", "signature")})


def salt_text(salt: bytes) -> str:
    """A salt as it stands in `x_puente_entries`."""
    return _text(salt)


def read_salt(text: object) -> bytes:
    """A salt from `x_puente_entries`. Raises `Refused` if it is none."""
    try:
        salt = _bytes(text)
    except (TypeError, ValueError, AttributeError):
        salt = b""
    if len(salt) != SALT_BYTES:
        raise Refused("salt", "An entry has no salt of 16 bytes in base64.")
    return salt


def _key(said: Mapping[str, Any]) -> Key:
    public, until = _bytes(said["public"]), said.get("until")
    if len(public) != 32 or fingerprint(public) != said["id"]:
        raise ValueError("a key is not what its id says")
    if until is not None and not all(type(number) is int for number in until.values()):
        raise ValueError("a number is none")
    return Key(said["id"], public, until)


def _checkpoint_text(start: bytes, seal: Seal) -> bytes:
    return _CHECKPOINT + start + seal.number.to_bytes(8, "big") + seal.link


def _demand_signed(public: bytes, text: bytes, signature: object, sentence: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(_bytes(signature), text)
    except (InvalidSignature, TypeError, ValueError, AttributeError):
        raise Refused("signature", sentence) from None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError("no text")
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as fault:
        raise ValueError("no base64") from fault
