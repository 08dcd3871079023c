"""What an object can be linked by: `ipv4-addr:203.0.113.7`, `domain-name:evil.mx`, `file:sha-256:…`, `system:<id>`.

Two objects that state the same key concern the same thing, whoever wrote them and however they spelt it. Pure: a key
stands only for what the object itself says, never for what it refers to.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from cert import extension, values

CARRIES = frozenset(
    {
        *("source_ref", "target_ref", "object_refs", "sighting_of_ref", "observed_data_refs", "sample_refs"),
        *("event_refs", "task_refs", "impact_refs", "sighting_refs", "analysis_sco_refs"),
        *("src_ref", "dst_ref", "src_payload_ref", "dst_payload_ref", "encapsulates_refs", "encapsulated_by_ref"),
        *("resolves_to_refs", "contains_refs", "content_ref", "parent_directory_ref", "opened_connection_refs"),
        *("image_ref", "parent_ref", "child_refs", "creator_user_ref", "service_dll_refs"),
        *("from_ref", "sender_ref", "raw_email_ref", "body_raw_ref", "message_body_data_ref"),
    }
)
"""The reference properties along which a link may be followed. Authors, markings, recipients of mail, networks that an
address belongs to and software that is installed somewhere are missing on purpose: they connect everything."""

STOPS = frozenset(
    {
        *("identity", "location", "attack-pattern", "infrastructure", "course-of-action", "software"),
        *("autonomous-system", "marking-definition", "extension-definition", "language-content"),
        *("x-mitre-tactic", "x-mitre-matrix", "x-mitre-collection", "x-mitre-data-source", "x-mitre-data-component"),
        *("x-mitre-asset", "x-mitre-analytic", "x-mitre-detection-strategy"),
    }
)
"""The types that a walk may reach but never goes through: incidents share them that have nothing else in common."""

SYSTEM = "system:"
"""What the key of a shared system begins with; its id follows, as the incident names it."""

KEYS_MAX = 10_000  # of one object; a longer pattern is linked by its first ones (SX-96)
_KEY_MAX = 1_000  # characters; a longer value is known by its digest

# Too many people share these for a mail address to say anything about its domain.
_WEBMAIL = frozenset(
    {
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.com.mx", "live.com", "live.com.mx"),
        *("msn.com", "yahoo.com", "yahoo.com.mx", "icloud.com", "aol.com", "proton.me", "protonmail.com"),
        *("prodigy.net.mx", "gmx.com", "mail.com", "yandex.com"),
    }
)
_CVE = re.compile(r"CVE-\d{4}-\d{4,19}", re.IGNORECASE | re.ASCII)

# Possessive and bounded throughout: each character is read a fixed number of times, whatever the pattern is. What is
# too long for the name of a type is read once, and not from each of its characters on.
_PATH = r"[a-z][a-z0-9-]{0,249}+:[\w-]{1,250}+(?:\.[\w-]{1,250}+|\.'[^'\\]{1,250}+'|\[(?:\d{1,9}|\*)\]){0,20}+"
_PATTERN_TOKEN = re.compile(
    rf"""(?P<text>'(?:[^'\\]|\\.)*+'?)
      | (?P<long>[a-z0-9-]{{251,}}+)
      | (?P<path>{_PATH})
      | (?P<word>\w++)
      | (?P<mark>[=!<>]++)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ONE_COMPARISON = re.compile(rf"\[({_PATH}) ?==? ?'([^'\\]*+)'\]", re.ASCII)  # most that comes, and needs no tokens
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_INDEX = re.compile(r"\[(?:\d+|\*)\]")


def keys(obj: Mapping[str, Any]) -> frozenset[str]:
    """Every key an object states; none for a revoked object (SX-97) or one without anything to compare (SX-91)."""
    if obj.get("revoked") is True:
        return frozenset()
    stated = _OF_TYPE.get(str(obj.get("type")))
    return frozenset(islice(stated(obj), KEYS_MAX)) if stated else frozenset()


def value_keys(kind: str, value: str) -> Iterator[str]:
    """The keys of one value of a STIX observable type, defanged or not: the value's own, and those of its parts.

    A URL is also its host, an e-mail address also its domain, unless that is a public mail provider's.
    """
    text = values.refang(value.strip())
    match kind:
        case "ipv4-addr" | "ipv6-addr":
            yield _key(*(values.address(text) or (kind, text.lower())))
        case "domain-name":
            yield _host_key(text)
        case "url":
            spelt, host = values.url_and_host(text)
            yield _key("url", spelt)
            if host:
                yield _host_key(host)
        case "email-addr":
            spelt = values.email(text)
            yield _key("email-addr", spelt)
            domain = spelt.rpartition("@")[2]
            if domain != spelt and domain not in _WEBMAIL:
                yield _host_key(domain)
        case "mac-addr":
            yield _key(kind, text.lower().replace("-", ":"))
        case _:
            yield _key(kind, text)


