"""What surrounds every page: whose node this is, who reads, where one can go, how the peers are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flask import Flask, request


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the navigation; packages beside this one hand in theirs. `icon` names a symbol in icons.svg."""

    endpoint: str
    label: Any  # a lazy string: it is translated anew for each reader
    icon: str


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


def install(
    app: Flask, frame: Frame, *, person: Callable[[], Person | None], peers: Callable[[], Sequence[PeerState]]
) -> None:
    """Give every template `frame`, `person`, `peers` and `family` (the page family that is open)."""

    def context() -> dict[str, Any]:
        reader = person()
        return {
            "frame": frame,
            "person": reader,
            "peers": tuple(peers()) if reader else (),
            "family": (request.endpoint or "").partition(".")[0],
        }

    app.context_processor(context)
