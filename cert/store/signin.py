"""Proofs of who is asking: sessions of people, secrets of machine accounts, and the brake on guessing."""

import hashlib
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select, update

from cert.errors import Conflict, NotFound, Refused
from cert.stix import Micros
from cert.store.engine import Connection, insert_new
from cert.store.tables import accounts, collections, rights, sessions, throttle

MINUTE: Micros = 60 * 1_000_000
IDLE_LIMIT: Micros = 8 * 60 * MINUTE
TOTAL_LIMIT: Micros = 24 * 60 * MINUTE
SEEN_STEP: Micros = 5 * MINUTE  # how often "last seen" is worth a write
LONGEST_NAME = 64  # characters of a machine account's name
FREE_FAILURES = 5
FREE_FAILURES_FROM = 50  # of one address: an office may stand behind it
PRIVATE_LOGS = frozenset({"record", "acts"})
BRAKE: Micros = 5 * MINUTE


ROOT = "puente"
"""The API root that every node has."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token narrows its account to: reading, writing, and the ids of some collections (None: all of them)."""

    can_read: bool = True
    can_write: bool = True
    only: frozenset[str] | None = None


WHOLE = Scope()


@dataclass(frozen=True, slots=True)
class Account:
    """A machine that speaks TAXII for an organisation, and what the token narrows it to by which it came."""

    n: int
    name: str
    org: int
    scope: Scope = WHOLE


@dataclass(frozen=True, slots=True)
class Collection:
    """A TAXII collection, the log behind it, its API root, and what the asking account may do with it."""

    id: str
    alias: str
    title: str
    log: str
    can_read: bool
    can_write: bool
    root: str = ROOT


# --- people ------------------------------------------------------------------------------------------------------
def open_session(c: Connection, person: int, now: Micros) -> str:
    """A new session of a person; the token is shown once and stored only as a hash."""
    token = secrets.token_urlsafe(32)
    c.execute(insert(sessions).values(token_hash=digest(token), person=person, created=now, seen=now))
    return token


def session_person(c: Connection, token: str, now: Micros) -> tuple[int, bool] | None:
    """Whose session this is, and whether it is time to call `touch_session`; None if it has ended."""
    row = c.execute(select(sessions).where(sessions.c.token_hash == digest(token))).first()
    if row is None or now - row.seen > IDLE_LIMIT or now - row.created > TOTAL_LIMIT:
        return None
    return row.person, now - row.seen > SEEN_STEP


def touch_session(c: Connection, token: str, now: Micros) -> None:
    """Note that a session is in use."""
    c.execute(update(sessions).where(sessions.c.token_hash == digest(token)).values(seen=now))


def end_session(c: Connection, token: str) -> None:
    """End one session: its token is worth nothing from here on."""
    c.execute(delete(sessions).where(sessions.c.token_hash == digest(token)))


def end_all_sessions(c: Connection, person: int) -> None:
    """End every session of a person, as after a change of password or rights."""
    c.execute(delete(sessions).where(sessions.c.person == person))


# --- guessing ----------------------------------------------------------------------------------------------------
def wait_us(c: Connection, who: list[str], now: Micros) -> Micros:
    """How long these (a login from an address, `from:` an address) must wait before the next try; 0 if they may."""
    rows = c.execute(select(throttle).where(throttle.c.who.in_(who)))
    braked = [row for row in rows if row.failures >= _free(row.who)]
    return max([0, *(int(row.since) + BRAKE - now for row in braked)])


def count_failure(c: Connection, who: list[str], now: Micros) -> None:
    """Count a wrong password against each of these; an old count is forgotten first."""
    c.execute(delete(throttle).where(throttle.c.who.in_(who), throttle.c.since <= now - BRAKE))
    insert_new(c, throttle, [{"who": name, "failures": 0, "since": now} for name in who])
    c.execute(update(throttle).where(throttle.c.who.in_(who)).values(failures=throttle.c.failures + 1, since=now))


def _free(who: str) -> int:
    return FREE_FAILURES_FROM if "from:" in who else FREE_FAILURES


def forget_failures(c: Connection, who: list[str]) -> None:
    """A right password clears the count."""
    c.execute(delete(throttle).where(throttle.c.who.in_(who)))


