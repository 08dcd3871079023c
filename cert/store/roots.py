"""API roots of the TAXII server, and the collections under them."""

from dataclasses import dataclass

from sqlalchemy import insert, select

from cert.errors import Conflict, NotFound
from cert.stix import Micros
from cert.store.engine import Connection
from cert.store.signin import ROOT
from cert.store.tables import accounts, collections, rights, roots

TAKEN = frozenset({ROOT, "taxii2"})
"""Names that no root can have: one is the first root of every node, the other the address of discovery."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A collection, where it stands, and who may do what with it: (account, can read, can write)."""

    id: str
    alias: str
    title: str
    root: str
    log: str
    rights: list[tuple[str, bool, bool]]


def add_root(c: Connection, name: str, title: str, now: Micros) -> None:
    """Make an API root, beside the one that every node has. Raises `Conflict` if the name is taken."""
    if name in TAKEN or title_of(c, name) is not None:
        raise Conflict("root-taken", f"There is already something at /{name}/. Choose another name.")
    c.execute(insert(roots).values(name=name, title=title, created=now))


def all_roots(c: Connection) -> dict[str, str]:
    """The titles of the further roots, by name, oldest first."""
    return {row.name: row.title for row in c.execute(select(roots).order_by(roots.c.created, roots.c.name))}


def title_of(c: Connection, name: str) -> str | None:
    """The title of a further root, or None if there is none with this name."""
    return c.execute(select(roots.c.title).where(roots.c.name == name)).scalar_one_or_none()


def demand_root(c: Connection, name: str) -> None:
    """Raise `NotFound` unless this is a root of the node."""
    if name != ROOT and title_of(c, name) is None:
        raise NotFound("root", f"There is no API root named {name}. `puente root add {name}` makes it.")


def all_collections(c: Connection) -> list[Listed]:
    """Every collection, oldest first."""
    found = select(rights, accounts.c.name).join(accounts, accounts.c.n == rights.c.account)
    granted = c.execute(found.order_by(accounts.c.name)).all()
    return [
        Listed(
            one.id,
            one.alias,
            one.title,
            one.root,
            one.log,
            [(row.name, row.can_read, row.can_write) for row in granted if row.collection == one.id],
        )
        for one in c.execute(select(collections).order_by(collections.c.created, collections.c.id))
    ]
