"""Faults in words: what is wrong with an object, as a sentence that names the property and says what to do."""

from typing import Any

from jsonschema_rs import ValidationError

from cert.errors import Refused

_NEEDS_ONE_OF = {
    "artifact": ("payload_bin", "An artifact holds either payload_bin, or url with hashes."),
    "directory": ("path", "A directory needs a path."),
    "email-message": ("is_multipart", "An e-mail message has body if is_multipart is false, else body_multipart."),
    "file": ("hashes", "A file needs hashes or a name."),
    "location": ("region", "A location needs region, country, or latitude with longitude; precision needs both."),
    "malware": ("name", "Malware that is a family needs a name."),
    "malware-analysis": ("result", "A malware analysis needs result or analysis_sco_refs."),
    "marking-definition": ("definition", "A marking needs definition_type and definition, or extensions."),
    "network-traffic": ("src_ref", "Network traffic needs src_ref or dst_ref, and no end while it is active."),
    "observed-data": ("object_refs", "Observed data holds either object_refs, or the older objects, and not both."),
    "process": ("pid", "A process needs at least one property that says which process it is."),
    "user-account": ("user_id", "A user account needs at least one property that says which account it is."),
    "windows-registry-key": ("key", "A registry key needs a key, values or another property of its own."),
    "x509-certificate": ("serial_number", "A certificate needs at least one property that says which one it is."),
}
_RESERVED = ("severity", "action", "username", "phone_numbers")
_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "a text",
}


def refusal(name: str, sentence: str, code: str = "bad-value") -> Refused:
    """A refusal that names the property at fault."""
    return Refused(code, sentence, property=name)


def worded(obj: dict[str, Any], faults: list[ValidationError]) -> Refused:
    """The plainest of the faults that a schema found in an object, as a sentence that names the property."""
    fault = _plainest(faults)
    path = ".".join(str(step) for step in fault.instance_path if isinstance(step, str))
    match fault.kind.name:
        case "required":
            name = f"{path}.{fault.kind.value}".strip(".")
            return refusal(name, f"{name} is missing. Add it.", "missing-property")
        case "additionalProperties":
            name = f"{path}.{fault.kind.value[0]}".strip(".")
            return refusal(name, f'STIX does not allow the name "{name[:80]}" here. Rename the property.', "bad-name")
        case "not" if not path:
            name = next((name for name in _RESERVED if name in obj), "type")
            return refusal(name, f"{name} is reserved by STIX. Leave it out, or use an extension.", "reserved")
        case "oneOf" | "anyOf" if not path and obj["type"] in _NEEDS_ONE_OF:
            return refusal(*_NEEDS_ONE_OF[obj["type"]], "missing-property")
    return refusal(path or "type", f"{path or 'The object'} is not what STIX asks for: {_reason(fault)}.")


def _plainest(faults: list[ValidationError]) -> ValidationError:
    vague = ("anyOf", "oneOf", "not")
    return next((fault for fault in faults if fault.kind.name not in vague), faults[0])


def _reason(fault: ValidationError) -> str:
    value = fault.kind.value
    match fault.kind.name:
        case "type":
            return f"it must be {_KINDS.get(' or '.join(value), ' or '.join(value))}"
        case "enum":
            return f"it must be one of {', '.join(map(str, value))}"
        case "minimum":
            return f"it must be at least {value}"
        case "maximum":
            return f"it must be at most {value}"
        case "minProperties":
            return "it must not be empty"
        case "pattern" if value.startswith("^[0-9]{4}-"):
            return "it must be a time in UTC, as in 2026-01-31T10:02:07.000Z"
        case "pattern" if "[0-9a-fA-F]{12}" in value or value.endswith("--"):
            return "it must be the id of an object of the right type, as in identity--5c1e8e7e-…"
        case "oneOf" | "anyOf" if fault.instance_path and fault.instance_path[0] == "external_references":
            return "beside source_name it needs description, url or external_id"
    return f"it is not written as the standard has it ({fault.message[:120]})"
