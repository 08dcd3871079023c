"""What STIX 2.1 asks of an object of one type beyond its JSON schema; each rule refuses, or says nothing."""

import re
from collections.abc import Callable
from typing import Any

from cert.errors import msgid
from cert.extension import CORE
from cert.faults import refusal
from cert.markings import FIXED
from cert.pattern import pattern_problem
from cert.stix import META, SCO, SDO, SRO, respell, type_of

LANGUAGE_TAG = re.compile(r"(?:[A-Za-z]{2,8}|[xi](?=-))(?:-[A-Za-z0-9]{1,8})*")
"""The shape of an RFC 5646 language tag; whether the language exists is not asked."""
_DETERMINATIONS = ("blocked", "confirmed", "failed-attempt", "false-positive", "suspected")
_IPV4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:/(?:3[0-2]|[12]?\d))?", re.ASCII)


def _extension_definition(obj: dict[str, Any]) -> None:
    if "created_by_ref" not in obj:
        raise refusal("created_by_ref", "created_by_ref is missing. Say who defines the extension.", "missing-property")
    if "extension_properties" in obj and "toplevel-property-extension" not in obj["extension_types"]:
        sentence = msgid(
            "extension_properties goes with toplevel-property-extension only. Leave it out, or add that type."
        )
        raise refusal("extension_properties", sentence)


def _indicator(obj: dict[str, Any]) -> None:
    if obj["pattern_type"] == "stix" and (problem := pattern_problem(obj["pattern"])):
        raise refusal("pattern", "pattern is no STIX pattern: %(why)s. Correct it.", "bad-pattern", why=problem)


def _ipv4(obj: dict[str, Any]) -> None:
    match = _IPV4.fullmatch(obj["value"])
    if obj.get("defanged") is not True and (match is None or any(int(part) > 255 for part in match.groups())):
        sentence = msgid('"%(value)s" is no IPv4 address or network. Correct it, or use another type.')
        raise refusal("value", sentence, value=obj["value"][:60])


def _ipv6(obj: dict[str, Any]) -> None:
    address, _, length = obj["value"].partition("/")
    groups = address.partition("%")[0]
    lawful = re.fullmatch(r"[0-9A-Fa-f:]{2,39}(?:\.?\d{1,3}){0,4}", groups) and ":" in groups
    if obj.get("defanged") is not True and (not lawful or (length and not re.fullmatch(r"\d{1,3}", length))):
        sentence = msgid('"%(value)s" is no IPv6 address or network. Correct it, or use another type.')
        raise refusal("value", sentence, value=obj["value"][:60])


def _language_content(obj: dict[str, Any]) -> None:
    if "lang" in obj:
        raise refusal("lang", "A translation has no lang of its own: contents names the languages. Leave lang out.")
    for tag, texts in obj["contents"].items():
        if not LANGUAGE_TAG.fullmatch(tag):
            sentence = msgid('"%(tag)s" in contents is no language tag. Write es, en-US or the like.')
            raise refusal("contents", sentence, tag=tag[:40])
        if not isinstance(texts, dict):
            raise refusal(f"contents.{tag}", "%(property)s must hold properties with their translations.")


def _marking_definition(obj: dict[str, Any]) -> None:
    for name in ("modified", "revoked"):
        if name in obj:
            raise refusal(name, "A marking-definition never changes and has no %(property)s. Leave it out.")
    if obj["id"] in obj.get("object_marking_refs", ()):
        raise refusal("object_marking_refs", "This marking-definition marks itself. Use another one.", "circle")
    if obj.get("definition_type") == "statement" and not isinstance(obj.get("definition", {}).get("statement"), str):
        raise refusal("definition", "A statement marking needs definition.statement. Add the text.", "missing-property")
    fixed = FIXED.get(obj["id"])
    if fixed is None and obj.get("definition_type") == "tlp":
        raise refusal(
            "id", "TLP 1.0 has exactly four markings and this id is none of them. Use those.", "forged-marking"
        )
    if fixed is not None and not _says_the_same(fixed, obj):
        sentence = msgid("This id belongs to %(marking)s and the content differs. Use the published object.")
        raise refusal("id", sentence, "forged-marking", marking=fixed["name"])


def _says_the_same(fixed: dict[str, Any], obj: dict[str, Any]) -> bool:
    stated = {name: respell(item) if name == "created" else item for name, item in obj.items()}
    # STIX 2.0 had no name on these, and a relay may say who made them: neither changes what the marking means.
    extra = stated.keys() - fixed.keys() - {"created_by_ref", "external_references"}
    stated.setdefault("name", fixed["name"])
    return not extra and all(stated.get(name) == fixed[name] for name in fixed)


def _observed_data(obj: dict[str, Any]) -> None:
    types = {type_of(target) for target in obj.get("object_refs", ())}
    if wrong := types & (SDO | META):
        sentence = msgid("object_refs of observed data names a %(type)s. Name observables and relationships only.")
        raise refusal("object_refs", sentence, "bad-target", type=min(wrong))
    if "object_refs" in obj and not types - SRO:
        raise refusal(
            "object_refs", "object_refs of observed data needs at least one observable. Add it.", "bad-target"
        )


def _relationship(obj: dict[str, Any]) -> None:
    for name in ("source_ref", "target_ref"):
        if type_of(obj[name]) in SRO | META | {"bundle"}:
            sentence = msgid("%(property)s must name an object or an observable, not %(named)s.")
            raise refusal(name, sentence, "bad-target", named=obj[name][:80])


def _sighting(obj: dict[str, Any]) -> None:
    if type_of(obj["sighting_of_ref"]) in SCO | SRO | META | {"bundle"}:
        sentence = msgid(
            "sighting_of_ref must name what was sighted, as an indicator. Observables go in observed_data_refs."
        )
        raise refusal("sighting_of_ref", sentence, "bad-target")


def _incident(obj: dict[str, Any]) -> None:
    core = obj.get("extensions", {}).get(CORE)
    if core is None:
        return
    for name in ("determination", "investigation_status"):
        if name not in core:
            sentence = msgid("%(lacking)s is missing from the incident core extension. Add it.")
            raise refusal(f"extensions.{CORE}.{name}", sentence, "missing-property", lacking=name)
    if core["determination"] not in _DETERMINATIONS:
        sentence = msgid("determination must be one of %(values)s.")
        raise refusal(f"extensions.{CORE}.determination", sentence, values=", ".join(_DETERMINATIONS))
    if not isinstance(core["investigation_status"], str):
        raise refusal(f"extensions.{CORE}.investigation_status", "investigation_status must be a text.")
    criticality = core.get("criticality", 0)
    if type(criticality) is not int or not 0 <= criticality <= 100:
        raise refusal(f"extensions.{CORE}.criticality", "criticality must be a whole number from 0 to 100.")


BY_TYPE: dict[str, Callable[[dict[str, Any]], None]] = {
    "extension-definition": _extension_definition,
    "incident": _incident,
    "indicator": _indicator,
    "ipv4-addr": _ipv4,
    "ipv6-addr": _ipv6,
    "language-content": _language_content,
    "marking-definition": _marking_definition,
    "observed-data": _observed_data,
    "relationship": _relationship,
    "sighting": _sighting,
}
