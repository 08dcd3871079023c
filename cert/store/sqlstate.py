"""Whose fault a fault of PostgreSQL is, in the terms of SQLAlchemy that the rest of Puente knows.

`OperationalError` is of the surroundings: the server, the network, the disk, another hand. Nothing that was said is to
blame, and trying again is right. Whatever else comes is the fault of what was said. psycopg draws that line elsewhere.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError

if TYPE_CHECKING:
    import psycopg

READ_ONLY = "25006"
OF_WHAT_WAS_SAID = {"21", "22", "23", "42", "54"}  # cardinality, data, integrity, syntax, limits
BUT_OF_ANOTHER_HAND = {"42501", "42P01", "42703"}  # no right, no table, no column
"""SQLSTATEs and their classes: https://www.postgresql.org/docs/15/errcodes-appendix.html"""


@contextlib.contextmanager
def translated(driver: "psycopg.Connection[Any]") -> Iterator[None]:
    """A block that speaks to psycopg past SQLAlchemy; what goes wrong is SQLAlchemy's all the same."""
    import psycopg

    try:
        yield
    except psycopg.Error as fault:
        raise _named(fault, None, is_gone=driver.closed) from fault


def on_error(context: ExceptionContext) -> BaseException | None:
    """Name what went wrong, and let go of a connection that takes no writes any more, as after a failover."""
    import psycopg

    fault = context.original_exception
    if not isinstance(fault, psycopg.Error):
        return None
    if fault.sqlstate == READ_ONLY:
        context.is_disconnect = True
    return _named(fault, context.statement, is_gone=context.is_disconnect)


def _named(fault: "psycopg.Error", statement: str | None, *, is_gone: bool) -> DBAPIError:
    import psycopg

    if _is_of_surroundings(fault):
        kind: type[DBAPIError] = OperationalError
    elif isinstance(fault, psycopg.IntegrityError):
        kind = IntegrityError
    elif isinstance(fault, psycopg.DataError | psycopg.OperationalError):
        kind = DataError
    else:
        kind = ProgrammingError
    return kind(statement, None, fault, hide_parameters=True, connection_invalidated=is_gone)


def _is_of_surroundings(fault: "psycopg.Error") -> bool:
    import psycopg

    if fault.sqlstate is None:  # it came from the driver, or from a connection that is gone
        return isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError)
    return fault.sqlstate in BUT_OF_ANOTHER_HAND or fault.sqlstate[:2] not in OF_WHAT_WAS_SAID
