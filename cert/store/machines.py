"""Machine accounts as an operator keeps them: on and off, with tokens that expire and client certificates."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from cert.errors import Conflict, NotFound, Refused
from cert.stix import Micros
from cert.store.engine import Connection
from cert.store.signin import MINUTE, WHOLE, Account, Scope, digest
from cert.store.tables import accounts, certificates, collections, rights, token_collections, tokens

DAY: Micros = 24 * 60 * MINUTE
TOKEN = "puente_"  # noqa: S105 how a token begins: whoever finds one lying about knows where to ask
MOST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Known:
    """An account, its rights as (collection, can read, can write), and how else than by its password it may sign in."""

    name: str
    org: int
    active: bool
    rights: list[tuple[str, bool, bool]]
    tokens: int
    certificates: list[str]


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an account without its secret; `collections` are names, None means all of the account's."""

    n: int
    account: str
    label: str
    can_read: bool
    can_write: bool
    collections: list[str] | None
    created: Micros
    expires: Micros


def all_accounts(c: Connection) -> list[Known]:
    """Every machine account, by name."""
    found = select(rights, collections.c.alias).join(collections, collections.c.id == rights.c.collection)
    granted = c.execute(found.order_by(collections.c.alias)).all()
    shown = c.execute(select(certificates).order_by(certificates.c.added)).all()
    held = list(c.execute(select(tokens.c.account)).scalars())
    return [
        Known(
            one.name,
            one.org,
            one.active,
            [(row.alias, row.can_read, row.can_write) for row in granted if row.account == one.n],
            held.count(one.n),
            [row.fingerprint.hex() for row in shown if row.account == one.n],
        )
        for one in c.execute(select(accounts).order_by(accounts.c.name))
    ]


def set_active(c: Connection, name: str, *, active: bool) -> None:
    """Let an account sign in again, or not: by password, token or certificate. Raises `NotFound`."""
    c.execute(update(accounts).where(accounts.c.n == _number(c, name)).values(active=active))


def renew(c: Connection, name: str) -> str:
    """Give an account a new password, shown this once; the old one ends at once. Raises `NotFound`."""
    secret = secrets.token_urlsafe(32)
    c.execute(update(accounts).where(accounts.c.n == _number(c, name)).values(secret_hash=digest(secret)))
    return secret


# --- tokens ------------------------------------------------------------------------------------------------------
def add_token(
    c: Connection, name: str, label: str, days: int, now: Micros, *, scope: Scope = WHOLE, only: Sequence[str] = ()
) -> tuple[int, str]:
    """Make a token for an account, for some days and, if `only` names collections, for these alone.

    Gives its number, and the token itself, shown this once. Raises `NotFound` for an account or collection that there
    is not, and `Refused` for a time that is too long.
    """
    if not 1 <= days <= MOST_DAYS:
        raise Refused("token-days", f"A token lasts 1 to {MOST_DAYS} days. Choose a number of days between.")
    ids = [_collection(c, alias) for alias in dict.fromkeys(only)]
    token = TOKEN + secrets.token_urlsafe(32)
    values = {
        "token_hash": digest(token),
        "account": _number(c, name),
        "label": label,
        "can_read": scope.can_read,
        "can_write": scope.can_write,
        "narrowed": bool(ids),
        "created": now,
        "expires": now + days * DAY,
    }
    n = int(c.execute(insert(tokens).values(**values).returning(tokens.c.n)).scalar_one())
    if ids:
        c.execute(insert(token_collections), [{"token": n, "collection": one} for one in ids])
    return n, token


def all_tokens(c: Connection) -> list[Token]:
    """Every token that was not revoked, in the order they were made."""
    named = select(token_collections.c.token, collections.c.alias).join(collections).order_by(collections.c.alias)
    only = c.execute(named).all()
    found = select(tokens, accounts.c.name).join(accounts).order_by(tokens.c.n)
    return [
        Token(
            row.n,
            row.name,
            row.label,
            row.can_read,
            row.can_write,
            [alias for token, alias in only if token == row.n] if row.narrowed else None,
            row.created,
            row.expires,
        )
        for row in c.execute(found)
    ]


def revoke_token(c: Connection, n: int) -> None:
    """End a token at once. Raises `NotFound`."""
    c.execute(delete(token_collections).where(token_collections.c.token == n))
    if not c.execute(delete(tokens).where(tokens.c.n == n)).rowcount:
        raise NotFound("token", f"There is no token with the number {n}. `puente token list` shows those there are.")


def by_token(c: Connection, token: str, now: Micros) -> Account | None:
    """The active account whose token this is, narrowed to what the token carries; None for one that has ended."""
    found = select(tokens, accounts.c.name, accounts.c.org).join(accounts)
    found = found.where(tokens.c.token_hash == digest(token), tokens.c.expires > now, accounts.c.active)
    row = c.execute(found).first()
    if row is None:
        return None
    only = select(token_collections.c.collection).where(token_collections.c.token == row.n)
    ids = frozenset(c.execute(only).scalars()) if row.narrowed else None
    return Account(row.account, row.name, row.org, Scope(row.can_read, row.can_write, ids))


# --- certificates ------------------------------------------------------------------------------------------------
def add_certificate(c: Connection, name: str, fingerprint: bytes, now: Micros) -> None:
    """Let an account sign in with a certificate. Raises `Conflict` if it belongs to an account already."""
    number = _number(c, name)
    if c.execute(select(certificates.c.account).where(certificates.c.fingerprint == fingerprint)).first():
        raise Conflict("certificate-taken", "This certificate belongs to an account already. Each has one of its own.")
    c.execute(insert(certificates).values(fingerprint=fingerprint, account=number, added=now))


def remove_certificate(c: Connection, name: str, fingerprint: bytes) -> None:
    """Let nobody sign in with a certificate any more. Raises `NotFound` if it is not this account's."""
    of_account = certificates.c.account == _number(c, name), certificates.c.fingerprint == fingerprint
    if not c.execute(delete(certificates).where(*of_account)).rowcount:
        raise NotFound("certificate", f"{name} has no such certificate. `puente account list` shows those it has.")


def by_certificate(c: Connection, fingerprint: bytes) -> Account | None:
    """The active account that a certificate belongs to, else None."""
    found = select(accounts).join(certificates).where(certificates.c.fingerprint == fingerprint, accounts.c.active)
    row = c.execute(found).first()
    return Account(row.n, row.name, row.org) if row else None


def _number(c: Connection, name: str) -> int:
    found = c.execute(select(accounts.c.n).where(accounts.c.name == name)).scalar_one_or_none()
    if found is None:
        raise NotFound("account", f"There is no account named {name}. `puente account list` shows those there are.")
    return int(found)


def _collection(c: Connection, alias: str) -> str:
    found = c.execute(select(collections.c.id).where(collections.c.alias == alias)).scalar_one_or_none()
    if found is None:
        raise NotFound("collection", f"There is no collection named {alias}. `puente collection list` shows them.")
    return str(found)
