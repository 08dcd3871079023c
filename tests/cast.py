"""The cast on one Mexican node: people, an agency, the peer, and short ways to do what they do.

    ana     responder and releaser of the national CERT        raul    responder of the agency Aduanas de México
    luis    responder of the national CERT                     elena   administrator, sees the CERT's and files nothing
    sofia   duty officer of the national CERT                  us      the peer, CERT United States

A node is made once and its folder copied for each test: passwords are hashed slowly on purpose.
"""

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cert import door, extension, extract, filing, follow, intake, markings, sight
from cert.access import Organisation, Role, Viewer
from cert.filing import Draft
from cert.follow import Follower
from cert.search import fill
from cert.search.index import Index
from cert.stix import Micros, format_timestamp, parse_timestamp
from cert.store import current, log, people, signin
from cert.store.engine import Engine, reading, writing
from cert.store.log import RECORD, Entry, Verdict
from config import node as making
from config import signing, wiring
from config.cast import MX, SYSTEMS, US
from config.commands.shared import viewer_named
from config.pages import make_portal
from config.reading import load
from config.settings import Settings
from feeds import release, store, wire
from feeds.close import Close, closer
from feeds.store import Peer

PASSWORD = "puente de Otay"
SECRET = "s" * 40
START: Micros = parse_timestamp("2026-05-04T09:30:00Z")
SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
DAY: Micros = 24 * HOUR
OTAY = SYSTEMS[0].ids
IDENTITIES = {"mx": MX.identity, "us": US.identity}
NO_PATTERN = {"pattern": None, "pattern_type": None, "valid_from": None}
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
SETTINGS = """
nation = "mx"
name = "CERT México"
data = "data"
cookie_secure = false
timezone = "America/Tijuana"
"""


@dataclass(slots=True)
class Clock:
    """A clock that the test moves."""

    now: Micros = START

    def __call__(self) -> Micros:
        return self.now


def made_id(stix_type: str, n: int) -> str:
    """An id of a type, the same for the same number."""
    return f"{stix_type}--{uuid.UUID(int=n, version=4)}"


def marked(level: str) -> list[str]:
    """The `object_marking_refs` of a TLP 2.0 level."""
    return [markings.TLP2[level]]


def indicator(n: int, modified: Micros = START, /, **change: Any) -> dict[str, Any]:
    """A valid indicator, the same for the same number; a property given as None is left out."""
    obj = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": made_id("indicator", n),
        "created": format_timestamp(START),
        "modified": format_timestamp(modified),
        "name": f"Señal {n}",
        "pattern": "[ipv4-addr:value = '203.0.113.7']",
        "pattern_type": "stix",
        "valid_from": format_timestamp(START),
        **change,
    }
    return {name: value for name, value in obj.items() if value is not None}


def incident(n: int, modified: Micros = START, /, **change: Any) -> dict[str, Any]:
    """A valid incident, the same for the same number."""
    plain: dict[str, Any] = {"type": "incident", "id": made_id("incident", n), "name": f"Suceso {n}", **NO_PATTERN}
    return indicator(n, modified, **plain | change)


def concerns(*systems: str) -> dict[str, Any]:
    """The `extensions` of an incident that names shared systems."""
    return {extension.PUENTE: {"extension_type": "property-extension", "system_refs": list(systems)}}


