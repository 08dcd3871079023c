"""Makes a node and what belongs to it: organisations, peers, workbenches, accounts. Each whole or not at all."""

import contextlib
import os
import re
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cert import acts, door
from cert.access import Organisation
from cert.errors import Conflict, Missing, Refused
from cert.intake import WORKBENCH
from cert.stix import Micros, format_timestamp, is_id
from cert.store import log, migrate, people, quota, roots, signin
from cert.store.engine import Connection, Engine, demand_one_machine, open_db, writing
from cert.store.quota import Terms
from cert.store.signin import ROOT
from config import signing
from config.reading import secret_in, write_secret
from config.settings import Settings
from feeds import store as exchange

_NAME = re.compile("[a-z0-9-]{1,64}")
_NATION = re.compile("[a-z]{2}")
_FINGERPRINT = re.compile("[0-9a-f]{64}")
IMPORT = "import"
"""The workbench that `puente import` uses where none is named; what is unmarked there is GREEN unless one says else."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an organisation is: the STIX identity under which it writes."""

    name: str
    id: str
    kind: str
    nation: str
    default_handling: str = "amber"


def init(settings: Settings, now: Micros, identity_id: str = "") -> bool:
    """Make the folder, the key, the tables, our CERT and the workbench `import`; what is there already stays.

    Brings an older database up to date. Gives whether the node is new.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)  # nobody else on this machine reads the record
    make_secret(settings.secret_key_file)
    with disposing(opened(settings)) as db:
        migrate.upgrade(db)
        with writing(db) as c:
            new = _first(c, settings, now, identity_id)
            signing.make(c, settings)
            return new


def _first(c: Connection, settings: Settings, now: Micros, identity_id: str) -> bool:
    """Make what every node has from the start, unless it is there."""
    if people.all_organisations(c):
        return False
    identity = Identity(settings.name, identity_id or f"identity--{uuid.uuid4()}", "cert", settings.nation)
    ours = add_organisation(c, identity, ours=True, log_names=(log.RECORD, log.ACTS), now=now)
    _state_identity(c, ours, now)
    add_workbench(c, IMPORT, "Imported files", "green", now)
    acts.add(c, "init", "operator", now, nation=settings.nation, name=settings.name)
    return True


@contextlib.contextmanager
def disposing(db: Engine) -> Iterator[Engine]:
    """A database whose connections end with the block."""
    try:
        yield db
    finally:
        db.dispose()


def make_secret(path: Path) -> None:
    """Write a new secret that only we may read, unless there is one."""
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(48) + "\n")


def add_organisation(
    c: Connection, identity: Identity, *, ours: bool, log_names: tuple[str, ...] = (), now: Micros
) -> Organisation:
    """Make an organisation and the logs that belong to it."""
    made = people.add_organisation(
        c,
        name=identity.name,
        kind=identity.kind,
        nation=identity.nation,
        identity_id=identity.id,
        default_handling=identity.default_handling,
        ours=ours,
    )
    for name in log_names:
        log.create_log(c, name, made.n)
    return made


def add_agency(c: Connection, name: str, nation: str, now: Micros) -> Organisation:
    """Make an agency of our nation, with its identity in the record."""
    made = add_organisation(c, Identity(name, f"identity--{uuid.uuid4()}", "agency", nation), ours=True, now=now)
    _state_identity(c, made, now)
    return made


def add_root(c: Connection, name: str, title: str, now: Micros) -> None:
    """Make an API root of the TAXII server."""
    _demand_name("API root", name)
    roots.add_root(c, name, title, now)


def add_workbench(
    c: Connection,
    name: str,
    title: str,
    handling: str | None,
    now: Micros,
    org: str = "",
    *,
    root: str = ROOT,
    quotas: Terms = quota.FREE,
) -> None:
    """Make a workbench with a TAXII collection over it, of an organisation that is known or of a feed made for it.

    `handling` is for what carries no marking; None means the organisation's own default.
    """
    _demand_name("workbench", name)
    if org:
        owner = people.organisation(c, org)
    else:
        nation = people.our_cert(c).nation
        identity = Identity(title, f"identity--{uuid.uuid4()}", "feed", nation, handling or "green")
        owner = add_organisation(c, identity, ours=False, now=now)
    log_name = WORKBENCH + name
    if log_name in log.names(c):
        raise Conflict("workbench-exists", f"There is already a workbench named {name}. Choose another name.")
    log.create_log(c, log_name, owner.n)
    terms = replace(quotas, handling=handling if org else None)
    if terms != quota.FREE:
        quota.set_terms(c, log_name, terms)
    signin.add_collection(c, id=str(uuid.uuid4()), alias=name, title=title, log=log_name, now=now, root=root)


def _demand_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Refused(
            "name-in-address",
            f"The name of a {what} is at most 64 small letters, digits and dashes: it stands in an address.",
        )


def add_peer(
    c: Connection,
    name: str,
    identity: Identity,
    carries: str,
    now: Micros,
    secret: str | None = None,
    root: str = "",
) -> str:
    """Make a peer: his organisation, the logs to and from him, and the account by which he reads them.

    `root` is the fingerprint of his root key, as his operators told it; without it what he gives is taken unsealed.
    Gives the account's secret, to be told to him over another channel; it is shown this once. Raises `Refused` for a
    nation or an identity that is none.
    """
    _demand_peer(c, name, identity, root)
    log_names = (f"to:{name}", f"from:{name}")
    peer = add_organisation(c, identity, ours=False, log_names=log_names, now=now)
    exchange.add_peer(c, name, peer.n, exchange.Terms(0, carries, identity.default_handling), root)
    made = signin.add_account(c, name, peer.n, secret)
    for log_name in log_names:
        alias = log_name.replace(":", "-")
        title = f"Released to {identity.name}" if log_name.startswith("to:") else f"Received from {identity.name}"
        signin.add_collection(c, id=str(uuid.uuid4()), alias=alias, title=title, log=log_name, now=now)
        signin.grant(c, name, alias, can_read=True, can_write=False)
    acts.add(c, "peer-add", "operator", now, peer=name, carries=carries)
    return made


def _demand_peer(c: Connection, name: str, identity: Identity, root: str) -> None:
    if not _NATION.fullmatch(name):
        raise Refused("peer-name", f"{name!r} is no nation. Write two lower-case letters, as in ISO 3166.")
    if name == people.our_cert(c).nation:
        raise Refused("peer-name", f"{name} is this node's own nation. Write the peer's.")
    if not (is_id(identity.id) and identity.id.startswith("identity--")):
        raise Refused("peer-identity", f"{identity.id!r} is no STIX id of an identity. Ask the peer for his.")
    if root:
        demand_root(root)
    if any(peer.name == name for peer in exchange.all_peers(c)):
        raise Conflict("peer-exists", f"The peer {name} is already known here.")


def demand_root(fingerprint: str) -> None:
    """Raise `Refused` unless this can be the fingerprint of a root key."""
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise Refused("peer-root", "A fingerprint has 64 hexadecimal digits, as the peer's `puente keys show` says it.")


def _state_identity(c: Connection, org: Organisation, now: Micros) -> None:
    """Put the organisation's STIX identity into the record: whoever reads its incidents will look for it."""
    stamp = format_timestamp(now)
    identity = {
        "type": "identity",
        "spec_version": "2.1",
        "id": org.identity_id,
        "created": stamp,
        "modified": stamp,
        "created_by_ref": org.identity_id,
        "name": org.name,
        "identity_class": "organization",
        "sectors": ["government"],
        "object_marking_refs": ["marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"],
    }
    log.append(c, log.RECORD, [log.statement(door.check(identity, now), org.n)], now)


