"""The door: everything that enters, from a form, a file or a peer, is checked here, and comes out with its digest."""

from typing import Any

from cert.errors import Phrase, Refused, msgid
from cert.faults import refusal
from cert.ijson import canonical, canonical_plain, has_nul
from cert.remarks import remarks
from cert.rules import enforce
from cert.schema import is_observable, schema_problem
from cert.stix import Checked, Micros, Survey, digest, parse_timestamp, survey
from cert.stix import refs as refs

DAY = 86_400_000_000
"""Microseconds; how far ahead of us another's clock may run (SX-62)."""


def check(obj: Any, now: Micros) -> Checked:
    """One object that may be stored, as it came, with what the store needs to know about it.

    Raises `Refused`, whose data names the `property` at fault, for what breaks STIX 2.1 or hides a later version. It
    judges one object alone: versions, circles and translations between objects are for whoever holds both. What is
    merely unknown or odd is kept; `notes` says it. No stix2 object is built: that changes the text (SX-102).
    """
    _refuse_strange_kinds(obj)
    found = survey(obj)
    body = canonical_plain(obj) if found.plain else canonical(obj)
    _refuse_nothing(obj, body, found)
    if problem := schema_problem(obj):
        raise problem
    enforce(obj, found)
    version = _version(obj, now)
    return Checked(obj["id"], obj["type"], version, body, digest(obj, body, found), tuple(found.refs), obj, found)


def notes(checked: Checked) -> tuple[str, ...]:
    """What was kept of an object although it was not understood or not quite right, a sentence each."""
    return tuple(remarks(checked.obj, checked.found))


def _version(obj: dict[str, Any], now: Micros) -> Micros | None:
    """The instant that tells this version from others; an observable has none, whatever it calls its properties."""
    name = "modified" if "modified" in obj else "created"
    if name not in obj or is_observable(obj):
        return None
    version = parse_timestamp(obj[name])
    if version > now + DAY:
        raise refusal(
            name,
            "%(property)s lies more than a day ahead and would hide later versions. Correct it and send it again.",
            "from-the-future",
        )
    return version


def _refuse_strange_kinds(obj: Any) -> None:
    """What is no STIX 2.1 object at all, said before any rule of a type is asked."""
    if not isinstance(obj, dict) or not isinstance(obj.get("type"), str):
        raise refusal("type", "type is missing. Send STIX objects, each with type and id.", "missing-property")
    if obj["type"] == "bundle":
        raise refusal("type", "A bundle is only a wrapper. Send the objects in it.", "bundle")
    if "spec_version" not in obj and not is_observable(obj):
        raise _needs_21(Phrase("spec_version is missing, as in STIX 2.0"))
    if obj.get("spec_version") == "2.0":
        raise _needs_21(Phrase("spec_version is 2.0"))


def _needs_21(why: Phrase) -> Refused:
    sentence = msgid("%(why)s. Puente takes STIX 2.1: convert the object and send it again.")
    return refusal("spec_version", sentence, "stix-2.0", why=why)


def _refuse_nothing(obj: dict[str, Any], body: bytes, found: Survey) -> None:
    """Nulls and empty lists on top, which stand for nothing, and NUL, which stands for the end of a text elsewhere."""
    if found.nulls:
        raise refusal(found.nulls[0], "%(property)s is null. Leave the property out instead.", "null")
    if empty := next((path for path in found.empties if path in obj), None):
        raise refusal(empty, "%(property)s is an empty list. Leave the property out instead.", "empty-list")
    if b"\\u0000" in body and has_nul(body):
        raise refusal("type", "A text holds the character NUL, which STIX cannot carry. Take it out.", "nul")
