"""STIX 2.1 as plain dicts: the questions we ask of them. The one door that validates them is `cert.door`."""

from dataclasses import dataclass, field
from typing import Any

from cert.errors import Refused, msgid
from cert.ijson import WHOLE_MAX, canonical_plain
from cert.ijson import canonical as canonical
from cert.ijson import parse_json as parse_json
from cert.ijson import sha256 as sha256
from cert.timestamps import Micros as Micros
from cert.timestamps import format_timestamp as format_timestamp
from cert.timestamps import instant as instant
from cert.timestamps import parse_timestamp as parse_timestamp
from cert.timestamps import respell as respell

SRO = frozenset(("relationship", "sighting"))
_SCO_WORDS = """
artifact autonomous-system directory domain-name email-addr email-message file ipv4-addr ipv6-addr mac-addr
mutex network-traffic process software url user-account windows-registry-key x509-certificate
"""
SCO = frozenset(_SCO_WORDS.split())
_SDO_WORDS = """
attack-pattern campaign course-of-action grouping identity incident indicator infrastructure intrusion-set
location malware malware-analysis note observed-data opinion report threat-actor tool vulnerability
"""
SDO = frozenset(_SDO_WORDS.split())
META = frozenset(("extension-definition", "language-content", "marking-definition"))

_TIMESTAMPS_WORDS = """
created modified valid_from valid_until first_observed last_observed first_seen last_seen published start_time
stop_time end_time start end submitted analysis_started analysis_ended object_modified ctime mtime atime date
created_time modified_time account_created account_expires credential_last_changed account_first_login
account_last_login validity_not_before validity_not_after private_key_usage_period_not_before
private_key_usage_period_not_after time_date_stamp due_date
"""
TIMESTAMPS = frozenset(_TIMESTAMPS_WORDS.split())
"""The names under which STIX keeps times. Only these are compared as instants; a time in running text is text."""


LONGEST_ID = 250 + 38  # the longest type (STIX 2.1 section 3.3), two dashes and a UUID


@dataclass(slots=True)
class Survey:
    """What one walk through an object found. Paths name properties by dots and leave list indexes out."""

    refs: dict[tuple[str, str], None] = field(default_factory=dict)
    times: list[tuple[str, str]] = field(default_factory=list)
    nulls: list[str] = field(default_factory=list)
    empties: list[str] = field(default_factory=list)
    reals: list[str] = field(default_factory=list)
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """One object that passed the door, with what the store needs to know about it.

    `version` is the instant of `modified`, else of `created`, else None. `body` is the canonical JSON (RFC 8785) that
    is stored, served and hashed. Equal `digest` (SHA-256 of the normalised form) means same content (SX-58). `refs`
    are pairs of property path, without list indexes, and target id, in order, each once.
    """

    id: str
    type: str
    version: Micros | None
    body: bytes
    digest: bytes
    refs: tuple[tuple[str, str], ...]
    obj: dict[str, Any]
    found: Survey


def is_id(value: Any) -> bool:
    """Whether a value looks like a STIX identifier: a type, two dashes and a UUID. Cheap, and not a validation."""
    return type(value) is str and 38 < len(value) <= LONGEST_ID and value[-38:-36] == "--" and value[-28] == "-"


def type_of(identifier: str) -> str:
    """The object type that a STIX identifier names."""
    return identifier.partition("--")[0]


def objects_of(document: Any) -> list[Any]:
    """The objects in a bundle, a TAXII envelope, a list, or the one object itself. `Refused` if there are none.

    A bundle is only a wrapper and never an object of its own (SX-19). The objects are not checked here: the door
    refuses one that is none, and lets the others in.
    """
    if isinstance(document, list):
        found = document
    elif isinstance(document, dict) and (document.get("type") == "bundle" or "type" not in document):
        found = document.get("objects", [])
    else:
        found = [document] if isinstance(document, dict) else []
    if not isinstance(found, list) or not found:
        raise Refused("no-objects", "There are no STIX objects here. Send a bundle, an envelope or a list.")
    return found


