"""Deletes versions from a log: from then on they are neither served nor current.

An entry keeps its number and its place, so no follower and no page meets a gap; what is sent again is appended anew.
"""

from sqlalchemy import select, update

from cert.stix import Micros
from cert.store import pages
from cert.store.engine import Connection, among
from cert.store.entries import DELETED
from cert.store.lines import Names, move_current
from cert.store.pages import Span, Wanted
from cert.store.tables import entries, logs

EVERYTHING = Span(0, 1 << 31, 0)


def delete_versions(c: Connection, log: str, wanted: Wanted) -> list[Micros]:
    """Delete what is wanted of some objects. Gives the versions, oldest added first; for one without, its date added.

    `wanted` names the objects by id.
    """
    found = pages.manifest(c, log, wanted, EVERYTHING)
    log_n: int = c.execute(select(logs.c.n).where(logs.c.name == log)).scalar_one()
    of_log = entries.c.log == log_n, among(entries.c.number, found.numbers)
    touched = set(c.execute(select(entries.c.line).where(*of_log)).scalars())
    c.execute(update(entries).where(*of_log).values(kind=DELETED, type=None))
    left = Names(c, first_id=1 << 62, first_line=1 << 62).held(touched)
    move_current(c, log_n, {line: left.get(line, []) for line in touched}, touched)
    return [added if version is None else version for version, added in zip(found.versions, found.added, strict=True)]
