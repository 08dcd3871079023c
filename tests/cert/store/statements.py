"""Statements to append, and short ways to append and read them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert

from cert import door
from cert.stix import Micros
from cert.store import log
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import Entry, Statement, Verdict
from cert.store.tables import people
from tests.cast import START

CERT, CUSTOMS = 1, 2
LOGS = ("record", "acts", "bench:x", "to:us", "from:us")
NOW: Micros = START


def said(obj: dict[str, Any], origin: int = CERT) -> Statement:
    """A statement that passed the door."""
    return log.statement(door.check(obj, NOW), origin)


def put(db: Engine, *statements: Statement, to: str = "record", now: Micros = NOW) -> list[Verdict]:
    """Append in one transaction."""
    with writing(db) as c:
        return log.append(c, to, statements, now)


def outcomes(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.outcome for verdict in verdicts]


def read(db: Engine, name: str = "record", after: int = 0, limit: int = 10_000) -> list[Entry]:
    with reading(db) as c:
        return log.after(c, name, after, limit)


def person(c: Connection, login: str) -> int:
    """Somebody of the CERT who cannot sign in: no password is hashed for him."""
    given = {"login": login, "name": login, "org": CERT, "password_hash": "-", "roles": "responder", "language": "es"}
    return int(c.execute(insert(people).values(**given, active=True, created=NOW).returning(people.c.n)).scalar_one())
