"""Fills a new demo node with the cast and its part of the history, through the same doors as everybody else."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cert import door, extension, extract, filing, markings, sight
from cert.access import Role, Viewer
from cert.filing import Draft
from cert.stix import Micros, format_timestamp
from cert.store import current, log, people, signin
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import RECORD, Entry
from config import node
from config.cast import HISTORY, HOUR_US, NATIONS, SYSTEMS, Event, Member, Nation
from config.commands.shared import viewer_named
from feeds import release, store

MACHINE = "sensor"
YEAR_HOURS = 24 * 365


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in, and the password he was given."""

    user: str
    password: str
    role: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the peer's operators told ours: the password he shall read with, and the fingerprint of his root key."""

    secret: str
    root: str


def seed(db: Engine, code: str, told: Told, now: Micros) -> tuple[list[Account], Account]:
    """Fill a node that has just been made. Gives its people, and the machine account of the workbench `import`."""
    ours, theirs = NATIONS[code], NATIONS["us" if code == "mx" else "mx"]
    start = now - YEAR_HOURS * HOUR_US
    with writing(db) as c:
        for name in ours.agencies:
            node.add_agency(c, name, code, start)
        who = node.Identity(theirs.name, theirs.identity, "peer", theirs.code)
        node.add_peer(c, theirs.code, who, "amber", start, told.secret, told.root)
        accounts = [_add_member(c, ours, member, start) for member in ours.people]
        machine = Account(MACHINE, signin.add_account(c, MACHINE, people.our_cert(c).n), "machine")
        signin.grant(c, MACHINE, node.IMPORT, can_read=True, can_write=True)
        _add_systems(c, ours, start)
    _release_systems(db, ours, theirs.code, start)
    for event in HISTORY:
        if event.nation == code:
            _happen(db, ours, event, now - event.hours_ago * HOUR_US)
    return accounts, machine


def answer(db: Engine, code: str, now: Micros) -> None:
    """Write and release the notes by which a nation answered what the other one had shared, once that has arrived."""
    ours = NATIONS[code]
    other = "us" if code == "mx" else "mx"
    for event in HISTORY:
        if event.nation == other and event.note:
            _answer(db, ours, event, now - (event.hours_ago - 5) * HOUR_US)


def _add_member(c: Connection, ours: Nation, member: Member, now: Micros) -> Account:
    password = secrets.token_urlsafe(12)
    people.add_person(
        c,
        login=member.login,
        name=member.name,
        org=people.organisation(c, member.org or ours.name),
        password=password,
        roles=[Role(role) for role in member.roles],
        language=ours.language,
        now=now,
    )
    return Account(member.login, password, ", ".join(member.roles))


def _add_systems(c: Connection, ours: Nation, now: Micros) -> None:
    """Our own object for each shared system, and our half of the join to theirs."""
    objects = [obj for system in SYSTEMS for obj in _system_objects(system.key, ours, now)]
    cert = people.our_cert(c)
    log.append(c, RECORD, [log.statement(door.check(obj, now), cert.n) for obj in objects], now)


def _system_objects(key: str, ours: Nation, now: Micros) -> Iterator[dict[str, Any]]:
    system = next(system for system in SYSTEMS if system.key == key)
    other = "us" if ours.code == "mx" else "mx"
    common = {
        "spec_version": "2.1",
        "created": format_timestamp(now),
        "modified": format_timestamp(now),
        "created_by_ref": ours.identity,
        "object_marking_refs": [markings.TLP2["green"]],
    }
    yield {
        "type": "infrastructure",
        "id": system.ids[ours.code],
        "name": system.names[ours.code],
        "aliases": [system.names[other]],
        "labels": [extension.SHARED_SYSTEM],
        "lang": ours.language,
        **common,
    }
    yield {
        "type": "relationship",
        "id": system.ids[ours.code].replace("infrastructure--", "relationship--"),
        "relationship_type": "duplicate-of",
        "source_ref": system.ids[ours.code],
        "target_ref": system.ids[other],
        **common,
    }


def _release_systems(db: Engine, ours: Nation, peer_name: str, now: Micros) -> None:
    with writing(db) as c:
        viewer, peer = viewer_named(c, ours.releaser), store.peer(c, peer_name)
        entries = [e for e in log.after(c, RECORD, 0, log.BATCH) if e.origin == viewer.org.n and e.line is not None]
        release.append_act(c, viewer.login, peer, entries, now)


def _happen(db: Engine, ours: Nation, event: Event, at: Micros) -> None:
    with reading(db) as c:
        by, releaser = viewer_named(c, event.by), viewer_named(c, ours.releaser)
        peer = store.peer(c, "us" if ours.code == "mx" else "mx")
    draft = Draft(
        title=event.title,
        text=event.text,
        handling=event.handling,
        language=ours.language,
        rsit=event.rsit,
        severity=event.severity,
        confidence=85,
        systems=tuple(system.ids[ours.code] for system in SYSTEMS if system.key in event.systems),
        observables=tuple(extract.extract(event.paste)),
        occurred_from=at - 2 * HOUR_US,
        occurred_to=at - HOUR_US,
    )
    filed = filing.file_incident(db, by, draft, at)
    if event.shared:
        _release(db, releaser, peer, filed.id, at)


def _answer(db: Engine, ours: Nation, event: Event, at: Micros) -> None:
    with reading(db) as c:
        releaser, peer = viewer_named(c, ours.releaser), store.peer(c, event.nation)
        about = next(e for e in _incidents(c) if e.obj()["name"] == event.title)
    filing.add_note(db, releaser, about, event.note, ours.language, event.handling, at)
    _release(db, releaser, peer, about.id, at)


def _incidents(c: Connection) -> list[Entry]:
    return current.of_type(c, RECORD, "incident", list(people.all_organisations(c)), 100)


def _release(db: Engine, releaser: Viewer, peer: store.Peer, root_id: str, at: Micros) -> None:
    with reading(db) as c:
        digest = release.preview(c, releaser, peer, sight.find(c, releaser, root_id)).digest
    release.release(db, releaser, peer, root_id, digest, at)
