"""What is odd about an object and yet kept: the remarks that travel with it into the report of an import."""

import re
from collections.abc import Iterator
from typing import Any

from cert.extension import CORE
from cert.markings import level_of
from cert.schema import is_observable, properties_of, vocabulary
from cert.sco import sco_id
from cert.stix import META, SCO, SDO, SRO, Survey
from cert.type_rules import LANGUAGE_TAG

_STANDARD = SDO | SRO | SCO | META
_VOCABULARIES = {
    "grouping": {"context": "grouping-context-ov"},
    "identity": {"identity_class": "identity-class-ov"},
    "indicator": {"indicator_types": "indicator-type-ov"},
    "infrastructure": {"infrastructure_types": "infrastructure-type-ov"},
    "malware": {"malware_types": "malware-type-ov"},
    "report": {"report_types": "report-type-ov"},
    "threat-actor": {"threat_actor_types": "threat-actor-type-ov"},
    "tool": {"tool_types": "tool-type-ov"},
}
_DETECTION_METHODS = """
automated-tool commercial-solution external-notification human-review message-from-attacker
proprietary-solution system-outage user-reporting
"""
_INCIDENT_WORDS = {
    "investigation_status": frozenset(("new", "open", "closed")),
    "recoverability": frozenset(("not-applicable", "regular", "supplemented", "extended", "not-recoverable")),
    "detection_methods": frozenset(_DETECTION_METHODS.split()),
}


def remarks(obj: dict[str, Any], found: Survey) -> Iterator[str]:
    """One sentence for each thing that is kept as it came although it is unknown, empty or not quite as STIX asks."""
    yield from _unknown(obj)
    for path in found.empties:
        yield f"{path} is an empty list, which STIX does not allow; it is kept."
    if obj["type"] in SCO:
        yield from _observable(obj)
    if "object_marking_refs" in obj:
        yield from _levels(obj["object_marking_refs"])
    if "lang" in obj and not LANGUAGE_TAG.fullmatch(str(obj["lang"])):
        yield f'lang "{str(obj["lang"])[:40]}" is no language tag.'
    if "created" in obj and not is_observable(obj) and len(obj["created"]) < 24:
        yield "created is less precise than the millisecond that STIX asks for."
    if words := _VOCABULARIES.get(obj["type"]):
        yield from _outside(obj, words)
    if "extensions" in obj and CORE in obj["extensions"]:
        yield from _incident(obj["extensions"][CORE])
    if obj["type"] == "location" and not re.fullmatch(r"[A-Z]{2}", obj.get("country", "MX")):
        yield f'country "{obj["country"][:40]}" is no code of ISO 3166-1 with two capital letters.'


def _unknown(obj: dict[str, Any]) -> Iterator[str]:
    if obj["type"] not in _STANDARD:
        yield f"The type {obj['type']} is not understood here; the object is kept as it came."
        return
    if unknown := obj.keys() - properties_of(obj["type"]):
        yield f"Not understood and kept: {', '.join(sorted(unknown))}."


def _observable(obj: dict[str, Any]) -> Iterator[str]:
    expected = sco_id(obj)
    if obj["id"][-22] == "5" and expected is not None and obj["id"].lower() != expected:
        yield f"The id does not follow from the content, which gives {expected}; it is linked by its value only."
    if obj["type"] in ("artifact", "file", "x509-certificate") and _in_capitals(obj.get("hashes", {})):
        yield "A hash is written in capitals."
    if obj["type"] == "ipv4-addr" and re.search(r"(?:^|\.)0\d", obj["value"]):
        yield "value has leading zeros, which some read as octal."
    if obj["type"] == "domain-name" and not obj.get("defanged") and re.search(r"[\s/:@\[\]]|\.\.|^$", obj["value"]):
        yield f'value "{obj["value"][:60]}" looks like no domain name.'


def _in_capitals(hashes: dict[str, str]) -> bool:
    return any(value != value.lower() for name, value in hashes.items() if name not in ("SSDEEP", "TLSH"))


def _levels(markings: list[str]) -> Iterator[str]:
    levels = {level for marking in markings if (level := level_of(marking))}
    if len(levels) > 1:
        yield f"It bears several TLP levels ({', '.join(sorted(levels))}); the strictest holds."


def _outside(obj: dict[str, Any], words: dict[str, str]) -> Iterator[str]:
    for name, list_name in words.items():
        given = obj.get(name, [])
        for word in given if isinstance(given, list) else [given]:
            if word not in vocabulary(obj["type"], list_name):
                yield f'{name} "{word[:60]}" is not in the vocabulary of STIX.'


def _incident(core: dict[str, Any]) -> Iterator[str]:
    for name, words in _INCIDENT_WORDS.items():
        given = core.get(name, [])
        for word in given if isinstance(given, list) else [given]:
            if word not in words:
                yield f'{name} "{str(word)[:60]}" is not in the vocabulary of the incident core extension.'
