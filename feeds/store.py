"""What the exchange keeps beside the logs: peers and their terms, how far each is mirrored, what is held; errands;
statuses."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy import Integer as Number

from cert.errors import NOTHING, Conflict, NotFound, Phrase, kept
from cert.stix import Micros
from cert.store.engine import Connection, insert_new
from cert.store.tables import Text, metadata

HOUR: Micros = 3_600_000_000
STATUS_KEPT: Micros = 48 * HOUR  # the standard asks for a day (TX-98)

peers = Table(
    "peers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("org", Number, ForeignKey("organisations.n"), nullable=False),
    Column("terms", Text, nullable=False),
    Column("root", Text, nullable=False, server_default=""),  # the fingerprint of his root key, "" if he seals nothing
)
mirrors = Table(
    "mirrors",
    metadata,
    Column("peer", Text, ForeignKey("peers.name"), primary_key=True),
    Column("added_after", Text, nullable=False),
)
held = Table(
    "held",
    metadata,
    Column("peer", Text, ForeignKey("peers.name"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # of the entry in the record
    Column("rule", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Index("held_number", "number", "peer"),
)
errands = Table(
    "errands",
    metadata,
    Column("peer", Text, ForeignKey("peers.name"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("first", BigInteger),  # the entry to begin at, where there is one
    Column("by", Text, nullable=False),
    Column("asked", BigInteger, nullable=False),
    Column("done", BigInteger),  # when it was answered; none while it waits
    Column("ok", Boolean, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("data", Text, nullable=False),  # what fills the blanks of the sentence, as JSON
)
statuses = Table(
    "statuses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Number, ForeignKey("accounts.n"), nullable=False),
    Column("root", Text, nullable=False),
    Column("created", BigInteger, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),  # the status resource as it is served
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed with a peer. `carries` is the strictest TLP level that may cross to him."""

    version: int
    carries: str
    default_handling: str


@dataclass(frozen=True, slots=True)
class Peer:
    """The other nation's CERT as this node knows it. `name` is the nation's two letters."""

    name: str
    org: int
    terms: Terms
    root: str = ""

    @property
    def seals(self) -> bool:
        """Whether he seals what he gives: every Puente does, other people's servers do not."""
        return bool(self.root)

    @property
    def outbound(self) -> str:
        """The log of what was released to him."""
        return f"to:{self.name}"

    @property
    def inbound(self) -> str:
        """The log that mirrors what he released to us."""
        return f"from:{self.name}"

    @property
    def closed(self) -> str:
        """The cursor at the last entry of that mirror that a checkpoint has closed: admission goes no further."""
        return f"closed:{self.name}"


@dataclass(frozen=True, slots=True)
class Held:
    """An entry of the record that a release act named and the gate held back, and the rule that holds it."""

    peer: str
    number: int
    rule: str
    since: Micros


@dataclass(frozen=True, slots=True)
class Errand:
    """What somebody asked the border process to do with a peer, and, once it is `done`, what came of it."""

    peer: str
    kind: str
    first: int | None
    by: str
    asked: Micros
    done: Micros | None = None
    ok: bool = False
    answer: Phrase = NOTHING


def add_peer(c: Connection, name: str, org: int, terms: Terms, root: str = "") -> None:
    """Write down a peer and version 0 of the terms. Raises `Conflict` if he is known.

    `root` is the fingerprint of his root key; without one, what he gives is taken unsealed.
    """
    if c.execute(select(peers.c.name).where(peers.c.name == name)).first():
        raise Conflict("peer-exists", "The peer %(peer)s is already known here.", peer=name)
    c.execute(insert(peers).values(name=name, org=org, terms=json.dumps(asdict(terms)), root=root))
    c.execute(insert(mirrors).values(peer=name, added_after=""))


def all_peers(c: Connection) -> list[Peer]:
    """The peers of this node, by name."""
    rows = c.execute(select(peers).order_by(peers.c.name))
    return [Peer(row.name, row.org, Terms(**json.loads(row.terms)), row.root) for row in rows]


def peer(c: Connection, name: str) -> Peer:
    """One peer. Raises `NotFound`, naming those that there are."""
    known = all_peers(c)
    found = next((p for p in known if p.name == name), None)
    if found is None:
        names = ", ".join(p.name for p in known) or Phrase("none yet: `puente peer add` adds one")
        raise NotFound("peer", "There is no peer named %(peer)s. Known are: %(names)s.", peer=name, names=names)
    return found


