"""How much a database does for an answer, counted and not timed: the same on a busy machine as on a quiet one."""

import json
from typing import Any

from sqlalchemy import event

from cert.store.engine import Engine

STEP = 10  # SQLite counts its instructions by as many


class Work:
    """The statements that a database is given, and what they cost it: SQLite's instructions, PostgreSQL's pages."""

    def __init__(self, db: Engine) -> None:
        self.statements: list[str] = []
        self.cost = 0
        self._count = self._instructions if db.dialect.name == "sqlite" else self._pages
        event.listen(db, "before_cursor_execute", self._look)

    def taken(self) -> tuple[list[str], int]:
        """What was asked since the last time, and what it cost."""
        taken = self.statements, self.cost
        self.statements, self.cost = [], 0
        return taken

    def _look(self, c: Any, _cursor: Any, statement: str, given: Any, _context: Any, _many: bool) -> None:
        if statement.startswith("SELECT"):
            self.statements.append(statement)
            self._count(c.connection, statement, given)

    def _instructions(self, line: Any, statement: str, given: Any) -> None:
        line.driver_connection.set_progress_handler(self._step, STEP)
        line.cursor().execute(statement, given).fetchall()
        line.driver_connection.set_progress_handler(None, STEP)

    def _step(self) -> int:
        self.cost += STEP
        return 0

    def _pages(self, line: Any, statement: str, given: Any) -> None:
        cursor = line.driver_connection.cursor()
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, given)
        ((told,),) = cursor.fetchall()
        plan = (told if isinstance(told, list) else json.loads(told))[0]["Plan"]
        self.cost += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
