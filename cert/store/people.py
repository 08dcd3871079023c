"""Organisations and the people in them."""

import unicodedata
from collections.abc import Iterable

import argon2
from sqlalchemy import Row, insert, select, update

from cert.access import Organisation, Role, Viewer, labels_of
from cert.errors import Conflict, NotFound, Refused
from cert.stix import Micros
from cert.store.engine import Connection
from cert.store.tables import organisations, people

SHORTEST_PASSWORD = 12
LONGEST_LOGIN = 100
_HASHER = argon2.PasswordHasher()


def add_organisation(
    c: Connection, *, name: str, kind: str, nation: str, identity_id: str, default_handling: str, ours: bool
) -> Organisation:
    """Make an organisation. Raises `Conflict` if the name or the identity is taken."""
    taken = organisations.c.name == name, organisations.c.identity_id == identity_id
    if c.execute(select(organisations.c.n).where(taken[0] | taken[1])).first():
        raise Conflict("organisation-exists", f"An organisation named {name}, or with its identity, is already here.")
    values = {
        "name": name,
        "kind": kind,
        "nation": nation,
        "identity_id": identity_id,
        "default_handling": default_handling,
        "ours": ours,
    }
    c.execute(insert(organisations).values(**values))
    return organisation(c, name)


def all_organisations(c: Connection) -> dict[int, Organisation]:
    """Every organisation by its number: a node knows a few dozen."""
    return {row.n: _organisation(row) for row in c.execute(select(organisations).order_by(organisations.c.n))}


def organisation(c: Connection, name: str) -> Organisation:
    """The organisation with this name. Raises `NotFound`, naming those that there are."""
    known = all_organisations(c).values()
    found = next((org for org in known if org.name == name), None)
    if found is None:
        names = ", ".join(org.name for org in known)
        raise NotFound("organisation", f"There is no organisation named {name}. Known are: {names}.")
    return found


def our_cert(c: Connection) -> Organisation:
    """The national CERT whose node this is."""
    return next(org for org in all_organisations(c).values() if org.ours and org.kind == "cert")


def add_person(
    c: Connection,
    *,
    login: str,
    name: str,
    org: Organisation,
    password: str,
    roles: Iterable[Role],
    language: str,
    now: Micros,
) -> int:
    """Make a person who may sign in, and give his number. Raises `Refused` for a login or password that is no good."""
    hashed = _hashed(password)
    login = _good_login(login)
    if c.execute(select(people.c.n).where(people.c.login == login)).first():
        raise Conflict("login-taken", f"Somebody already signs in as {login}. Choose another name.")
    values = {
        "login": login,
        "name": name,
        "org": org.n,
        "password_hash": hashed,
        "roles": " ".join(sorted(set(roles))),
        "language": language,
        "active": True,
        "created": now,
    }
    return int(c.execute(insert(people).values(**values).returning(people.c.n)).scalar_one())


def viewer(c: Connection, person: int) -> Viewer | None:
    """The person as a viewer with the rights he has now; None if he is gone or no longer active."""
    row = c.execute(
        select(people, organisations).join_from(people, organisations).where(people.c.n == person, people.c.active)
    ).first()
    return _viewer(row) if row else None


def number_of(c: Connection, login: str) -> int | None:
    """The number of the person with this login, or None."""
    return c.execute(select(people.c.n).where(people.c.login == canonical_login(login))).scalar_one_or_none()


def verify(c: Connection, login: str, password: str) -> int | None:
    """The number of the active person with this login and password, else None; as slow for a stranger as for him."""
    row = c.execute(
        select(people.c.n, people.c.password_hash, people.c.active).where(people.c.login == canonical_login(login))
    ).first()
    try:
        _HASHER.verify(row.password_hash if row else _nobody(), password)
    except argon2.exceptions.VerificationError:
        return None
    return int(row.n) if row and row.active else None


def set_password(c: Connection, login: str, password: str) -> int:
    """Give a person another password, and his number. Raises `NotFound`, or `Refused` for one that is too short."""
    number = number_of(c, login)
    if number is None:
        raise NotFound("person", f"Nobody here signs in as {login}. `puente user add` makes a person.")
    c.execute(update(people).where(people.c.n == number).values(password_hash=_hashed(password)))
    return number


def _hashed(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise Refused("short-password", f"A password has at least {SHORTEST_PASSWORD} characters. Choose a longer one.")
    return _HASHER.hash(password)


def canonical_login(login: str) -> str:
    """One spelling for each login, so that case or width opens no second door."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def _good_login(login: str) -> str:
    """Its one spelling, if it is one word of characters that can be seen and typed (P8)."""
    one = canonical_login(login)
    if not 0 < len(one) <= LONGEST_LOGIN or not one.isprintable() or " " in one or login.strip(" ") != login.strip():
        raise Refused(
            "login", f"A login is one word of at most {LONGEST_LOGIN} letters, digits and signs. Choose another login."
        )
    return one


def _nobody() -> str:
    """A hash that no password fits, so that an unknown login costs the same time."""
    return "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def _organisation(row: Row[tuple[object, ...]]) -> Organisation:
    return Organisation(row.n, row.name, row.kind, row.nation, row.identity_id, row.default_handling, row.ours)


def _viewer(row: Row[tuple[object, ...]]) -> Viewer:
    m = row._mapping
    org = Organisation(
        m[organisations.c.n],
        m[organisations.c.name],
        m[organisations.c.kind],
        m[organisations.c.nation],
        m[organisations.c.identity_id],
        m[organisations.c.default_handling],
        m[organisations.c.ours],
    )
    person = m[people.c.n]
    roles = frozenset(Role(name) for name in m[people.c.roles].split())
    labels = labels_of(org, person, roles)
    return Viewer(person, m[people.c.login], m[people.c.name], org, roles, m[people.c.language], labels)
