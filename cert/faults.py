"""Faults in words: what is wrong with an object, as a sentence that names the property and says what to do."""

from typing import Any

from jsonschema_rs import ValidationError

from cert.errors import Phrase, Refused, msgid

_NEEDS_ONE_OF = {
    "artifact": ("payload_bin", msgid("An artifact holds either payload_bin, or url with hashes.")),
    "directory": ("path", msgid("A directory needs a path.")),
    "email-message": (
        "is_multipart",
        msgid("An e-mail message has body if is_multipart is false, else body_multipart."),
    ),
    "file": ("hashes", msgid("A file needs hashes or a name.")),
    "location": (
        "region",
        msgid("A location needs region, country, or latitude with longitude; precision needs both."),
    ),
    "malware": ("name", msgid("Malware that is a family needs a name.")),
    "malware-analysis": ("result", msgid("A malware analysis needs result or analysis_sco_refs.")),
    "marking-definition": ("definition", msgid("A marking needs definition_type and definition, or extensions.")),
    "network-traffic": ("src_ref", msgid("Network traffic needs src_ref or dst_ref, and no end while it is active.")),
    "observed-data": (
        "object_refs",
        msgid("Observed data holds either object_refs, or the older objects, and not both."),
    ),
    "process": ("pid", msgid("A process needs at least one property that says which process it is.")),
    "user-account": ("user_id", msgid("A user account needs at least one property that says which account it is.")),
    "windows-registry-key": ("key", msgid("A registry key needs a key, values or another property of its own.")),
    "x509-certificate": (
        "serial_number",
        msgid("A certificate needs at least one property that says which one it is."),
    ),
}
_RESERVED = ("severity", "action", "username", "phone_numbers")
_KINDS = {
    "array": Phrase("a list"),
    "boolean": Phrase("true or false"),
    "integer": Phrase("a whole number"),
    "number": Phrase("a number"),
    "object": Phrase("an object"),
    "string": Phrase("a text"),
}


def refusal(name: str, sentence: str, code: str = "bad-value", **data: Any) -> Refused:
    """A refusal that names the property at fault: in a sentence it is `%(property)s`."""
    return Refused(code, sentence, property=name, **data)


def worded(obj: dict[str, Any], faults: list[ValidationError]) -> Refused:
    """The plainest of the faults that a schema found in an object, as a sentence that names the property."""
    fault = _plainest(faults)
    path = ".".join(str(step) for step in fault.instance_path if isinstance(step, str))
    match fault.kind.name:
        case "required":
            name = f"{path}.{fault.kind.value}".strip(".")
            return refusal(name, "%(property)s is missing. Add it.", "missing-property")
        case "additionalProperties":
            name = f"{path}.{fault.kind.value[0]}".strip(".")
            sentence = msgid('STIX does not allow the name "%(wrong)s" here. Rename the property.')
            return refusal(name, sentence, "bad-name", wrong=name[:80])
        case "not" if not path:
            name = next((name for name in _RESERVED if name in obj), "type")
            return refusal(name, "%(property)s is reserved by STIX. Leave it out, or use an extension.", "reserved")
        case "oneOf" | "anyOf" if not path and obj["type"] in _NEEDS_ONE_OF:
            name, sentence = _NEEDS_ONE_OF[obj["type"]]
            return refusal(name, sentence, "missing-property")
    if not path:
        return refusal("type", "The object is not what STIX asks for: %(why)s.", why=_reason(fault))
    return refusal(path, "%(property)s is not what STIX asks for: %(why)s.", why=_reason(fault))


def _plainest(faults: list[ValidationError]) -> ValidationError:
    vague = ("anyOf", "oneOf", "not")
    return next((fault for fault in faults if fault.kind.name not in vague), faults[0])


def _reason(fault: ValidationError) -> Phrase:
    value = fault.kind.value
    match fault.kind.name:
        case "type":
            kind = " or ".join(value)
            return Phrase("it must be %(kind)s", {"kind": _KINDS.get(kind, kind)})
        case "enum":
            return Phrase("it must be one of %(values)s", {"values": ", ".join(map(str, value))})
        case "minimum":
            return Phrase("it must be at least %(least)s", {"least": value})
        case "maximum":
            return Phrase("it must be at most %(most)s", {"most": value})
        case "minProperties":
            return Phrase("it must not be empty")
        case "pattern" if value.startswith("^[0-9]{4}-"):
            return Phrase("it must be a time in UTC, as in 2026-01-31T10:02:07.000Z")
        case "pattern" if "[0-9a-fA-F]{12}" in value or value.endswith("--"):
            return Phrase("it must be the id of an object of the right type, as in identity--5c1e8e7e-…")
        case "oneOf" | "anyOf" if fault.instance_path and fault.instance_path[0] == "external_references":
            return Phrase("beside source_name it needs description, url or external_id")
    return Phrase("it is not written as the standard has it (%(fault)s)", {"fault": fault.message[:120]})
