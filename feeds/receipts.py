"""Receipts: what became of what was given, said by who got it.

A receipt covers the entries of a border log from where the last one ended, and names the link at its end: so it proves
which bytes were received, without repeating any. What is not excepted was accepted. It is owed for every batch that
holds more than checkpoints, keys and receipts, and travels under the seal of the receiver's own log.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cert.errors import Refused, msgid
from cert.stix import Micros
from cert.store import aside, log
from cert.store.engine import Connection
from cert.store.log import RECORD, Entry
from feeds import ledger, wire
from feeds.close import start_in, start_out
from feeds.ledger import GAVE, GOT, Outcome, Receipt
from feeds.store import Peer

ACT = "receipt"
"""The kind of the act by which admission leaves a receipt in the record, for `release` to send."""
REFUSED, SUPERSEDED, ACCEPTED = "refused", "superseded", "accepted"
MOST_TEXT = 500

TOLD = {
    "conflict": "This version was sent before with other content. Send a new version, with a later `modified`.",
    "impersonation": "It names one of the receiver's own organisations as its author, which has not written it.",
    "not-his": "An object with this id belongs to somebody else, and only its author may change it.",
    "unexpected": "The receiver could not take it, and his operators see why. Ask them.",
}
"""What the sender is told where a reason is worded for our own people; other reasons go as they are."""


def owed(c: Connection, peer: Peer, batch: Sequence[Entry]) -> bool:
    """Whether a batch of a peer's log holds anything that a receipt is still owed for."""
    ended = ledger.receipted(c, peer.name, GAVE)
    return any(entry.number > ended and not wire.kind(entry.obj()) for entry in batch)


def give(c: Connection, peer: Peer, last: int, outcomes: Sequence[Outcome], now: Micros) -> None:
    """Leave a receipt for everything up to entry `last` of the mirror, for which there is none yet.

    `outcomes` are what the caller excepts; what admission has set aside is excepted too.
    """
    first = ledger.receipted(c, peer.name, GAVE) + 1
    link = ledger.link_at(c, peer.inbound, start_in(c, peer), last)
    refused = [
        Outcome(one.number, REFUSED, one.code, TOLD.get(one.code, str(one.why))[:MOST_TEXT])
        for one in aside.between(c, follower_name(peer), peer.inbound, first, last)
    ]
    excepted = tuple(sorted([*refused, *outcomes], key=lambda one: one.number))
    receipt = Receipt(first, last, link, now, excepted)
    ledger.add_receipt(c, peer.name, GAVE, receipt)
    log.append_acts(c, RECORD, ACT, [{"peer": peer.name, **as_properties(receipt)}], now)


def give_after_all(c: Connection, peer: Peer, number: int, now: Micros) -> None:
    """Tell a peer that an entry which was excepted has been accepted after all; it covers no further entry."""
    ended = ledger.receipted(c, peer.name, GAVE)
    if number > ended:
        return  # the receipt that covers it is still to come, and will not except it
    ledger.accept_after_all(c, peer.name, GAVE, number)
    link = ledger.link_at(c, peer.inbound, start_in(c, peer), ended)
    said = as_properties(Receipt(ended + 1, ended, link, now, (Outcome(number, ACCEPTED, "after-all", ""),)))
    log.append_acts(c, RECORD, ACT, [{"peer": peer.name, **said}], now)


def follower_name(peer: Peer) -> str:
    """The follower that admits what a peer released, under whose name his entries are set aside."""
    return f"admit:{peer.name}"


def as_properties(receipt: Receipt) -> dict[str, Any]:
    """A receipt as the properties of an object of its wire kind."""
    excepted = [
        {"number": one.number, "outcome": one.outcome, "code": one.code}
        | ({"reason": one.sentence} if one.sentence else {})
        for one in receipt.exceptions
    ]
    said: dict[str, Any] = {"first": receipt.first, "last": receipt.last, "link": receipt.link.hex()}
    return said | ({"exceptions": excepted} if excepted else {})


def take(c: Connection, peer: Peer, said: Mapping[str, Any], now: Micros) -> None:
    """Keep a receipt that a peer gave. Raises `Refused` for one that is forged, replayed or edited."""
    receipt = read(said, now)
    ended = ledger.receipted(c, peer.name, GOT)
    if receipt.first > ended + 1:
        sentence = msgid("A receipt begins at entry %(first)d, but is due from %(due)d on.")
        raise Refused("receipt-gap", sentence, first=receipt.first, due=ended + 1)
    if receipt.last < max(ended, receipt.first - 1) or (receipt.last == ended and receipt.last >= receipt.first):
        raise Refused("receipt-replayed", "There is a receipt for entry %(last)d already.", last=receipt.last)
    if receipt.last > ledger.last_seal(c, peer.outbound, b"").number:
        raise Refused("receipt-ahead", "A receipt covers entry %(last)d, which we have not sent.", last=receipt.last)
    if receipt.link != ledger.link_at(c, peer.outbound, start_out(c, peer), receipt.last):
        sentence = msgid("A receipt for entry %(last)d is for other content than we have sent.")
        raise Refused("receipt-link", sentence, last=receipt.last)
    if receipt.last >= receipt.first:  # one who was restored from an older copy may begin before the last one's end
        ledger.add_receipt(c, peer.name, GOT, replace(receipt, first=ended + 1))
        return
    for one in receipt.exceptions:
        ledger.accept_after_all(c, peer.name, GOT, one.number)


def read(said: Mapping[str, Any], now: Micros) -> Receipt:
    """A receipt as it was sent, if it hangs together."""
    try:
        first, last, link = said["first"], said["last"], bytes.fromhex(said["link"])
        outcomes = tuple(map(_outcome, said.get("exceptions", ())))
    except (LookupError, TypeError, ValueError, AttributeError) as fault:
        raise Refused("receipt", "A receipt cannot be read: %(fault)s.", fault=fault) from fault
    whole = type(first) is int and type(last) is int and 0 < first <= last + 1
    after_all = whole and last == first - 1
    allowed = {ACCEPTED} if after_all else {REFUSED, SUPERSEDED}
    inside = all((1 if after_all else first) <= one.number <= last and one.outcome in allowed for one in outcomes)
    numbers = [one.number for one in outcomes]
    if not (whole and inside and numbers == sorted(set(numbers)) and (outcomes or not after_all)):
        raise Refused("receipt", "A receipt contradicts itself.")
    return Receipt(first, last, link, now, outcomes)


def _outcome(said: Mapping[str, Any]) -> Outcome:
    number, outcome, code, reason = said["number"], said["outcome"], said["code"], said.get("reason", "")
    if type(number) is not int or not all(isinstance(text, str) for text in (outcome, code, reason)):
        raise TypeError("an exception is not what it should be")
    return Outcome(number, outcome, code[:100], reason[:MOST_TEXT])