def pattern_keys(pattern: str) -> Iterator[str]:
    """The keys of the `=` comparisons of a STIX pattern, in linear time and without recursion (SX-91, SX-92, SX-96).

    Any other operator, and a comparison under NOT, states nothing. A broken pattern gives what could be read of it.
    """
    one = _ONE_COMPARISON.fullmatch(pattern)
    if one is not None:
        yield from _comparison_keys(one[1], one[2])
        return
    path = ""
    expected = False
    for token in _PATTERN_TOKEN.finditer(pattern):
        kind, text = token.lastgroup, token[0]
        if kind == "path":
            path, expected = text, False
        elif kind == "mark":
            expected = bool(path) and text in ("=", "==")
            path = path if expected else ""
        else:
            if expected:
                yield from _comparison_keys(path, _literal(text))
            path, expected = "", False


def _comparison_keys(path: str, value: str) -> Iterator[str]:
    kind, _, rest = (_INDEX.sub("", path) if "[" in path else path).partition(":")
    prop = rest.replace("'", "")
    if prop.startswith("hashes."):
        yield from _hash_keys(kind, prop.removeprefix("hashes."), value)
    elif prop == _VALUE_PROPERTY.get(kind):
        yield from value_keys(kind, value)
    elif (kind, prop) in _HOST_PATHS:
        yield _host_key(values.refang(value.strip()))
    elif (kind, prop) in _MAIL_PATHS:
        yield from value_keys("email-addr", value)


def _literal(text: str) -> str:
    if not text.startswith("'"):
        return text
    return _ESCAPED.sub(r"\1", text[1:].removesuffix("'"))


def _of_value(obj: Mapping[str, Any]) -> Iterator[str]:
    value = obj.get(_VALUE_PROPERTY[obj["type"]])
    if isinstance(value, str | int) and value != "":
        yield from value_keys(obj["type"], str(value))


def _of_hashes(obj: Mapping[str, Any]) -> Iterator[str]:
    hashes = obj.get("hashes")
    if isinstance(hashes, Mapping):
        for name, value in hashes.items():
            yield from _hash_keys(obj["type"], name, str(value))


def _hash_keys(kind: str, name: str, value: str) -> Iterator[str]:
    # The content of an artifact is the content of a file.
    owner = {"file": "file", "artifact": "file", "x509-certificate": "x509-certificate"}.get(kind)
    if owner and value:
        yield _key(owner, f"{values.algorithm(name)}:{values.digest(value.strip())}")


def _of_indicator(obj: Mapping[str, Any]) -> Iterator[str]:
    if obj.get("pattern_type") == "stix" and isinstance(obj.get("pattern"), str):
        yield from pattern_keys(obj["pattern"])


def _of_vulnerability(obj: Mapping[str, Any]) -> Iterator[str]:
    told = [ref.get("external_id") for ref in obj.get("external_references", ()) if isinstance(ref, Mapping)]
    for text in (obj.get("name"), *told):
        if isinstance(text, str) and _CVE.fullmatch(text.strip()):
            yield _key("vulnerability", text.strip().upper())


def _of_incident(obj: Mapping[str, Any]) -> Iterator[str]:
    return (SYSTEM + system for system in extension.systems(obj))


def _host_key(text: str) -> str:
    return _key(*(values.address(text) or ("domain-name", values.domain(text))))


def _key(kind: str, value: str) -> str:
    if len(value) > _KEY_MAX:
        value = "~" + hashlib.sha256(value.encode()).hexdigest()
    return f"{kind}:{value}"


_VALUE_PROPERTY = {
    **dict.fromkeys(("ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr", "mac-addr"), "value"),
    "mutex": "name",
    "autonomous-system": "number",
    "windows-registry-key": "key",
}
_HOST_PATHS = frozenset({("network-traffic", "src_ref.value"), ("network-traffic", "dst_ref.value")})
_MAIL_PATHS = frozenset({("email-message", "from_ref.value"), ("email-message", "sender_ref.value")})

_OF_TYPE: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    **dict.fromkeys(_VALUE_PROPERTY, _of_value),
    **dict.fromkeys(("file", "artifact", "x509-certificate"), _of_hashes),
    "indicator": _of_indicator,
    "vulnerability": _of_vulnerability,
    "incident": _of_incident,
}
