"""What each side can prove, in tables: the seals of the border logs, key lists, receipts, and evidence of faults."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from cert.errors import NotFound, Phrase, Refused, kept
from cert.stix import Micros
from cert.store import log
from cert.store.engine import Connection, among, insert_new, insert_rows
from cert.store.entries import log_number
from cert.store.tables import Text, entries, ids, lines, logs, metadata
from feeds import wire
from feeds.seal import Seal

GAVE, GOT = "gave", "got"
"""The two ways of a receipt: one that we gave for what came to us, one that we got for what we sent."""
OUT, IN = "out", "in"
"""The two directions of an exchange, as we see them."""
OURS = ""
"""The holder of our own key lists."""
MOST_EVIDENCE = 1 << 20  # bytes of one piece that are kept

seals = Table(
    "seals",
    metadata,
    Column("log", Integer, primary_key=True, autoincrement=False),  # no foreign key: each would cost a look-up an entry
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
key_lists = Table(
    "key_lists",
    metadata,
    Column("holder", Text, primary_key=True),  # the name of a peer, "" for ourselves
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
receipts = Table(
    "receipts",
    metadata,
    Column("peer", Text, ForeignKey("peers.name"), primary_key=True),
    Column("way", Text, primary_key=True),
    Column("last", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
exceptions = Table(
    "receipt_exceptions",
    metadata,
    Column("peer", Text, ForeignKey("peers.name"), primary_key=True),
    Column("way", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("outcome", Text, nullable=False),  # refused, superseded
    Column("code", Text, nullable=False),
    Column("sentence", Text, nullable=False),
)
evidence = Table(
    "evidence",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("peer", Text, ForeignKey("peers.name"), nullable=False),
    Column("direction", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("settled", BigInteger),  # when an operator let the direction go on
    Column("data", Text, nullable=False, server_default="{}"),  # what fills the blanks of the sentence, as JSON
    Index("evidence_open", "peer", "direction", "settled"),
)


_SEALS = select(seals.c.number, seals.c.salt, seals.c.link)
_OF_LOG = _SEALS.where(seals.c.log == log_number(bindparam("log")))
_LAST_SEAL = _OF_LOG.order_by(seals.c.number.desc()).limit(1)  # written once: every poll asks it
_SEAL_OF = _OF_LOG.where(seals.c.number == bindparam("number"))


contacts = Table(
    "contacts",
    metadata,
    Column("peer", Text, ForeignKey("peers.name"), primary_key=True),
    Column("at", BigInteger, nullable=False),  # when he last answered
    Column("head", BigInteger, nullable=False),  # where his log ended then
    Column("skew_ms", BigInteger),  # how far his clock is ahead of ours; unknown if he does not say
    Column("certificate_until", BigInteger),
)
pauses = Table(
    "pauses",
    metadata,
    Column("peer", Text, ForeignKey("peers.name"), primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an entry at the receiver, where that is not simply that he accepted it, and why."""

    number: int
    outcome: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The entries `first` to `last` of a border log have been admitted, up to the link that proves which they were.

    All of them were accepted but for the `exceptions`.
    """

    first: int
    last: int
    link: bytes
    at: Micros
    exceptions: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A fault of the chain: it froze a direction, and what was seen is kept."""

    n: int
    peer: str
    direction: str
    code: str
    why: Phrase
    body: bytes
    at: Micros
    settled: Micros | None


