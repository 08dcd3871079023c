"""Deterministic ids of observables: what both nations compute alike for the same address or file (SX-44 to SX-47)."""

from typing import Any
from uuid import UUID, uuid5

from cert.ijson import canonical

NAMESPACE = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace of STIX 2.1, section 2.9."""

CONTRIBUTING: dict[str, tuple[str, ...]] = {
    "artifact": ("hashes", "payload_bin"),
    "autonomous-system": ("number",),
    "directory": ("path",),
    "domain-name": ("value",),
    "email-addr": ("value",),
    "email-message": ("from_ref", "subject", "body"),
    "file": ("hashes", "name", "extensions", "parent_directory_ref"),
    "ipv4-addr": ("value",),
    "ipv6-addr": ("value",),
    "mac-addr": ("value",),
    "mutex": ("name",),
    "network-traffic": (
        "start", "end", "src_ref", "dst_ref", "src_port", "dst_port", "protocols", "extensions",
    ),
    "software": ("name", "cpe", "swid", "vendor", "version"),
    "url": ("value",),
    "user-account": ("account_type", "user_id", "account_login"),
    "windows-registry-key": ("key", "values"),
    "x509-certificate": ("hashes", "serial_number"),
}  # fmt: skip
"""Type to the properties that make its id (STIX 2.1, part 6). A process has none and gets a random id."""

_HASHES = ("MD5", "SHA-1", "SHA-256", "SHA-512")


def sco_id(obj: dict[str, Any]) -> str | None:
    """The id that an observable's content gives, or None where STIX asks for a random one (SX-47).

    Computed from the properties as they stand: whoever makes an observable normalises its value first (SX-48).
    """
    kept = {name: obj[name] for name in CONTRIBUTING.get(obj["type"], ()) if name in obj}
    if not kept:
        return None
    if kept.get("hashes"):
        kept["hashes"] = _one_hash(kept["hashes"])
    return f"{obj['type']}--{uuid5(NAMESPACE, canonical(kept).decode())}"


def _one_hash(hashes: dict[str, str]) -> dict[str, str]:
    name = next((known for known in _HASHES if known in hashes), None) or next(iter(hashes))
    return {name: hashes[name]}
