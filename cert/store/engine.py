"""The database itself: the only place that knows which engine stands behind the URL.

SQLite runs in WAL mode with `synchronous=FULL`, through `pysqlite3` where it has a wheel: the SQLite under many
Pythons is in the range of the WAL-reset bug (3.7.0 to 3.51.2, https://sqlite.org/changes.html), which can lose
committed writes when more than one process writes.
"""

import contextlib
import fcntl
import importlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Table,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
)
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DatabaseError, OperationalError

from cert.errors import Missing

__all__ = [
    "Connection",
    "DatabaseError",
    "Engine",
    "OperationalError",
    "allocate",
    "among",
    "database_file",
    "insert_new",
    "insert_rows",
    "open_db",
    "reading",
    "writing",
]

WRITING = "puente_writing"
BUSY_TIMEOUT_MS = 30_000
MMAP_BYTES = 1 << 28
CHECKPOINT_PAGES = 4_000  # 16 MB: the id index is written all over, so most pages are copied back once for many commits


def open_db(url: str, *, cache_mb: int = 8) -> Engine:
    """The engine for a database URL; nothing is read or written yet.

    `cache_mb` is SQLite's page cache per connection: large for the one big writer, small for everyone else.
    Raises `Missing` if the folder of a SQLite file is not there.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise Missing("database-engine", f"The database {parsed.render_as_string()} is not one Puente runs on yet.")
    folder = Path(parsed.database or "").parent
    if not folder.is_dir():
        raise Missing("database-folder", f"The folder {folder} for the database is missing. Run `puente init` first.")
    db = create_engine(parsed, module=sqlite_module(), connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, to choose its kind
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            f"cache_size={-1024 * cache_mb}",
            f"mmap_size={MMAP_BYTES}",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(db, "connect", on_connect)
    event.listen(db, "begin", _begin)
    return db


def sqlite_module() -> ModuleType:
    """The SQLite driver: `pysqlite3` where it is installed, else the one that came with Python."""
    try:
        return importlib.import_module("pysqlite3")
    except ImportError:
        return sqlite3


def _begin(connection: Connection) -> None:
    writer = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


@contextlib.contextmanager
def reading(db: Engine) -> Iterator[Connection]:
    """A connection whose whole block sees one state of the database and takes no write lock."""
    with db.connect() as connection:
        yield connection


@contextlib.contextmanager
def writing(db: Engine, *, bulk: bool = False) -> Iterator[Connection]:
    """A write transaction: committed when the block ends, rolled back if it raises.

    `bulk` is for writers of many objects: on SQLite they take turns by a file lock, so that a person's small write,
    which does not take it, never queues behind several of them.
    """
    turn = _turn(db) if bulk else contextlib.nullcontext()
    with turn, db.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def _turn(db: Engine) -> Iterator[None]:
    with Path(f"{database_file(db)}.bulk").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield  # closing the file gives the turn back, and so does the death of the process


def database_file(db: Engine) -> Path:
    """The path of the SQLite file; locks and the like stand beside it."""
    return Path(db.url.database or "")


def allocate(c: Connection, column: Column[int], count: int) -> range:
    """The next `count` free numbers of an integer key; they are ours until this write transaction ends."""
    highest = c.execute(select(func.coalesce(func.max(column), 0))).scalar_one()
    return range(highest + 1, highest + 1 + count)


def among(column: ColumnElement[Any], values: Iterable[str] | Iterable[int]) -> ColumnElement[bool]:
    """Whether a column has one of these values, of which there may be any number: they travel as one parameter."""
    listed = func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
    return column.in_(select(listed.c.value))


def insert_new(c: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose key is not there yet, and leave the others as they are."""
    if rows:
        c.execute(sqlite_insert(table).on_conflict_do_nothing(), rows)


def insert_rows(c: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, new_only: bool = False) -> None:
    """Insert many rows at once, each with a value for every column, in the order of the table's definition.

    With `new_only`, rows whose key is there already are left as they are. SQLAlchemy's own way takes each value through
    Python a few times, which costs more than the insert itself.
    """
    if rows:
        c.exec_driver_sql(_insert_text(table, c.dialect, new_only), list(rows))


@lru_cache(maxsize=64)
def _insert_text(table: Table, dialect: Dialect, new_only: bool) -> str:
    statement = sqlite_insert(table).on_conflict_do_nothing() if new_only else insert(table)
    return str(statement.compile(dialect=dialect))
