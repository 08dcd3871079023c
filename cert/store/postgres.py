"""PostgreSQL behind the store, through psycopg: for a node on more than one machine.

What SQLite's one write lock gives is given here by an advisory lock, which a write transaction takes before anything
else. Each statement of it then sees all that is committed, and readers see one state for as long as they read.
"""

import contextlib
import time
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Engine,
    Insert,
    Integer,
    LargeBinary,
    Table,
    Text,
    create_engine,
    event,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from cert.errors import Missing
from cert.store.lock import Kind, Lock, in_use
from cert.store.sqlstate import on_error, translated

if TYPE_CHECKING:
    import psycopg
    from psycopg.adapt import Dumper

OLDEST = 15
WRITERS, NAMED = 0x9E7E01, 0x9E7E02  # classes of advisory locks; the second half of a key says which one
ONE_WRITER, ONE_BULK_WRITER = 0, 1
GOING_S = 1  # how long a connection may take to go that was closed

SESSION = {
    "timezone": "UTC",
    "synchronous_commit": "on",  # what is committed has been written, whatever the server's own setting says
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",  # a machine that hangs with the write lock frees the others
    "idle_session_timeout": "0",
    "tcp_keepalives_idle": "20",  # … and so does one that is gone
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "jit": "off",  # questions take milliseconds
    "enable_seqscan": "off",  # and each has its index, as on SQLite, whether the server has counted its rows yet or not
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",  # it loses the order of the index, and all that is there is sorted for one page
    "random_page_cost": "1.1",
}
CLIENT = {
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",  # milliseconds
    "target_session_attrs": "read-write",  # after a failover: the one that takes writes
}
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
LOCK = f"SELECT pg_advisory_xact_lock({WRITERS}, %d)"
BEGIN: dict[Kind, str] = {
    "read": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "write": f"{WRITE}; {LOCK % ONE_WRITER}",
    "bulk": f"{WRITE}; {LOCK % ONE_BULK_WRITER}; {LOCK % ONE_WRITER}",
    "alone": f"{WRITE}; {LOCK % ONE_WRITER}; SET LOCAL idle_in_transaction_session_timeout = 0",
}


def open_db(url: URL, password: str, machine: str) -> Engine:
    """The engine for a server. Raises `Missing` if its driver is not there."""
    try:
        import psycopg  # noqa: F401 only here: whoever runs on SQLite need not have it
    except ImportError as fault:
        raise Missing(
            "database-driver", "The driver for PostgreSQL is missing. Install it with `pip install 'puente[postgres]'`."
        ) from fault
    if password:
        url = url.set(password=password)
    options = " ".join([str(url.query.get("options", "")), *(f"-c {name}={value}" for name, value in SESSION.items())])
    told = {name: value for name, value in CLIENT.items() if name not in url.query}
    told |= {"client_encoding": "UTF8", "options": options, "application_name": f"puente:{machine}".rstrip(":")}
    db = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=told,
        use_native_hstore=False,
        hide_parameters=True,
    )
    event.listen(db, "connect", _on_connect)
    event.listen(db, "handle_error", on_error, retval=True)
    return db


def _on_connect(connection: "psycopg.Connection[Any]", _record: object) -> None:
    from psycopg.types.array import ListBinaryDumper
    from psycopg.types.string import StrBinaryDumper, StrDumper

    connection.autocommit = True  # we say BEGIN ourselves, to choose its kind
    connection.adapters.register_dumper(list, ListBinaryDumper)  # ten times faster than as text
    for dumper in (StrDumper, StrBinaryDumper):
        connection.adapters.register_dumper(str, _without_nul(dumper))


@lru_cache(maxsize=2)
def _without_nul(dumper: "type[Dumper]") -> "type[Dumper]":
    """A dumper of texts that may hold U+0000, which PostgreSQL cannot keep: asked for one, it just finds nothing."""

    class WithoutNul(dumper):  # type: ignore[valid-type, misc]
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\ufffd"))

    return WithoutNul


def begin(c: Connection, kind: Kind) -> None:
    """Begin a transaction: a writer waits for the one write lock, a bulk writer for its turn before that."""
    driver = _driver(c)
    with translated(driver):
        driver.execute(BEGIN[kind], prepare=False)
    if kind == "alone":
        _shut_out(c)


