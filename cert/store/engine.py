"""The database itself, whichever it is: opened, read, written, locked.

`sqlite.py` and `postgres.py` answer the same questions for one engine each; nothing else knows which one it is. Both
have one writer at a time: a write transaction begins with a lock. So numbers rise in the order of commits, what is free
stays free until it is taken, and no two writers wait for each other.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    Insert,
    RootTransaction,
    Table,
    event,
    make_url,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolEmpty

from cert.errors import Missing
from cert.store import postgres, sqlite
from cert.store.lock import Kind, Lock
from cert.store.many import among
from cert.store.sqlite import database_file, sqlite_module

__all__ = [
    "Connection",
    "DatabaseError",
    "Engine",
    "Lock",
    "OperationalError",
    "PoolEmpty",
    "address",
    "alone",
    "among",
    "database_file",
    "demand_one_machine",
    "demand_server",
    "insert_new",
    "insert_rows",
    "open_db",
    "reading",
    "settle",
    "sqlite_module",
    "take_lock",
    "writing",
]

KIND = "puente_kind"
KEPT = 5  # connections that are kept open for the next transaction


class Side(Protocol):
    """What there is to know of one engine."""

    def begin(self, c: Connection, kind: Kind) -> None: ...
    def turn(self, db: Engine) -> AbstractContextManager[None]: ...
    def take_lock(self, db: Engine, name: str) -> Lock | None: ...
    def demand_server(self, db: Engine) -> None: ...
    def other_machines(self, c: Connection) -> list[str]: ...
    def settle(self, c: Connection, tables: Iterable[Table]) -> None: ...
    def new_only(self, table: Table) -> Insert: ...
    def insert_rows(self, c: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, new_only: bool) -> None: ...


def _side(dialect: Dialect) -> Side:
    return postgres if dialect.name == "postgresql" else sqlite


def open_db(url: str, *, cache_mb: int = 8, password: str = "", machine: str = "") -> Engine:
    """The engine for a database URL; nothing is read or written yet.

    `cache_mb` is SQLite's page cache per connection: large for the one big writer, small for everyone else. `password`
    and `machine`, the name under which this machine is known to the others, are for a server. Raises `Missing` if the
    folder of a SQLite file or the driver of a server is not there.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            db = sqlite.open_db(parsed, cache_mb)
        case "postgresql":
            db = postgres.open_db(parsed, password, machine)
        case _:
            raise Missing(
                "database-engine",
                "The database %(url)s is not one Puente runs on: SQLite or PostgreSQL.",
                url=parsed.render_as_string(),
            )
    event.listen(db, "begin", _begin)
    return db


def _begin(c: Connection) -> None:
    _side(c.dialect).begin(c, c.get_execution_options().get(KIND, "read"))


@contextlib.contextmanager
def reading(db: Engine) -> Iterator[Connection]:
    """A connection whose whole block sees one state of the database and takes no write lock."""
    connection, _ = _begun(db, "read")
    with connection:
        yield connection


@contextlib.contextmanager
def writing(db: Engine, *, bulk: bool = False) -> Iterator[Connection]:
    """A write transaction: committed when the block ends, rolled back if it raises.

    `bulk` is for writers of many objects: they take turns by a lock of their own, so that a person's small write,
    which does not take it, never queues behind several of them.
    """
    turn = _side(db.dialect).turn(db) if bulk else contextlib.nullcontext()
    with turn, _transaction(db, "bulk" if bulk else "write") as connection:
        yield connection


@contextlib.contextmanager
def alone(db: Engine) -> Iterator[Connection]:
    """A write transaction while no other process has the database open; whoever opens it meanwhile, waits.

    Raises `Conflict` if another one has it open. It may take its time.
    """
    db.dispose()
    try:
        with _transaction(db, "alone") as connection:
            yield connection
    finally:
        db.dispose()  # this connection kept the others out


@contextlib.contextmanager
def _transaction(db: Engine, kind: Kind) -> Iterator[Connection]:
    connection, transaction = _begun(db, kind)
    with connection, transaction:
        yield connection


def _begun(db: Engine, kind: Kind, tries: int = KEPT + 1) -> tuple[Connection, RootTransaction]:
    """A transaction that has begun. Connections that the server has ended since their last one are left out."""
    connection = db.connect().execution_options(**{KIND: kind})
    try:
        return connection, connection.begin()
    except BaseException as fault:
        is_gone = isinstance(fault, OperationalError) and fault.connection_invalidated
        if is_gone:
            connection.invalidate()
        connection.close()
        if not is_gone or tries == 1:
            raise
    return _begun(db, kind, tries - 1)


def address(db: Engine) -> str:
    """The URL of a database as it stands in the settings, without a password."""
    url = db.url
    shown = URL.create(url.get_backend_name(), url.username, None, url.host, url.port, url.database, url.query)
    return shown.render_as_string()


def take_lock(db: Engine, name: str) -> Lock | None:
    """The lock with this name, or None while another process has it. It dies with the process that holds it."""
    return _side(db.dialect).take_lock(db, name)


def demand_server(db: Engine) -> None:
    """Raise `Missing`, with the next step, unless the server answers and is one that Puente can run on."""
    _side(db.dialect).demand_server(db)


def demand_one_machine(db: Engine) -> None:
    """Raise `Missing` if another machine works on this database: for a node whose index is on this one."""
    with reading(db) as c:
        others = _side(db.dialect).other_machines(c)
    if others:
        raise Missing(
            "several-machines",
            "Another machine (%(machines)s) works on this database, but the index of this node is a folder, which only "
            "one machine can use. Run all processes of the node on one machine, or let `elasticsearch` name a cluster. "
            "A machine that was switched off is forgotten after a minute.",
            machines=", ".join(others),
        )


def insert_new(c: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet, and leave the others as they are."""
    if rows:
        c.execute(_side(c.dialect).new_only(table), rows)


def insert_rows(c: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, new_only: bool = False) -> None:
    """Insert many rows at once, each with a value for every column, in the order of the table's definition.

    With `new_only`, rows whose key is there already are left as they are. SQLAlchemy's own way takes each value through
    Python a few times, which costs more than the insert itself.
    """
    if rows:
        _side(c.dialect).insert_rows(c, table, rows, new_only=new_only)


def settle(c: Connection, tables: Iterable[Table]) -> None:
    """After rows came in with their numbers: let the database number on from the highest, and plan with what it has."""
    _side(c.dialect).settle(c, tables)
