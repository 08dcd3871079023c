"""The audit trail: who did what, when, kept in a log of its own that nothing is ever taken out of."""

from typing import Any

from cert.access import Viewer
from cert.stix import Micros
from cert.store import log
from cert.store.engine import Connection, Engine, writing
from cert.store.log import ACTS


def note(db: Engine, kind: str, who: str, now: Micros, **about: Any) -> None:
    """Write down one act: `kind` is a word such as `sign-in`, `who` a login, `about` what it concerned. No secrets."""
    with writing(db) as c:
        add(c, kind, who, now, **about)


def add(c: Connection, kind: str, who: str, now: Micros, **about: Any) -> None:
    """The same, within a write transaction that is open already."""
    log.append_acts(c, ACTS, kind, [{"who": who, **about}], now)


def by(viewer: Viewer | None) -> str:
    """How the trail names a viewer; somebody who has not signed in is nobody."""
    return viewer.login if viewer else "nobody"
