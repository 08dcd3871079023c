"""Who may do what beside whom: the kinds of transactions, and a lock that dies with whoever holds it."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from cert.errors import Conflict

Kind = Literal["read", "write", "bulk", "alone"]
"""What a transaction begins for. All but "read" wait for the one write lock; "alone" is refused beside anybody else."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held: until it is closed, or the process that holds it ends.

    `is_held` says whether it still is: a lock that hangs on a connection is gone with it, and somebody else may have
    taken it since. Asking may cost a question to the database.
    """

    close: Callable[[], None]
    is_held: Callable[[], bool]

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: object, trace: TracebackType | None) -> None:
        self.close()


def in_use() -> Conflict:
    """The refusal of what must be done alone."""
    return Conflict(
        "database-in-use",
        "A process of this node still has the database open. Stop them all (`puente serve`, `puente work`, "
        "`puente border`), then try again.",
    )
