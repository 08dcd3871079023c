"""What STIX 2.1 asks of one object beyond its JSON schema: each rule refuses, or says nothing.

The order of the rules is the order in which a person would mend the object. What is merely odd is `cert.remarks`' work.
"""

import re
from collections.abc import Callable
from typing import Any

from cert.errors import Refused, msgid
from cert.faults import refusal
from cert.schema import is_observable
from cert.stix import META, SCO, SDO, SRO, Survey, instant, type_of
from cert.type_rules import BY_TYPE

_ORDERED = {
    "campaign": ("first_seen", "last_seen"),
    "infrastructure": ("first_seen", "last_seen"),
    "intrusion-set": ("first_seen", "last_seen"),
    "malware": ("first_seen", "last_seen"),
    "malware-analysis": ("analysis_started", "analysis_ended"),
    "network-traffic": ("start", "end"),
    "observed-data": ("first_observed", "last_observed"),
    "sighting": ("first_seen", "last_seen"),
    "threat-actor": ("first_seen", "last_seen"),
}
_STRICTLY_ORDERED = {"indicator": ("valid_from", "valid_until"), "relationship": ("start_time", "stop_time")}
_WHOLE = frozenset(("confidence", "count", "criticality", "number_observed", "priority"))
_NUMBERED = {"cve": re.compile(r"CVE-\d{4}-\d{4,}"), "capec": re.compile(r"CAPEC-\d+")}
_OF_NEW_TYPES = frozenset(("new-sdo", "new-sco", "new-sro"))


def enforce(obj: dict[str, Any], found: Survey) -> None:
    """Raise `Refused` at the first rule that an object, valid by its schema, breaks (SX-01 to SX-83)."""
    _identifier(obj)
    _times(found)
    if not is_observable(obj):
        _order(obj, ("created", "modified"), strictly=False)
    if pair := _ORDERED.get(obj["type"]):
        _order(obj, pair, strictly=False)
    if pair := _STRICTLY_ORDERED.get(obj["type"]):
        _order(obj, pair, strictly=True)
    _targets(obj)
    if found.reals:
        _whole_numbers(found)
    if not str(obj.get("name", "x")).strip():
        raise refusal("name", "name is empty. Write the name by which people know this.")
    for name, rule in _BY_PROPERTY.items():
        if name in obj:
            rule(obj)
    if own := BY_TYPE.get(obj["type"]):
        own(obj)


def _identifier(obj: dict[str, Any]) -> None:
    if not obj["id"].startswith(obj["type"] + "--"):
        raise refusal("id", "id does not begin with the type. Write %(type)s-- and a UUID.", type=obj["type"][:60])


def _times(found: Survey) -> None:
    for path, text in found.times:
        try:
            instant(text)
        except Refused as fault:
            # `date` and the like may mean something else in a part we do not know; the schema judged the known ones.
            if fault.code == "no-such-day":
                raise refusal(path, "%(property)s: %(why)s", fault.code, why=fault.phrase) from fault


def _order(obj: dict[str, Any], pair: tuple[str, str], *, strictly: bool) -> None:
    first, second = (obj.get(name) for name in pair)
    if first is None or second is None or (first == second and not strictly):
        return
    begin, end = (first, second) if len(first) == len(second) else (instant(first), instant(second))
    if end < begin or (strictly and end == begin):
        sentence = msgid("%(property)s is not later than %(first)s. Correct one of them.")
        raise refusal(pair[1], sentence, "bad-order", first=pair[0])


def _targets(obj: dict[str, Any]) -> None:
    _target(obj, "created_by_ref", ("identity",))
    for marking in obj.get("object_marking_refs", ()):
        if type_of(marking) != "marking-definition":
            raise refusal("object_marking_refs", "object_marking_refs names something that is no marking-definition.")


def _target(obj: dict[str, Any], name: str, types: tuple[str, ...]) -> None:
    if name in obj and type_of(str(obj[name])) not in types:
        sentence = msgid("%(property)s must name an object of type %(types)s, not %(named)s.")
        raise refusal(name, sentence, "bad-target", types=", ".join(types), named=str(obj[name])[:80])


def _whole_numbers(found: Survey) -> None:
    for path in found.reals:
        if path.rpartition(".")[2] in _WHOLE:
            raise refusal(path, "%(property)s must be a whole number, written without a decimal point.")


def _external_references(obj: dict[str, Any]) -> None:
    # On an observable this is a property nobody defined, and may hold anything.
    for reference in () if is_observable(obj) else obj["external_references"]:
        form, number = _NUMBERED.get(reference["source_name"]), reference.get("external_id")
        if form and number is not None and not form.fullmatch(number):
            example = "CVE-2026-12345" if reference["source_name"] == "cve" else "CAPEC-163"
            sentence = msgid('The external_id "%(number)s" has not the form of %(example)s. Correct it.')
            raise refusal("external_references", sentence, number=number[:40], example=example)


def _extensions(obj: dict[str, Any]) -> None:
    for key, entry in obj["extensions"].items():
        kind = entry.get("extension_type")
        if kind in _OF_NEW_TYPES and obj["type"] in SDO | SRO | SCO | META:
            sentence = msgid("%(kind)s is for types of one's own, and %(type)s is one of STIX. Use property-extension.")
            raise refusal(f"extensions.{key}", sentence, kind=kind, type=obj["type"])
        if kind in ("new-sdo", "new-sro") and "modified" not in obj:
            sentence = msgid("modified is missing. An object of a %(kind)s type needs created and modified.")
            raise refusal("modified", sentence, kind=kind)


def _granular_markings(obj: dict[str, Any]) -> None:
    for marking in obj["granular_markings"]:
        if ("marking_ref" in marking) == ("lang" in marking):
            raise refusal("granular_markings", "A granular marking has either marking_ref or lang. Keep one.")
        if not marking["selectors"]:
            raise refusal("granular_markings", "A granular marking has no selectors. Name the properties it marks.")
        for selector in marking["selectors"]:
            if not selects(obj, selector):
                sentence = msgid('The selector "%(selector)s" points at nothing in this object. Correct or remove it.')
                raise refusal("granular_markings", sentence, "bad-selector", selector=selector[:80])


def selects(obj: dict[str, Any], selector: str) -> bool:
    """Whether a granular selector, such as `labels.[0]` or `hashes.MD5`, names something in the object (SX-65)."""
    node: Any = obj
    for step in selector.split("."):
        if isinstance(node, list) and re.fullmatch(r"\[[0-9]{1,6}\]", step) and int(step[1:-1]) < len(node):
            node = node[int(step[1:-1])]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            return False
    return True


_BY_PROPERTY: dict[str, Callable[[dict[str, Any]], None]] = {
    "external_references": _external_references,
    "extensions": _extensions,
    "granular_markings": _granular_markings,
}
