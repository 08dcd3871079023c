"""The rows of an append without the append: written by the driver alone, into a copy of the same database."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from cert.store.engine import open_db, sqlite_module
from config.wiring import BIG_CACHE_MB
from tests.bench.site import Site
from tests.servers.postgres import USER, Server

_OF_RECORD = "log = (SELECT n FROM logs WHERE name = 'record') AND number"
_KEYS = {"ids": "n", "lines": "n", "bodies": "n", "entries": _OF_RECORD, "current": "line", "refs": "source"}
"""The rising key of each table that an append writes; parents come before what refers to them."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, with the types of its columns as the driver names them, if it does."""

    table: str
    types: Sequence[Any]
    values: Sequence[tuple[Any, ...]]


class Bare:
    """A copy of the database of the node that serves: of the same size, with the same indexes and settings."""

    def __init__(self, site: Site) -> None:
        server = site.engines.server
        self.db = open_db(_copied(site, server) if server else _backed_up(site), cache_mb=BIG_CACHE_MB)
        self.source = site.served
        self.pooled = self.db.raw_connection()
        self.driver: Any = self.pooled.driver_connection
        self.begin, self.put = ("BEGIN", _copy) if server else ("BEGIN IMMEDIATE", _executemany)

    def new_rows(self) -> list[Rows]:
        """The rows of the record that this copy lacks."""
        with closing(self.source.raw_connection()) as source:
            return [self._newer(source.cursor(), table, key) for table, key in _KEYS.items()]

    def insert(self, new: Sequence[Rows]) -> None:
        """Write rows durably, with one `executemany` or COPY for each table."""
        self.driver.execute(self.begin)
        for rows in new:
            self.put(self.driver, rows)
        self.driver.execute("COMMIT")

    def close(self) -> None:
        """Let go of the copy."""
        self.pooled.close()
        self.db.dispose()

    def _newer(self, cursor: Any, table: str, key: str) -> Rows:
        last = f"SELECT max({key.rpartition(' ')[2]}) FROM {table} WHERE {key} > 0"  # noqa: S608 our own names
        (held,) = self.driver.execute(last).fetchone()
        cursor.execute(f"SELECT * FROM {table} WHERE {key} > {held}")  # noqa: S608 likewise
        return Rows(table, [column[1] for column in cursor.description], cursor.fetchall())


def _backed_up(site: Site) -> str:
    """The address of a copy of the file, made page by page, so that it is no tidier than the original."""
    path = site.folder / "bare.db"
    with closing(site.served.raw_connection()) as source, closing(sqlite_module().connect(path)) as copy:
        pages: Any = source.driver_connection
        pages.backup(copy)
    return f"sqlite:///{path}"


def _copied(site: Site, server: Server) -> str:
    """The address of a copy of the database, made file by file, for which everybody has to leave it for a moment."""
    name = site.served.url.database
    server.door.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
    server.door.run(f"CREATE DATABASE bare OWNER {USER} TEMPLATE {name} STRATEGY FILE_COPY")
    return server.door.url("bare")


def _executemany(driver: Any, rows: Rows) -> None:
    places = ", ".join("?" * len(rows.types))
    driver.executemany(f"INSERT INTO {rows.table} VALUES ({places})", rows.values)  # noqa: S608 our own names


def _copy(driver: Any, rows: Rows) -> None:
    with driver.cursor() as cursor, cursor.copy(f"COPY {rows.table} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(rows.types)
        for row in rows.values:
            copy.write_row(row)