def address(value: str, **change: Any) -> dict[str, Any]:
    """An IPv4 address as a STIX object, with its deterministic id."""
    minted = uuid.uuid5(uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7"), f'{{"value":"{value}"}}')
    return {"type": "ipv4-addr", "spec_version": "2.1", "id": f"ipv4-addr--{minted}", "value": value, **change}


def relationship(n: int, kind: str, source: str, target: str, **change: Any) -> dict[str, Any]:
    """A valid relationship, the same for the same number."""
    plain: dict[str, Any] = {"type": "relationship", "id": made_id("relationship", n), "name": None, **NO_PATTERN}
    return indicator(n, **plain | {"relationship_type": kind, "source_ref": source, "target_ref": target} | change)


@dataclass
class Node:
    """A node of the cast with a clock of its own, no process running: each test turns what it needs."""

    settings: Settings
    db: Engine
    clock: Clock = field(default_factory=Clock)
    opened: list[Index] = field(default_factory=list)

    def viewer(self, login: str) -> Viewer:
        with reading(self.db) as c:
            return viewer_named(c, login)

    def org(self, name: str) -> Organisation:
        with reading(self.db) as c:
            return people.organisation(c, name)

    @property
    def peer(self) -> Peer:
        with reading(self.db) as c:
            return store.peer(c, "us")

    @property
    def close(self) -> Close:
        """What the border process closes a peer's log with."""
        return closer(signing.signer(self.settings), bytes)  # the same salts for the same entries

    @property
    def index(self) -> Index:
        """The live index with its one writer, made when it is first needed."""
        if not self.opened:
            shelf = wiring.shelf_of(self.settings)
            if shelf.generations()[0] is None:
                shelf.promote(shelf.add())
            self.opened.append(shelf.open(shelf.generations()[0] or ""))
        return self.opened[0]

    def file(self, login: str = "luis", title: str = "Suceso", handling: str = "amber", **more: Any) -> Entry:
        """File an incident on the form's way and give its entry."""
        paste = more.pop("paste", "")
        draft = Draft(
            title=title,
            text=more.pop("text", f"{title}."),
            handling=handling,
            language="es",
            observables=tuple(extract.extract(paste)),
            **more,
        )
        filed = filing.file_incident(self.db, self.viewer(login), draft, self.clock())
        return self.newest(filed.id)[0]

    def say(self, *objects: dict[str, Any], org: str = MX.name, handling: str | None = None) -> list[Verdict]:
        """Put objects into the record as an organisation's statements, past every form."""
        now, origin = self.clock(), self.org(org).n
        with writing(self.db) as c:
            said = [log.statement(door.check(obj, now), origin, handling) for obj in objects]
            return log.append(c, RECORD, said, now)

    def deposit(self, *objects: Any, bench: str = making.IMPORT, handling: str | None = None) -> list[str]:
        """Deposit objects at a workbench and give each outcome."""
        with reading(self.db) as c:
            there = intake.workbench(c, intake.WORKBENCH + bench, handling)
        return [o.outcome for batch in intake.deposit(self.db, there, objects, self.clock) for o in batch]

    def newest(self, *ids: str) -> list[Entry]:
        with reading(self.db) as c:
            return current.newest(c, RECORD, ids)

    def everything(self, log_name: str = RECORD) -> list[Entry]:
        with reading(self.db) as c:
            return log.after(c, log_name, 0, 100_000)

    def follow(self, follower: Follower) -> None:
        """Turn a follower until it has nothing to do."""
        while follow.turn(self.db, follower, self.clock):
            pass

    def settle(self) -> None:
        """What the worker does: intake, then search."""
        for name in intake.workbenches(self.db):
            self.follow(wiring.intake_follower(name))
        self.follow(fill.follower(self.db, self.index, self.clock))

    def cross(self) -> None:
        """What the border does without a peer at the other end: release, then admit."""
        for follower in wiring.peer_followers(self.peer, self.close):
            self.follow(follower)

    def receive(self, *objects: Any) -> None:
        """Mirror objects as if the peer had released them to us, and admit them."""
        said: list[log.Statement | bytes] = []
        for obj in objects:
            checked = door.check(obj, self.clock())
            said.append(log.statement(checked, self.peer.org))
        with writing(self.db) as c:
            log.mirror(c, self.peer.inbound, said, self.clock())
        self.cross()

    def release(self, root: Entry, by: str = "ana") -> release.Preview:
        """Look at the preview of a release, and confirm it."""
        who = self.viewer(by)
        with reading(self.db) as c:
            seen = release.preview(c, who, self.peer, sight.find(c, who, root.id))
        return release.release(self.db, who, self.peer, root.id, seen.digest, self.clock())

    def sent(self) -> list[dict[str, Any]]:
        """The objects that the peer can read, without what two nodes tell each other beside them."""
        objects = [entry.obj() for entry in self.everything(self.peer.outbound)]
        return [obj for obj in objects if not wire.kind(obj)]

    def portal(self) -> Flask:
        return make_portal(self.settings, self.db, lambda: self.index, self.clock)

    def browser(self, app: Flask, login: str = "") -> "Browser":
        """A browser in front of this node's portal. With a login it has a session already: no password is checked."""
        made = Browser(app.test_client())
        if login:
            with writing(self.db) as c:
                token = signin.open_session(c, self.viewer(login).person, self.clock())
            with made.client.session_transaction() as session:
                session["_user_id"] = token
            made.get("/systems")
        return made


@dataclass(slots=True)
class Browser:
    """Somebody in front of the portal. It keeps cookies and sends the form's token, as a browser does."""

    client: FlaskClient
    token: str = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        answer = self.client.get(path, **more)
        found = TOKEN.search(answer.text)
        self.token = found[1] if found else self.token
        return answer

    def post(self, path: str, **form: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **form})

    def sign_in(self, login: str, password: str = PASSWORD, **more: Any) -> TestResponse:
        self.get("/sign-in")
        answer = self.post("/sign-in", login=login, password=password, **more)
        if answer.status_code == 302:
            self.get("/systems")  # signing in empties the session, so another token is due
        return answer


