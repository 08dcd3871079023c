"""The keys of a node: one that seals what it gives to peers, and the root key that says which keys may.

The root key is needed only here, by a person. It belongs off the node: whoever has it can speak for the nation.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from cert.errors import Missing, Refused
from cert.store.engine import Connection
from config.reading import key_in, write_secret
from config.settings import Settings
from feeds import close, ledger, seal, store
from feeds.seal import Key, KeyList, Signer


@dataclass(frozen=True, slots=True)
class Ours:
    """Our own key list as it stands, and the fingerprint by which others know our root key."""

    listed: KeyList
    root: str


def make(c: Connection, settings: Settings) -> None:
    """Make both keys and the first key list, unless this node has a list already."""
    if ledger.key_list(c, ledger.OURS) is not None:
        return
    for path in (settings.root_key_file, settings.signing_key_file):
        if not path.exists():
            write_secret(path, _pem(Ed25519PrivateKey.generate()))
    _publish(c, settings, 1, [_listed(signer(settings))])


def signer(settings: Settings) -> Signer:
    """The key by which the border process seals. Raises `Missing` if its file is not there."""
    return seal.signer(_read(settings.signing_key_file))


def ours(c: Connection) -> Ours:
    """Our key list. Raises `Missing` if the node has none."""
    found = close.keys_of(c, ledger.OURS, "")
    if not found.version:
        raise Missing("keys", "This node has no keys yet. Run `puente init`, which makes them.")
    return Ours(found, seal.fingerprint(found.root))


def rotate(c: Connection, settings: Settings) -> Signer:
    """Make a new signing key, listed beside the older ones, and put its file in place of theirs.

    Peers learn of it with the next batch. The border process takes it when it starts again.
    """
    held = ours(c)
    made = seal.signer(Ed25519PrivateKey.generate())
    _publish(c, settings, held.listed.version + 1, [*held.listed.keys, _listed(made)])
    path = settings.signing_key_file
    half = path.with_name(path.name + ".new")
    half.unlink(missing_ok=True)
    write_secret(half, _pem(made.private))
    os.replace(half, path)
    return made


def retire(c: Connection, settings: Settings, key_id: str) -> Key:
    """Let a key sign nothing more: what it has signed so far stays proved. Raises `Refused` for the one in use."""
    held = ours(c)
    found = [key for key in held.listed.keys if key.id.startswith(key_id)]
    if len(found) != 1:
        raise Refused("key", f"{len(found)} keys begin with {key_id!r}. `puente keys show` lists them.")
    if found[0].id == signer(settings).id:
        raise Refused("key", "This is the key in use. Run `puente keys rotate` first, and start `puente border` again.")
    until = {
        start.hex(): ledger.last_seal(c, peer.outbound, start).number
        for peer in store.all_peers(c)
        if (start := close.start_out(c, peer))
    }
    retired = replace(found[0], until=until)
    keys = [retired if key.id == retired.id else key for key in held.listed.keys]
    _publish(c, settings, held.listed.version + 1, keys)
    return retired


def _publish(c: Connection, settings: Settings, version: int, keys: list[Key]) -> None:
    said = seal.signed_list(_read(settings.root_key_file), version, keys)
    ledger.add_key_list(c, ledger.OURS, version, seal.list_text(said))


def _listed(one: Signer) -> Key:
    return Key(one.id, one.public)


def _read(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(key_in(path).encode() + b"\n", None)
    except ValueError as fault:
        raise Missing("key-file", f"{path} holds no private key in PEM. Put back the one that was there.") from fault
    if not isinstance(key, Ed25519PrivateKey):
        raise Missing("key-file", f"{path} holds a key of another kind than Ed25519.")
    return key


def _pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
