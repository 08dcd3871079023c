"""Closes what was appended to a peer's log: every entry gets its seal, and a signed checkpoint ends the batch.

It runs in the transaction of the append itself, so a log is never seen open, and a crash leaves nothing unsealed.
"""

import os
from collections.abc import Callable
from typing import Any

import orjson

from cert.stix import Micros
from cert.store import log, people
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import BATCH
from feeds import ledger, seal, wire
from feeds.seal import KeyList, Seal, Signer
from feeds.store import Peer

Close = Callable[[Connection, Peer, Micros], None]


def closer(signer: Signer, salts: Callable[[int], bytes] = os.urandom) -> Close:
    """What closes a peer's log with this key. It does nothing where there is nothing new to close.

    `salts` gives so many random bytes.
    """

    def close(c: Connection, peer: Peer, now: Micros) -> None:
        start = start_out(c, peer)
        last = ledger.last_seal(c, peer.outbound, start)
        _announce_definitions(c, peer, now)
        _announce_keys(c, peer, now)
        if log.head(c, peer.outbound) == last.number:
            return
        end = _seal_on(c, peer.outbound, last, salts)
        told = {"number": end.number, "link": end.link.hex(), "key": signer.id}
        say(c, peer, wire.CHECKPOINT, told | {"signature": seal.signature(signer, start, end)}, now)
        _seal_on(c, peer.outbound, end, salts)

    return close


def close_old(db: Engine, peer: Peer, close: Close, now: Micros) -> bool:
    """Close what an earlier version of Puente left open, and announce what is new. Gives whether there was any."""
    with reading(db) as c:
        told = _knows_definitions(c, peer) and _keys_to_announce(c, peer) is None
        if told and ledger.is_sealed(c, peer.outbound):
            return False
    with writing(db, bulk=True) as c:
        close(c, peer, now)
    return True


def start_out(c: Connection, peer: Peer) -> bytes:
    """The link before the first entry of what we give to a peer."""
    return seal.genesis(people.our_cert(c).identity_id, people.all_organisations(c)[peer.org].identity_id)


def start_in(c: Connection, peer: Peer) -> bytes:
    """The link before the first entry of what a peer gives to us."""
    return seal.genesis(people.all_organisations(c)[peer.org].identity_id, people.our_cert(c).identity_id)


def keys_of(c: Connection, holder: str, root: str) -> KeyList:
    """The newest key list of a peer, or our own; one without keys before the first.

    `root` is the fingerprint of the root key that must have signed it; "" takes the one that our own list names.
    """
    body = ledger.key_list(c, holder)
    if body is None:
        return KeyList(0, b"", ())
    said = orjson.loads(body)
    return seal.read_list(said, root or seal.root_of(said))


def say(c: Connection, peer: Peer, kind: str, properties: dict[str, Any], now: Micros) -> None:
    """Append an object of a wire kind to what the peer reads; a checkpoint must follow in the same transaction."""
    us = people.our_cert(c)
    log.append(c, peer.outbound, [wire.statement(kind, us.identity_id, us.n, properties, now)], now)


def _seal_on(c: Connection, log_name: str, last: Seal, salts: Callable[[int], bytes]) -> Seal:
    """Seal all entries after the last sealed one, however many an older version left. Gives the seal of the last."""
    while entries := log.after(c, log_name, last.number, BATCH):
        made = seal.chained(last, [(salts(seal.SALT_BYTES), entry.body) for entry in entries])
        ledger.add_seals(c, log_name, made)
        last = made[-1]
    return last


def _announce_definitions(c: Connection, peer: Peer, now: Micros) -> None:
    """Tell a peer what our types and properties mean, unless he was told: other software may look it up there."""
    if not _knows_definitions(c, peer):
        log.append(c, peer.outbound, wire.definitions(people.our_cert(c).n), now)
        cursor = f"definitions:{peer.name}"
        log.move_cursor(c, cursor, log.cursor(c, cursor), wire.EDITION)


def _knows_definitions(c: Connection, peer: Peer) -> bool:
    return log.cursor(c, f"definitions:{peer.name}") == wire.EDITION


def _announce_keys(c: Connection, peer: Peer, now: Micros) -> None:
    """Tell a peer our newest key list, unless he has it: it must come before what its keys sign."""
    told = _keys_to_announce(c, peer)
    if told is not None:
        say(c, peer, wire.KEYS, told, now)
        log.move_cursor(c, f"keys:{peer.name}", log.cursor(c, f"keys:{peer.name}"), told["version"])


def _keys_to_announce(c: Connection, peer: Peer) -> dict[str, Any] | None:
    body = ledger.key_list(c, ledger.OURS)
    if body is None:
        return None
    told: dict[str, Any] = orjson.loads(body)
    return told if told["version"] > log.cursor(c, f"keys:{peer.name}") else None