def database(settings: Settings, cache_mb: int = 8) -> Engine:
    """The node's database, of the schema this version needs. Raises `Missing`, naming the command that mends it.

    A node whose index is a folder is refused where another machine works on the same database.
    """
    db = opened(settings, cache_mb)
    try:
        migrate.demand_current(db)
        if embedded(settings):
            demand_one_machine(db)
    except Missing:
        db.dispose()
        raise
    return db


def opened(settings: Settings, cache_mb: int = 8) -> Engine:
    """The node's database, whatever is in it."""
    if settings.database.startswith("sqlite:"):
        return open_db(settings.database, cache_mb=cache_mb)
    password = secret_in(settings.database_password_file) if settings.database_password_file else ""
    return open_db(settings.database, password=password, machine=machine(settings.data))


def embedded(settings: Settings) -> bool:
    """Whether the index of this node is a folder, which one machine alone can use."""
    return not settings.elasticsearch


def machine(data: Path) -> str:
    """The name that tells this machine from others on the same database: made once, and kept in the data folder."""
    path = data / "machine.id"
    if not path.exists():
        _write_once(path, secrets.token_hex(8))
    return path.read_text("utf-8").strip()


def _write_once(path: Path, text: str) -> None:
    """Write a file whole, unless another process was faster."""
    if not path.parent.is_dir():
        raise Missing("data-folder", f"The folder {path.parent} is missing. Run `puente init` first.")
    half = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    half.write_text(text + "\n", "utf-8")
    with contextlib.suppress(FileExistsError):
        os.link(half, path)
    half.unlink()
