"""What surrounds every page: whose node this is, who reads, where one can go, how the peers are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flask import Flask, request

from cert.access import Role, Viewer, may_file
from cert.portal.portal import reader


def everybody(_who: Viewer) -> bool:
    """What an entry of the navigation asks of a reader when it is for all."""
    return True


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the navigation; packages beside this one hand in theirs. `icon` names a symbol in icons.svg.

    `is_for` says who is shown it: whoever would only be refused there is not led there.
    """

    endpoint: str
    label: Any  # a lazy string: it is translated anew for each reader
    icon: str
    is_for: Callable[[Viewer], bool] = everybody


@dataclass(frozen=True, slots=True)
class Frame:
    """What is the same for everyone on this node."""

    nation: str
    training: bool
    build: str
    entries: tuple[Entry, ...]
    help: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Who reads, as the frame shows it."""

    name: str
    login: str
    organisation: str
    roles: tuple[str, ...]
    may_file: bool


@dataclass(frozen=True, slots=True)
class PeerState:
    """How the exchange with a peer is: `sentence` says it in words, the dot only repeats it."""

    nation: str
    name: str
    state: Literal["live", "late", "down"]
    sentence: str
    url: str | None = None


def install(app: Flask, frame: Frame, *, peers: Callable[[], Sequence[PeerState]]) -> None:
    """Give every template `frame`, `person`, `entries`, `peers` and `family` (the page family that is open)."""

    def context() -> dict[str, Any]:
        who = reader()
        return {
            "frame": frame,
            "person": _person(who) if who else None,
            "entries": tuple(entry for entry in frame.entries if who and entry.is_for(who)),
            "peers": tuple(peers()) if who else (),
            "family": (request.endpoint or "").partition(".")[0],
        }

    app.context_processor(context)


def _person(who: Viewer) -> Person:
    roles = tuple(role.value for role in Role if role in who.roles)
    return Person(who.name, who.login, who.org.name, roles, may_file(who))
