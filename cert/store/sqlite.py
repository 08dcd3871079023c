"""SQLite behind the store: one file, one machine, nothing to run.

It runs in WAL mode with `synchronous=FULL`, through `pysqlite3` where that has a wheel: the SQLite under many Pythons
is in the range of the WAL-reset bug (3.7.0 to 3.51.2, https://sqlite.org/changes.html), which can lose committed
writes when more than one process writes.
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

from sqlalchemy import Connection, Dialect, Engine, Insert, Table, create_engine, event, insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL

from cert.errors import Missing
from cert.store.lock import Kind, Lock, in_use

BUSY_TIMEOUT_MS = 30_000
MMAP_BYTES = 1 << 27  # more makes nothing faster, and counts as memory of every process
CHECKPOINT_PAGES = 4_000  # 16 MB: the id index is written all over, so most pages are copied back once for many commits


def open_db(url: URL, cache_mb: int) -> Engine:
    """The engine for a file. Raises `Missing` if its folder is not there."""
    folder = Path(url.database or "").parent
    if not folder.is_dir():
        raise Missing("database-folder", f"The folder {folder} for the database is missing. Run `puente init` first.")
    module = sqlite_module()
    module.register_adapter(bool, int)  # else it looks for one anew for each value
    db = create_engine(url, module=module, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}, hide_parameters=True)

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
    return db


def sqlite_module() -> ModuleType:
    """The SQLite driver: `pysqlite3` where it is installed, else the one that came with Python."""
    try:
        return importlib.import_module("pysqlite3")
    except ImportError:
        return sqlite3


def database_file(db: Engine) -> Path:
    """The path of the file; locks and the like stand beside it."""
    return Path(db.url.database or "")


def begin(c: Connection, kind: Kind) -> None:
    """Begin a transaction: a writer takes the one write lock at once, a reader none."""
    if kind == "alone":
        _shut_out(c)
    c.exec_driver_sql("BEGIN" if kind == "read" else "BEGIN IMMEDIATE")


def _shut_out(c: Connection) -> None:
    """Keep all others out, until this connection is closed. It cannot leave WAL mode while somebody else is in."""
    driver: Any = c.connection.driver_connection
    driver.execute("PRAGMA busy_timeout=0")
    driver.execute("PRAGMA locking_mode=EXCLUSIVE")
    try:
        (mode,) = driver.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite_module().OperationalError:
        mode = "wal"
    if mode != "delete":
        raise in_use()


@contextlib.contextmanager
def turn(db: Engine) -> Iterator[None]:
    """Wait for the turn of a bulk writer, before its transaction begins."""
    with Path(f"{database_file(db)}.bulk").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield  # closing the file gives the turn back, and so does the death of the process


def take_lock(db: Engine, name: str) -> Lock | None:
    """The lock with this name, or None while another process has it."""
    folder = database_file(db).with_suffix(".locks")
    folder.mkdir(exist_ok=True)
    held = (folder / name.replace(":", "-")).open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        return None
    return Lock(held.close, lambda: True)


def demand_server(_db: Engine) -> None:
    """There is none."""


def other_machines(_c: Connection) -> list[str]:
    """None: the file is on this one."""
    return []


def settle(_c: Connection, _tables: Iterable[Table]) -> None:
    """Nothing to do: it numbers on from the highest, and plans without counting."""


def new_only(table: Table) -> Insert:
    """An INSERT that leaves out rows whose key is there."""
    return sqlite_insert(table).on_conflict_do_nothing()


def insert_rows(c: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, new_only: bool) -> None:
    """Insert rows, each with a value for every column, in the order of the table's definition."""
    c.exec_driver_sql(_insert_text(table, c.dialect, new_only), list(rows))


@lru_cache(maxsize=64)
def _insert_text(table: Table, dialect: Dialect, only_new: bool) -> str:
    statement = new_only(table) if only_new else insert(table)
    return str(statement.compile(dialect=dialect))
