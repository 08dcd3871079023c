"""What a workbench was told about itself: under which handling it takes things, and how much a day (UTC) it takes."""

from dataclasses import dataclass

from sqlalchemy import Row, delete, insert, select

from cert.errors import Refused
from cert.stix import Micros
from cert.store.engine import Connection
from cert.store.entries import log_number
from cert.store.machines import DAY
from cert.store.tables import deposits, logs, workbenches

SECOND: Micros = 1_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """How a workbench takes things: `handling` is for what carries no marking, None its organisation's default.

    The quotas are of a day; None is as much as comes.
    """

    handling: str | None = None
    objects_a_day: int | None = None
    bytes_a_day: int | None = None


FREE = Terms()


class OverQuota(Refused):
    """A deposit that would go over the quota; `wait_s` is the time until it would not, None if it always would."""

    def __init__(self, sentence: str, wait_s: int | None) -> None:
        super().__init__("quota", sentence)
        self.wait_s = wait_s


def terms(c: Connection, log: str) -> Terms:
    """The terms of a workbench."""
    row = c.execute(select(workbenches).where(workbenches.c.log == log_number(log))).first()
    return Terms(row.handling, row.objects_a_day, row.bytes_a_day) if row else FREE


def set_terms(c: Connection, log: str, new: Terms) -> None:
    """Give a workbench other terms."""
    log_n = _number(c, log)
    c.execute(delete(workbenches).where(workbenches.c.log == log_n))
    values = {"handling": new.handling, "objects_a_day": new.objects_a_day, "bytes_a_day": new.bytes_a_day}
    c.execute(insert(workbenches).values(log=log_n, **values))


def used(c: Connection, log: str, now: Micros) -> tuple[int, int]:
    """How many objects and bytes a workbench has taken today."""
    return _counted(c.execute(select(deposits).where(deposits.c.log == log_number(log))).first(), now)


def take(c: Connection, log: str, objects: int, size: int, now: Micros) -> None:
    """Count a deposit of so many objects and bytes. Raises `OverQuota` if it is too much; then nothing is counted."""
    limits = terms(c, log)
    before = used(c, log, now)
    for limit, had, more, what in (
        (limits.objects_a_day, before[0], objects, "objects"),
        (limits.bytes_a_day, before[1], size, "bytes"),
    ):
        if limit is not None and more > limit:
            raise OverQuota(f"This workbench takes {limit} {what} a day, and this has {more}. Send fewer.", None)
        if limit is not None and had + more > limit:
            wait_s = -(-(DAY - now % DAY) // SECOND)
            sentence = f"This workbench takes {limit} {what} a day, and has had {had}."
            raise OverQuota(f"{sentence} Send this again after midnight UTC.", wait_s)
    log_n = _number(c, log)
    c.execute(delete(deposits).where(deposits.c.log == log_n))
    values = {"day": now // DAY, "objects": before[0] + objects, "bytes": before[1] + size}
    c.execute(insert(deposits).values(log=log_n, **values))


def _counted(row: Row[tuple[object, ...]] | None, now: Micros) -> tuple[int, int]:
    return (row.objects, row.bytes) if row and row.day == now // DAY else (0, 0)


def _number(c: Connection, log: str) -> int:
    return int(c.execute(select(logs.c.n).where(logs.c.name == log)).scalar_one())