def refs(obj: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Every reference in an object: pairs of property path, without list indexes, and target id; each once."""
    return tuple(survey(obj).refs)


def survey(obj: dict[str, Any]) -> Survey:
    """References, times, nulls, empty lists and uncommon numbers of an object, found in one walk."""
    found = Survey()
    _walk(obj, "", found)
    return found


def _walk(node: dict[str, Any], path: str, found: Survey) -> None:
    for name, value in node.items():
        if not name.isascii():
            found.plain = False
        kind = type(value)
        if kind is str:
            if name in TIMESTAMPS:
                found.times.append((path + name, value))
            elif name[-4:] == "_ref" and is_id(value):
                found.refs[path + name, value] = None
        elif kind is list:
            _walk_list(value, path + name, name[-5:] == "_refs", found)
        elif kind is dict:
            _walk(value, f"{path}{name}.", found)
        elif kind is not bool:
            _weigh(value, path + name, found)


def _walk_list(items: list[Any], path: str, refers: bool, found: Survey) -> None:
    if not items:
        found.empties.append(path)
    for item in items:
        kind = type(item)
        if kind is str:
            if refers and is_id(item):
                found.refs[path, item] = None
        elif kind is dict:
            _walk(item, path + ".", found)
        elif kind is list:
            _walk_list(item, path, refers, found)
        elif kind is not bool:
            _weigh(item, path, found)


def _weigh(value: Any, path: str, found: Survey) -> None:
    if value is None:
        found.nulls.append(path)
    elif type(value) is not int:
        found.plain = False
        found.reals.append(path)
    elif not -WHOLE_MAX <= value <= WHOLE_MAX:
        found.plain = False


def digest(obj: dict[str, Any], body: bytes, found: Survey) -> bytes:
    """SHA-256 of the normalised form: equal for two copies that only spell times or leave out defaults (SX-58).

    `body` and `found` are the object's canonical bytes and survey. Most objects are normal already and only hashed.
    """
    defaults = _defaults(obj)
    odd_times = any(text != respell(text) for _, text in found.times)
    if not defaults and not odd_times:
        return sha256(body)
    rest = {name: item for name, item in obj.items() if name not in defaults}
    normal = _respelled(rest) if odd_times else rest
    return sha256(canonical_plain(normal) if found.plain else canonical(normal))


def differing(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    """The properties whose content differs between two copies, spelling and defaults set aside; sorted (SX-58)."""
    one, other = _normal(old), _normal(new)
    return tuple(sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)))


def _normal(obj: dict[str, Any]) -> dict[str, Any]:
    defaults = _defaults(obj)
    return {name: item for name, item in _respelled(obj).items() if name not in defaults}


def _defaults(obj: dict[str, Any]) -> frozenset[str]:
    """The properties that state what their absence states too: false flags, and 2.1 on an observable (section 3.2)."""
    names = {name for name in ("revoked", "defanged") if obj.get(name) is False}
    if obj["type"] == "sighting" and obj.get("summary") is False:
        names.add("summary")
    if obj["type"] in SCO and obj.get("spec_version") == "2.1":
        names.add("spec_version")
    return frozenset(names)


def _respelled(value: Any) -> Any:
    if type(value) is list:
        return [_respelled(item) for item in value]
    if type(value) is not dict:
        return value
    return {
        name: respell(item) if type(item) is str and name in TIMESTAMPS else _respelled(item)
        for name, item in value.items()
    }


def next_version_problem(old: dict[str, Any], new: dict[str, Any]) -> Refused | None:
    """Why `new` may not follow `old` as its next version, or None if it may (SX-53 to SX-56).

    Both passed the door and have the same id. The author is judged as stated; who sent it is the caller's question.
    """
    if old.get("revoked") is True:
        sentence = msgid("This object was revoked, which is final. Make a new object instead.")
        return Refused("revoked", sentence, property="revoked")
    for name in ("id", "type", "created_by_ref", "created"):
        if respell(str(old.get(name))) != respell(str(new.get(name))):
            sentence = msgid("%(property)s never changes between versions. Keep it as it was, or make a new object.")
            return Refused("not-a-version", sentence, property=name)
    if "modified" not in old or "modified" not in new:
        sentence = msgid("This kind of object has no versions. Make a new object instead.")
        return Refused("not-versioned", sentence, property="id")
    if instant(new["modified"]) <= instant(old["modified"]):
        sentence = msgid("modified must be later than in the version before. Write the present time there.")
        return Refused("not-newer", sentence, property="modified")
    return None