def set_root(c: Connection, name: str, root: str) -> None:
    """Write down the fingerprint of a peer's root key."""
    c.execute(update(peers).where(peers.c.name == name).values(root=root))


def mirrored_until(c: Connection, peer_name: str) -> str:
    """The date that the peer's server gave with the last entry we mirrored; "" before the first."""
    return str(c.execute(select(mirrors.c.added_after).where(mirrors.c.peer == peer_name)).scalar_one())


def set_mirrored_until(c: Connection, peer_name: str, date_added: str) -> None:
    """Remember it; in the same transaction as the entries themselves."""
    c.execute(update(mirrors).where(mirrors.c.peer == peer_name).values(added_after=date_added))


def hold(c: Connection, peer_name: str, rules: Sequence[tuple[int, str]], now: Micros) -> None:
    """Write down which entries of the record are held back from a peer, and by which rule."""
    rows: list[dict[str, Any]] = [{"peer": peer_name, "number": n, "rule": r, "since": now} for n, r in rules]
    insert_new(c, held, rows)


def let_go(c: Connection, peer_name: str, numbers: Sequence[int]) -> None:
    """Forget that these entries were held: they have been sent."""
    if numbers:
        c.execute(delete(held).where(held.c.peer == peer_name, held.c.number.in_(list(numbers))))


def all_held(c: Connection, limit: int, before: int | None = None) -> list[Held]:
    """What is held, newest entry first, at most `limit`; `before` is the number where the last page ended."""
    found = select(held).order_by(held.c.number.desc(), held.c.peer).limit(limit)
    if before is not None:
        found = found.where(held.c.number < before)
    return [Held(row.peer, row.number, row.rule, row.since) for row in c.execute(found)]


def count_held(c: Connection) -> int:
    """How much is held, for all peers together."""
    return int(c.execute(select(func.count()).select_from(held)).scalar_one())


def count_held_by_peer(c: Connection) -> dict[str, int]:
    """How much is held back from each peer."""
    return {row[0]: row[1] for row in c.execute(select(held.c.peer, func.count()).group_by(held.c.peer))}


def ask(c: Connection, errand: Errand) -> None:
    """Write an errand down; of each kind a peer has one, the newest."""
    c.execute(delete(errands).where(errands.c.peer == errand.peer, errands.c.kind == errand.kind))
    said = {"sentence": errand.answer.sentence, "data": errand.answer.values()}
    row = {name: getattr(errand, name) for name in ("peer", "kind", "first", "by", "asked", "done", "ok")}
    c.execute(insert(errands).values(row | said))


def answer(c: Connection, errand: Errand, now: Micros, *, ok: bool, answer: Phrase) -> None:
    """Write down what came of an errand, unless it was asked for again meanwhile: that one is still to be done."""
    found = update(errands).where(errands.c.peer == errand.peer, errands.c.kind == errand.kind)
    said = {"sentence": answer.sentence, "data": answer.values()}
    c.execute(found.where(errands.c.asked == errand.asked).values(done=now, ok=ok, **said))


def all_errands(c: Connection, peer_name: str) -> list[Errand]:
    """The newest errand of each kind with a peer, those that were asked for first before the others."""
    rows = c.execute(select(errands).where(errands.c.peer == peer_name).order_by(errands.c.asked, errands.c.kind))
    return [Errand(r.peer, r.kind, r.first, r.by, r.asked, r.done, r.ok, kept(r.sentence, r.data)) for r in rows]


def add_status(c: Connection, *, id: str, account: int, root: str, body: bytes, now: Micros) -> None:
    """Keep what became of a POST, and drop what is older than `STATUS_KEPT`."""
    c.execute(delete(statuses).where(statuses.c.created < now - STATUS_KEPT))
    c.execute(insert(statuses).values(id=id, account=account, root=root, created=now, body=body))


def status(c: Connection, *, id: str, account: int, root: str, now: Micros) -> bytes | None:
    """The status resource, if this account posted it under this root and it is not too old; else None."""
    found = select(statuses.c.body).where(
        statuses.c.id == id,
        statuses.c.account == account,
        statuses.c.root == root,
        statuses.c.created >= now - STATUS_KEPT,
    )
    return c.execute(found).scalar_one_or_none()
