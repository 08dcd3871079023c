"""Statements to append, and short ways to append and read them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert

from cert import door
from cert.stix import Micros
from cert.store import log, people
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import Entry, Statement, Verdict
from cert.store.tables import metadata
from cert.store.tables import people as people_table
from tests.cast import START

CERT, CUSTOMS = 1, 2
LOGS = ("record", "acts", "bench:x", "to:us", "from:us")
NOW: Micros = START


def fill(db: Engine) -> None:
    """Make these tables, organisations and logs in an empty database."""
    with writing(db) as c:
        metadata.create_all(c)
        for n, name in ((CERT, "CERT"), (CUSTOMS, "Customs")):
            identity = f"identity--00000000-0000-4000-8000-{n:012}"
            made = people.add_organisation(
                c, name=name, kind="cert", nation="mx", identity_id=identity, default_handling="amber", ours=True
            )
            assert made.n == n
        for log_name in LOGS:
            log.create_log(c, log_name, CERT)


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
    made = insert(people_table).values(**given, active=True, created=NOW).returning(people_table.c.n)
    return int(c.execute(made).scalar_one())
