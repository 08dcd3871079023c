"""Two nations on one machine, each the other's peer: what `make demo` and the tests run on."""

import json
import re
import secrets
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cert.errors import Refused
from cert.follow import now_us
from cert.search import fill
from cert.search.index import Index
from cert.store import log
from cert.store.engine import Engine, reading
from cert.store.log import RECORD
from config import node, seed, signing, wiring
from config.cast import HOUR_US, NATIONS
from config.node import IMPORT
from config.reading import load
from config.settings import Settings
from feeds import store

USUAL_PORTS = (8081, 8082, 8091, 8092)
"""The ports in `nodes/mx.toml` and `nodes/us.toml`."""

_ANSWERS_WAIT = "answers-wait"
"""A file that is there until the history's answers have been written."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two nodes: its settings, its database, and a way to its index."""

    settings: Settings
    db: Engine
    index: Callable[[], Index]


Told = Mapping[str, Mapping[str, str]]
"""Settings of each nation beside those in `nodes/`: nation to name to value, as in `{"mx": {"database": "…"}}`."""

NOTHING: Told = MappingProxyType({})


def make(folder: Path, ports: Mapping[int, int] = MappingProxyType({}), told: Told = NOTHING) -> None:
    """Make both nodes and their history in `folder`, whole or not at all; what was there is replaced.

    `ports` says which ports to take in place of the usual ones. `demo.json` in it describes both to scripts.
    """
    half = folder.with_name(folder.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    passwords = {code: secrets.token_urlsafe(32) for code in NATIONS}  # by which each nation reads at the other
    made, now = {}, now_us()
    for code, nation in NATIONS.items():
        (half / f"{code}.toml").write_text(_settings_text(code, ports, told.get(code, {})), "utf-8")
        node.init(load(half / f"{code}.toml", {}), now - seed.YEAR_HOURS * HOUR_US, nation.identity)
    roots = {code: _root(load(half / f"{code}.toml", {})) for code in NATIONS}
    for code in NATIONS:
        settings, other = load(half / f"{code}.toml", {}), "us" if code == "mx" else "mx"
        settings.peers[other].password_file.write_text(passwords[code] + "\n", "utf-8")
        with node.disposing(node.database(settings)) as db:
            people, machine = seed.seed(db, code, seed.Told(passwords[other], roots[other]), now)
        made[code] = _described(settings, people, machine)
    (half / _ANSWERS_WAIT).touch()
    (half / "demo.json").write_text(json.dumps({"nodes": made}, indent=2) + "\n", "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)


def _root(settings: Settings) -> str:
    with node.disposing(node.database(settings)) as db, reading(db) as c:
        return signing.ours(c).root


def _settings_text(code: str, ports: Mapping[int, int], told: Mapping[str, str]) -> str:
    template = (resources.files("config") / "nodes" / f"{code}.toml").read_text("utf-8")
    usual = "|".join(map(str, USUAL_PORTS))
    text = re.sub(rf"\b({usual})\b", lambda port: str(ports.get(int(port[0]), port[0])), template)
    own, _, peers = text.partition("[peers")  # what we are told is of the node itself, so it stands before the tables
    return own + "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()) + "\n[peers" + peers


def _described(settings: Settings, people: Sequence[seed.Account], machine: seed.Account) -> dict[str, Any]:
    """What scripts and other people's software need to know of a node."""
    return {
        "portal": f"http://{settings.portal_host}:{settings.portal_port}/",
        "taxii": f"{settings.taxii_url}/taxii2/",
        "people": [asdict(person) for person in people],
        "machine": {"user": machine.user, "password": machine.password},
        "workbench": f"{settings.taxii_url}/puente/collections/{IMPORT}/",
    }


def is_made(folder: Path) -> bool:
    """Whether there are two nodes in `folder`."""
    return (folder / "demo.json").exists()


def described(folder: Path) -> dict[str, Any]:
    """The addresses, people and passwords of both nodes, by nation, as in `demo.json`."""
    nodes: dict[str, Any] = json.loads((folder / "demo.json").read_text("utf-8"))["nodes"]
    return nodes


def sides(folder: Path) -> dict[str, Side]:
    """Both nodes, by nation."""
    found = {code: load(folder / f"{code}.toml", {}) for code in NATIONS}
    return {code: Side(one, node.database(one), wiring.index_of(one)) for code, one in found.items()}


def is_up(side: Side) -> bool:
    """Whether the portal and the TAXII server of a node answer and its index holds all that is in the record."""
    settings = side.settings
    return (
        _status(settings.portal_host, settings.portal_port, "/sign-in") == 200
        and _status(settings.taxii_host, settings.taxii_port, "/taxii2/") == 401
        and has_indexed(side)
    )


def _status(host: str, port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return 0


def has_indexed(side: Side) -> bool:
    """Whether the index of a node holds all that is in its record."""
    try:
        cursor = fill.cursor_name(side.index())
    except Refused:
        return False
    with reading(side.db) as c:
        return log.cursor(c, cursor) == log.head(c, RECORD)


def are_in_step(both: Mapping[str, Side]) -> bool:
    """Whether each has in its record all that the other one has released."""
    return all(_has_admitted(side, both) for side in both.values())


def _has_admitted(side: Side, both: Mapping[str, Side]) -> bool:
    with reading(side.db) as c:
        (peer,) = store.all_peers(c)
        here = log.cursor(c, f"admit:{peer.name}")
    with reading(both[peer.name].db) as c:
        (me,) = store.all_peers(c)
        released = log.cursor(c, f"release:{me.name}") == log.head(c, RECORD)
        return released and log.head(c, me.outbound) == here


def answers_wait(folder: Path) -> bool:
    """Whether the history still lacks the notes by which each nation answered the other one."""
    return (folder / _ANSWERS_WAIT).exists()


def answer(folder: Path, both: Mapping[str, Side]) -> None:
    """Write these notes; both nodes must be in step, for one answers only what has arrived."""
    for code, side in both.items():
        seed.answer(side.db, code, now_us())
    (folder / _ANSWERS_WAIT).unlink()
