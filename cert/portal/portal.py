"""What every page of the portal needs, handed in once; and who is reading.

Feeds and playbooks are strangers to this package: what they show on an incident page comes as functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flask import g
from flask_login import current_user

from cert.access import Viewer
from cert.errors import NotAllowed
from cert.search.index import Index
from cert.stix import Micros
from cert.store.engine import Connection, Engine
from cert.store.log import Entry


@dataclass(frozen=True, slots=True)
class PeerChoice:
    """A peer one may release to."""

    nation: str
    name: str


@dataclass(frozen=True, slots=True)
class PanelRow:
    """A line of a panel on the incident page."""

    nation: str | None
    label: str
    state: str
    time: Micros | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel that another package shows on the incident page, under "Who has it"."""

    title: Any
    rows: Sequence[PanelRow]
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Portal:
    """The parts behind the pages.

    `peers` are those one may share with, `release_to` those the viewer may release to; `holders` says who else has an
    incident, `held_count` how much that the viewer may see was released and is held.
    """

    db: Engine
    index: Callable[[], Index]
    clock: Callable[[], Micros]
    nation: str
    zone: str
    peers: Callable[[Connection], list[PeerChoice]]
    release_to: Callable[[Connection, Viewer], list[PeerChoice]]
    holders: Callable[[Connection, Viewer, Entry], list[Panel]]
    held_count: Callable[[Viewer], int]


def reader() -> Viewer | None:
    """The person who is signed in, with the rights he has at this moment; None for a visitor."""
    if not hasattr(g, "viewer"):
        g.viewer = current_user.viewer if current_user.is_authenticated else None
    return cast("Viewer | None", g.viewer)


def viewer() -> Viewer:
    """The same where a page is only for people who are signed in."""
    found = reader()
    if found is None:
        raise NotAllowed("signed-out", "Sign in first.")
    return found