@dataclass(frozen=True, slots=True)
class Contact:
    """When a peer last answered, where his log ended, how far his clock is ahead, and how long his certificate lasts.

    What is not known is None.
    """

    at: Micros
    head: int
    skew_ms: int | None
    certificate_until: Micros | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when a direction rests because somebody said so, and who."""

    since: Micros
    by: str


# --- seals -------------------------------------------------------------------------------------------------------
def add_seals(c: Connection, log_name: str, found: Sequence[Seal]) -> None:
    """Keep the seals of entries that have just been appended."""
    of = c.execute(select(logs.c.n).where(logs.c.name == log_name)).scalar_one()
    insert_rows(c, seals, [(of, seal.number, seal.salt, seal.link) for seal in found])


def last_seal(c: Connection, log_name: str, start: bytes) -> Seal:
    """The seal of the last sealed entry; before the first one number 0 with the link `start`."""
    row = c.execute(_LAST_SEAL, {"log": log_name}).first()
    return Seal(*row) if row else Seal(0, b"", start)


def seal_of(c: Connection, log_name: str, number: int) -> Seal | None:
    """The seal of one entry, None if it is not sealed."""
    row = c.execute(_SEAL_OF, {"log": log_name, "number": number}).first()
    return Seal(*row) if row else None


def link_at(c: Connection, log_name: str, start: bytes, number: int) -> bytes:
    """The link at an entry, `start` at number 0. Raises `NotFound` for one that is not sealed."""
    found = seal_of(c, log_name, number)
    if found is None and number:
        raise NotFound("seal", "Entry %(number)d of %(log)s is not sealed.", number=number, log=log_name)
    return found.link if found else start


def salts(c: Connection, log_name: str, numbers: Sequence[int]) -> dict[int, bytes]:
    """The salts of these entries, as far as they are sealed."""
    found = select(seals.c.number, seals.c.salt).where(seals.c.log == log_number(log_name))
    if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
        found = found.where(seals.c.number.between(numbers[0], numbers[-1]))
    else:
        found = found.where(among(seals.c.number, numbers))
    return {row.number: row.salt for row in c.execute(found)}


def unseal(c: Connection, log_name: str, first: int) -> int:
    """Forget the seals of a mirror from entry `first` on: they are fetched and checked again. Gives how many."""
    of = c.execute(select(logs.c.n).where(logs.c.name == log_name)).scalar_one()
    return int(c.execute(delete(seals).where(seals.c.log == of, seals.c.number >= first)).rowcount)


# --- key lists ---------------------------------------------------------------------------------------------------
def add_key_list(c: Connection, holder: str, version: int, body: bytes) -> None:
    """Keep a key list; one of that version stays as it is."""
    insert_new(c, key_lists, [{"holder": holder, "version": version, "body": body}])


def key_list(c: Connection, holder: str) -> bytes | None:
    """The newest key list of a peer, or our own, as canonical JSON; None before the first."""
    found = select(key_lists.c.body).where(key_lists.c.holder == holder).order_by(key_lists.c.version.desc())
    return c.execute(found.limit(1)).scalar_one_or_none()


# --- receipts ----------------------------------------------------------------------------------------------------
def add_receipt(c: Connection, peer: str, way: str, receipt: Receipt) -> None:
    """Keep a receipt with its exceptions; the same once more changes nothing."""
    row = {"peer": peer, "way": way, "last": receipt.last, "first": receipt.first}
    insert_new(c, receipts, [row | {"link": receipt.link, "at": receipt.at}])
    insert_new(
        c,
        exceptions,
        [
            {
                "peer": peer,
                "way": way,
                "number": one.number,
                "outcome": one.outcome,
                "code": one.code,
                "sentence": one.sentence,
            }
            for one in receipt.exceptions
        ],
    )


def receipted(c: Connection, peer: str, way: str) -> int:
    """The number of the last entry for which there is a receipt; 0 before the first."""
    found = select(func.max(receipts.c.last)).where(receipts.c.peer == peer, receipts.c.way == way)
    return c.execute(found).scalar_one() or 0


def last_receipt(c: Connection, peer: str, way: str) -> Micros | None:
    """When the last receipt was given or got; None before the first."""
    found = select(receipts.c.at).where(receipts.c.peer == peer, receipts.c.way == way)
    return c.execute(found.order_by(receipts.c.last.desc()).limit(1)).scalar_one_or_none()


def first_owed(c: Connection, log_name: str, seen: int) -> tuple[int, Micros] | None:
    """The number of the first entry after `seen` for which a receipt is owed, and when it was added; None without one.

    What nodes tell each other beside their objects is passed over, however much of it there is.
    """
    defined = select(lines.c.n).join(ids).where(ids.c.stix_id.in_(wire.DEFINED))
    here = select(entries.c.number).where(entries.c.line.in_(defined), entries.c.log + 0 == log_number(log_name))
    found = select(entries.c.number, entries.c.date_added).where(
        entries.c.log == log_number(log_name),
        entries.c.number > seen,
        entries.c.number.not_in(c.execute(here).scalars().all()),
        entries.c.type.not_in(wire.OWES_NOTHING),
    )
    row = c.execute(found.order_by(entries.c.number).limit(1)).first()
    return (row.number, row.date_added) if row else None


def receipt_for(c: Connection, peer: str, way: str, number: int) -> tuple[Micros, Outcome | None] | None:
    """When the receiver acknowledged an entry, and what he excepted; None while he has not."""
    found = select(receipts.c.at, receipts.c.first).where(receipts.c.peer == peer, receipts.c.way == way)
    row = c.execute(found.where(receipts.c.last >= number).order_by(receipts.c.last).limit(1)).first()
    if row is None or row.first > number:
        return None
    excepted = exceptions_among(c, peer, way, number, number)
    return row.at, excepted[0] if excepted else None


def exceptions_among(c: Connection, peer: str, way: str, first: int, last: int) -> list[Outcome]:
    """What was excepted of the entries from `first` to `last`, in order."""
    found = select(exceptions).where(exceptions.c.peer == peer, exceptions.c.way == way)
    rows = c.execute(found.where(exceptions.c.number.between(first, last)).order_by(exceptions.c.number))
    return [Outcome(row.number, row.outcome, row.code, row.sentence) for row in rows]


def accept_after_all(c: Connection, peer: str, way: str, number: int) -> None:
    """An entry that was excepted has been accepted after all."""
    c.execute(
        exceptions.delete().where(exceptions.c.peer == peer, exceptions.c.way == way, exceptions.c.number == number)
    )


def count_excepted(c: Connection, peer: str, way: str) -> dict[str, int]:
    """How many entries were excepted, by what became of them."""
    found = select(exceptions.c.outcome, func.count()).where(exceptions.c.peer == peer, exceptions.c.way == way)
    return {row[0]: row[1] for row in c.execute(found.group_by(exceptions.c.outcome))}


# --- evidence ----------------------------------------------------------------------------------------------------
def freeze(c: Connection, peer: str, direction: str, fault: Refused, body: bytes, now: Micros) -> None:
    """Freeze a direction and keep what was seen; while it is frozen already, nothing is added."""
    if frozen(c, peer, direction) is None:
        why = {"code": fault.code, "sentence": fault.sentence, "data": fault.phrase.values()}
        row = {"peer": peer, "direction": direction, **why, "at": now}
        c.execute(insert(evidence).values(**row, body=body[:MOST_EVIDENCE]))


def frozen(c: Connection, peer: str, direction: str) -> Evidence | None:
    """The evidence for which a direction is frozen, None if it is not."""
    found = select(evidence).where(evidence.c.peer == peer, evidence.c.direction == direction)
    row = c.execute(found.where(evidence.c.settled.is_(None)).order_by(evidence.c.n).limit(1)).first()
    return _evidence(row) if row else None


def settle(c: Connection, peer: str, direction: str, now: Micros) -> bool:
    """Let a frozen direction go on; the evidence stays. Gives whether it was frozen."""
    found = update(evidence).where(evidence.c.peer == peer, evidence.c.direction == direction)
    return bool(c.execute(found.where(evidence.c.settled.is_(None)).values(settled=now)).rowcount)


def all_evidence(c: Connection, peer: str, limit: int) -> list[Evidence]:
    """The newest evidence about a peer, at most `limit` pieces."""
    found = select(evidence).where(evidence.c.peer == peer).order_by(evidence.c.n.desc()).limit(limit)
    return [_evidence(row) for row in c.execute(found)]


def _evidence(r: Row[Any]) -> Evidence:
    return Evidence(r.n, r.peer, r.direction, r.code, kept(r.sentence, r.data), r.body, r.at, r.settled)


# --- how it goes -------------------------------------------------------------------------------------------------
def note_contact(c: Connection, peer: str, contact: Contact) -> None:
    """Note that a peer has answered."""
    insert_new(c, contacts, [{"peer": peer, "at": 0, "head": 0, "skew_ms": None, "certificate_until": None}])
    c.execute(update(contacts).where(contacts.c.peer == peer).values(**asdict(contact)))


def contact(c: Connection, peer: str) -> Contact | None:
    """The last time a peer answered, None if he never has."""
    row = c.execute(select(contacts).where(contacts.c.peer == peer)).first()
    return Contact(row.at, row.head, row.skew_ms, row.certificate_until) if row else None


def pause(c: Connection, peer: str, direction: str, by: str, now: Micros) -> None:
    """Let a direction rest; one that rests already goes on doing so."""
    insert_new(c, pauses, [{"peer": peer, "direction": direction, "since": now, "by": by}])


def paused(c: Connection, peer: str, direction: str) -> Pause | None:
    """Who let a direction rest, None if it does not."""
    row = c.execute(select(pauses).where(pauses.c.peer == peer, pauses.c.direction == direction)).first()
    return Pause(row.since, row.by) if row else None


def unpause(c: Connection, peer: str, direction: str) -> bool:
    """Let a direction that rests go on. Gives whether it did rest."""
    return bool(c.execute(delete(pauses).where(pauses.c.peer == peer, pauses.c.direction == direction)).rowcount)


def is_sealed(c: Connection, log_name: str) -> bool:
    """Whether every entry of a log is sealed."""
    return last_seal(c, log_name, b"").number == log.head(c, log_name)