def make(folder: Path, told: Mapping[str, str] = MappingProxyType({})) -> None:
    """Make the node of the cast in a folder; `told` are further settings."""
    folder.mkdir(parents=True, exist_ok=True)
    further = "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items())
    (folder / "mx.toml").write_text(SETTINGS + further, "utf-8")
    settings = load(folder / "mx.toml", {})
    making.init(settings, START - DAY, MX.identity)
    db = making.database(settings)
    with writing(db) as c:
        _people(c)
        making.add_peer(c, "us", making.Identity(US.name, US.identity, "peer", "us"), "amber", START - DAY, SECRET)
        signin.add_account(c, "sensor", people.our_cert(c).n, SECRET)
        signin.grant(c, "sensor", making.IMPORT, can_read=True, can_write=True)
    db.dispose()


def _people(c: Any) -> None:
    for name in MX.agencies:
        making.add_agency(c, name, "mx", START - DAY)
    for member in MX.people:
        people.add_person(
            c,
            login=member.login,
            name=member.name,
            org=people.organisation(c, member.org or MX.name),
            password=PASSWORD,
            roles=[Role(role) for role in member.roles],
            language="en",
            now=START - DAY,
        )


@contextmanager
def opened(pristine: Path, folder: Path) -> Iterator[Node]:
    """A copy of the node, opened."""
    shutil.copytree(pristine, folder, dirs_exist_ok=True)
    with at(folder) as node:
        yield node


@contextmanager
def at(folder: Path) -> Iterator[Node]:
    """The node in a folder, opened."""
    settings = load(folder / "mx.toml", {})
    made = Node(settings, making.opened(settings))
    try:
        yield made
    finally:
        for index in made.opened:
            index.close()
        made.db.dispose()


def systems(*, joined: bool = True) -> Sequence[tuple[str, dict[str, Any]]]:
    """The Otay Mesa lane as both nations state it, with both halves of the join: (organisation, object) pairs."""
    found: list[tuple[str, dict[str, Any]]] = []
    for n, (org, nation, other) in enumerate(((MX.name, "mx", "us"), (US.name, "us", "mx"))):
        named = {"type": "infrastructure", "id": OTAY[nation], "name": SYSTEMS[0].names[nation]}
        mine = {"created_by_ref": IDENTITIES[nation], "object_marking_refs": marked("green")}
        shared = incident(n, **named, labels=[extension.SHARED_SYSTEM], **mine)
        found.append((org, shared))
        if joined:
            found.append((org, relationship(90 + n, "duplicate-of", OTAY[nation], OTAY[other], **mine)))
    return found
