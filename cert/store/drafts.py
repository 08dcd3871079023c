"""Drafts of incidents, kept on the server from the first keystroke, and the numbers incidents are known by."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from cert.errors import Conflict, NotFound
from cert.stix import Micros
from cert.store.engine import Connection
from cert.store.tables import drafts, incident_numbers

DISCARDED = ""
"""What a draft became that was thrown away: its row stays, or an autosave that is still under way would revive it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A draft as it was last saved. `incident_id` is what it became, once it is filed or `DISCARDED`."""

    id: str
    revision: int
    form: dict[str, Any]
    updated: Micros
    incident_id: str | None


def save(c: Connection, draft_id: str, person: int, form: dict[str, Any], now: Micros) -> int:
    """Keep the form of a draft, new or known, and give its revision.

    Raises `Conflict` once it has been filed or discarded, `NotFound` if it is somebody else's.
    """
    row = c.execute(select(drafts).where(drafts.c.id == draft_id)).first()
    text = json.dumps(form)
    if row is not None and row.person != person:
        raise _not_here()
    if row is None:
        c.execute(insert(drafts).values(id=draft_id, person=person, revision=1, form=text, updated=now))
        return 1
    _demand_open(row.incident_id)
    values = {"form": text, "updated": now, "revision": row.revision + 1}
    c.execute(update(drafts).where(drafts.c.id == draft_id).values(**values))
    return int(row.revision) + 1


def load(c: Connection, draft_id: str, person: int) -> Kept:
    """A person's own draft. Raises `NotFound`."""
    row = c.execute(select(drafts).where(drafts.c.id == draft_id, drafts.c.person == person)).first()
    if row is None:
        raise _not_here()
    return Kept(row.id, row.revision, json.loads(row.form), row.updated, row.incident_id)


def newest_open(c: Connection, person: int) -> Kept | None:
    """The draft a person left last, or None."""
    found = select(drafts).where(drafts.c.person == person, drafts.c.incident_id.is_(None))
    row = c.execute(found.order_by(drafts.c.updated.desc()).limit(1)).first()
    return Kept(row.id, row.revision, json.loads(row.form), row.updated, None) if row else None


def discard(c: Connection, draft_id: str, person: int) -> None:
    """Throw away for good what a person's own draft says, unless it has been filed."""
    mine = (drafts.c.id == draft_id) & (drafts.c.person == person) & drafts.c.incident_id.is_(None)
    c.execute(update(drafts).where(mine).values(form="{}", incident_id=DISCARDED))


def mark_filed(c: Connection, draft_id: str, person: int, incident_id: str) -> None:
    """Note what a draft became, so that filing it twice files it once. Raises `Conflict` if it is open no longer."""
    mine = (drafts.c.id == draft_id) & (drafts.c.person == person)
    row = c.execute(select(drafts.c.incident_id).where(mine)).first()
    if row is not None:
        _demand_open(row.incident_id)
    c.execute(update(drafts).where(mine).values(incident_id=incident_id, form="{}"))  # the record has the text now


def _demand_open(became: str | None) -> None:
    if became == DISCARDED:
        raise Conflict("draft-discarded", "This draft was discarded meanwhile. Start a new one.", incident=DISCARDED)
    if became is not None:
        raise Conflict("draft-filed", "This draft has been filed. Open the incident to go on.", incident=became)


def claim_number(c: Connection, number: str, incident_id: str) -> bool:
    """Give an incident its number. False if another incident has it."""
    if c.execute(select(incident_numbers.c.number).where(incident_numbers.c.number == number)).first():
        return False
    c.execute(insert(incident_numbers).values(number=number, incident_id=incident_id))
    return True


def incident_with_number(c: Connection, number: str) -> str | None:
    """The id of the incident that our nation numbered so, or None."""
    found = select(incident_numbers.c.incident_id).where(incident_numbers.c.number == number.strip().upper())
    return c.execute(found).scalar_one_or_none()


def _not_here() -> NotFound:
    return NotFound("draft", "That draft is not here. Start a new one.")
