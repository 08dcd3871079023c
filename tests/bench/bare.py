"""The rows of an append without the append: written by the driver alone, into a copy of the same database."""

from contextlib import closing
from pathlib import Path
from typing import Any

from cert.store.engine import Engine, open_db, sqlite_module
from config.wiring import BIG_CACHE_MB

Rows = list[tuple[str, list[Any]]]

_OF_RECORD = "log = (SELECT n FROM logs WHERE name = 'record') AND number"
_KEYS = {"ids": "n", "lines": "n", "bodies": "n", "entries": _OF_RECORD, "current": "line", "refs": "source"}
"""The rising key of each table that an append writes; parents come before what refers to them."""


class Bare:
    """A copy of a database: of the same size, with the same indexes and pragmas."""

    def __init__(self, db: Engine, path: Path) -> None:
        with closing(db.raw_connection()) as source, closing(sqlite_module().connect(path)) as copy:
            pages: Any = source.driver_connection
            pages.backup(copy)  # page by page, so that the copy is no tidier than the original
        self.db = open_db(f"sqlite:///{path}", cache_mb=BIG_CACHE_MB)
        self.pooled = self.db.raw_connection()
        self.driver: Any = self.pooled.driver_connection

    def new_rows(self, db: Engine) -> Rows:
        """The rows of the record that this copy lacks."""
        with db.connect() as c:
            return [(table, list(map(tuple, c.exec_driver_sql(*self._newer(table))))) for table in _KEYS]

    def insert(self, rows: Rows) -> None:
        """Write rows durably, with one `executemany` for each table."""
        self.driver.execute("BEGIN IMMEDIATE")
        for table, values in rows:
            if values:
                places = ", ".join("?" * len(values[0]))
                self.driver.executemany(f"INSERT INTO {table} VALUES ({places})", values)  # noqa: S608 our own names
        self.driver.execute("COMMIT")

    def close(self) -> None:
        self.pooled.close()
        self.db.dispose()

    def _newer(self, table: str) -> tuple[str, tuple[int]]:
        key = _KEYS[table]
        column = key.rpartition(" ")[2]
        where = f"WHERE {key} > 0"
        (last,) = self.driver.execute(f"SELECT max({column}) FROM {table} {where}").fetchone()  # noqa: S608 our own names
        return f"SELECT * FROM {table} WHERE {key} > ?", (last,)  # noqa: S608 our own names