# --- machines ----------------------------------------------------------------------------------------------------
def add_account(c: Connection, name: str, org: int, secret: str | None = None) -> str:
    """Make a machine account and give its secret, which is shown this once.

    A secret is made here, long and random, so a fast hash of it is safe; one that is handed in must be as long.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or ":" in name or " " in name:
        raise Refused(
            "account-name",
            f"The name of a machine account is one word of at most {LONGEST_NAME} characters, without a colon.",
        )
    secret = secret or secrets.token_urlsafe(32)
    if len(secret) < 32:
        raise Refused("short-secret", "A machine's secret has at least 32 characters. Leave it out to have one made.")
    if c.execute(select(accounts.c.n).where(accounts.c.name == name)).first():
        raise Conflict("account-taken", f"There is already a machine account named {name}. Choose another name.")
    c.execute(insert(accounts).values(name=name, org=org, secret_hash=digest(secret), active=True))
    return secret


def account(c: Connection, name: str, secret: str) -> Account | None:
    """The active machine account with this name and secret, else None."""
    row = c.execute(_NAMED, {"name": name}).first()
    known = row.secret_hash if row else b"\0" * 32
    right = secrets.compare_digest(known, digest(secret))
    return Account(row.n, row.name, row.org) if row and right and row.active else None


def add_collection(c: Connection, *, id: str, alias: str, title: str, log: str, now: Micros, root: str = ROOT) -> None:
    """Make a TAXII collection over a log. A collection is an audience: rights are given with `grant`."""
    if log in PRIVATE_LOGS:
        raise Refused("private-log", f"The log {log} never leaves this node. Make a workbench instead.")
    if c.execute(select(collections.c.id).where(collections.c.alias == alias)).first():
        raise Conflict("collection-taken", f"There is already a collection named {alias}. Choose another name.")
    c.execute(insert(collections).values(id=id, alias=alias, title=title, log=log, created=now, root=root))


def grant(c: Connection, account_name: str, alias: str, *, can_read: bool, can_write: bool) -> None:
    """Set what an account may do with a collection; neither takes every right in it away."""
    account_n = c.execute(select(accounts.c.n).where(accounts.c.name == account_name)).scalar_one_or_none()
    collection_id = c.execute(select(collections.c.id).where(collections.c.alias == alias)).scalar_one_or_none()
    if account_n is None or collection_id is None:
        kind, name = ("account", account_name) if account_n is None else ("collection", alias)
        raise NotFound("grant", f"There is no {kind} named {name}. `puente {kind} add {name}` makes it.")
    c.execute(delete(rights).where(rights.c.account == account_n, rights.c.collection == collection_id))
    if can_read or can_write:
        values = {"can_read": can_read, "can_write": can_write}
        c.execute(insert(rights).values(account=account_n, collection=collection_id, **values))


def collections_of(
    c: Connection, account_n: int, name: str | None = None, *, root: str | None = None, scope: Scope = WHOLE
) -> list[Collection]:
    """The collections an account has a right in, oldest first; with `name`, only the one with that id or alias.

    `root` leaves out those of other API roots, `scope` the rights that a token does not carry.
    """
    found = c.execute(
        _of_account(name is not None, root is not None), {"account": account_n, "name": name, "root": root}
    )
    return [
        Collection(r.id, r.alias, r.title, r.log, reads, writes, r.root)
        for r in found
        if scope.only is None or r.id in scope.only
        if any((reads := r.can_read and scope.can_read, writes := r.can_write and scope.can_write))
    ]


@lru_cache(maxsize=4)
def _of_account(by_name: bool, by_root: bool) -> Select[Any]:
    """Written once, as every request asks it, and writing it takes longer than answering."""
    found = (
        select(collections, rights.c.can_read, rights.c.can_write)
        .join(rights, rights.c.collection == collections.c.id)
        .where(rights.c.account == bindparam("account"), rights.c.can_read | rights.c.can_write)
        .order_by(collections.c.created, collections.c.id)
    )
    if by_name:
        found = found.where((collections.c.id == bindparam("name")) | (collections.c.alias == bindparam("name")))
    return found.where(collections.c.root == bindparam("root")) if by_root else found


_NAMED = select(accounts).where(accounts.c.name == bindparam("name"))


def digest(secret: str) -> bytes:
    """The hash under which a long random secret is kept."""
    return hashlib.sha256(secret.encode()).digest()