def _shut_out(c: Connection) -> None:
    """Whoever comes from now on waits to learn of which version the database is. Nobody else may be in yet."""
    if c.execute(text("SELECT to_regclass('alembic_version')")).scalar_one():
        c.execute(text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
    if _others(c, "pid <> pg_backend_pid()"):
        raise in_use()


def turn(_db: Engine) -> contextlib.AbstractContextManager[None]:
    """Nothing to wait for before the transaction begins."""
    return contextlib.nullcontext()


def take_lock(db: Engine, name: str) -> Lock | None:
    """The lock with this name, on a connection of its own, or None while another process has it."""
    held = db.connect()
    driver = _driver(held)
    try:
        with translated(driver):
            row = driver.execute("SELECT pg_try_advisory_lock(%s::int, %s::int)", (NAMED, lock_key(name))).fetchone()
    except OperationalError:
        held.invalidate()
        raise
    if not (row and row[0]):
        held.close()
        return None
    held.detach()
    return Lock(partial(_give_back, held, driver), partial(_answers, driver))


def _give_back(held: Connection, driver: "psycopg.Connection[Any]") -> None:
    """End the session that a lock hangs on, whether it is still there or not."""
    driver.close()
    held.invalidate()
    held.close()


def lock_key(name: str) -> int:
    """The second half of the key of a lock, in 32 bits with a sign."""
    return zlib.crc32(name.encode()) - (1 << 31)


def _answers(driver: "psycopg.Connection[Any]") -> bool:
    import psycopg

    try:
        driver.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def demand_server(db: Engine) -> None:
    """Raise `Missing` unless the server answers, and it and its database are such as Puente can run on."""
    try:
        with db.connect() as c:
            asked = text("SELECT current_setting('server_version_num')::int, current_setting('server_encoding')")
            number, encoding = c.execute(asked).one()
    except OperationalError as fault:
        raise Missing(
            "database-away",
            "The database %(name)s at %(host)s does not answer: %(said)s. See that PostgreSQL runs there and lets us "
            "in, and that `database` and `database_password_file` in the settings are right.",
            name=db.url.database,
            host=db.url.host or "this machine",
            said=(str(fault.orig).splitlines() or [""])[0],
        ) from fault
    if number // 10_000 < OLDEST:
        raise Missing(
            "database-version",
            "The server is PostgreSQL %(found)s, but Puente needs %(needs)d or newer. Upgrade it, then start again.",
            found=number // 10_000,
            needs=OLDEST,
        )
    if encoding != "UTF8":
        raise Missing(
            "database-encoding",
            "The database is in %(encoding)s, which cannot hold every language. Make another one with "
            "`createdb --encoding=UTF8 --template=template0 NAME`, and name that in the settings.",
            encoding=encoding,
        )


def other_machines(c: Connection) -> list[str]:
    """The addresses of other machines that have a connection to this database."""
    return _others(c, "application_name LIKE 'puente:%' AND application_name <> current_setting('application_name')")


def _others(c: Connection, condition: str) -> list[str]:
    """Where connections of Puente come from for which something holds. One that was just closed may go meanwhile."""
    asked = text(
        "SELECT DISTINCT coalesce(host(client_addr), application_name) FROM pg_stat_activity"  # noqa: S608 our own
        f" WHERE datname = current_database() AND application_name LIKE 'puente%' AND {condition}"
    )
    deadline = time.monotonic() + GOING_S
    while (found := sorted(c.execute(asked).scalars())) and time.monotonic() < deadline:
        time.sleep(GOING_S / 20)
        c.execute(text("SELECT pg_stat_clear_snapshot()"))
    return found


def settle(c: Connection, tables: Iterable[Table]) -> None:
    """Let every serial number go on from the highest that is there, and the planner know what there is."""
    for column in (table.autoincrement_column for table in tables):
        if column is not None:
            sequence = func.pg_get_serial_sequence(column.table.name, column.name)
            c.execute(select(func.setval(sequence, func.coalesce(func.max(column), 0) + 1, text("false"))))
    c.execute(text("ANALYZE"))


def new_only(table: Table) -> Insert:
    """An INSERT that leaves out rows whose key is there."""
    return pg_insert(table).on_conflict_do_nothing()


def insert_rows(c: Connection, table: Table, rows: Sequence[tuple[Any, ...]], *, new_only: bool) -> None:
    """Insert rows, each with a value for every column, in the order of the table's definition."""
    if new_only:
        c.exec_driver_sql(_insert_text(table), tuple(map(list, zip(*rows, strict=True))))
        return
    driver = _driver(c)
    with translated(driver), driver.cursor() as cursor, cursor.copy(_copy_text(table)) as copy:
        copy.set_types(_types(table))
        for row in rows:
            copy.write_row(row)


@lru_cache(maxsize=64)
def _copy_text(table: Table) -> str:
    return f"COPY {table.name} FROM STDIN (FORMAT BINARY)"


@lru_cache(maxsize=64)
def _insert_text(table: Table) -> str:
    arrays = ", ".join(f"%s::{kind}[]" for kind in _types(table))
    return f"INSERT INTO {table.name} SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608 our own names


@lru_cache(maxsize=64)
def _types(table: Table) -> list[str]:
    return [next(name for kind, name in _TYPES if isinstance(column.type, kind)) for column in table.columns]


_TYPES = ((BigInteger, "int8"), (Integer, "int4"), (Boolean, "bool"), (LargeBinary, "bytea"), (Text, "text"))


def _driver(c: Connection) -> "psycopg.Connection[Any]":
    driver: psycopg.Connection[Any] = c.connection.driver_connection  # type: ignore[assignment]
    return driver
