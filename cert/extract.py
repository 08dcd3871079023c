"""Pasted text in, typed observables out: prose, a mail or a CSV, defanged or not, in Spanish or English (SX-107).

Pure and linear. What is probably no indicator (a private address, a file's name, a version number) is listed as well,
unticked and with the reason: a person decides, and nothing is dropped behind his back.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import tldextract

from cert import values
from cert.errors import Refused, msgid

TEXT_MAX = 1_000_000
"""The most characters that are read at once."""
FOUND_MAX = 2_000

DOCUMENTATION = msgid("Documentation range: real traffic does not use it.")
PRIVATE = msgid("Private or reserved address: it means something else in every network.")
LIKE_A_FILE = msgid("Looks like the name of a file.")
LIKE_A_VERSION = msgid("Looks like a version or section number.")
NOT_PUBLIC = msgid("This host is not a public name.")
EMPTY_FILE = msgid("The hash of an empty file: everybody has one.")
NOT_FILED = msgid("The form cannot file this kind yet: name it in the text.")


@dataclass(frozen=True, slots=True)
class Found:
    """One observable: where it stood, as it was written, and what it is.

    `row` is the line of the text, from 1. `type` is a STIX type; a hash is `file:SHA-256`, as STIX spells the
    algorithm. `value` is in the spelling that both nations compute ids from (SX-48). `tick` says whether to propose it;
    if not, `reason` says why. `port` is what followed an address or a name.
    """

    row: int
    source: str
    type: str
    value: str
    tick: bool = True
    reason: str | None = None
    port: int | None = None


_SEPARATOR = r" ?[\[({] ?(?:\.|dot|punto|@|at|arroba) ?[\])}] ?"
_CHUNK = re.compile(rf"""(?:{_SEPARATOR}|(?!->|=>)[^\s,;"'`<>|«»“”→])++""", re.IGNORECASE)
_WORTH_A_LOOK = re.compile(r"[.:\\]|dot|punto|[0-9a-f]{32}|T\d{4}", re.IGNORECASE)
_EDGES = ".,;:!?()[]{}*_¿¡…="
_URL = re.compile(r"(?:https?|ftps?)://[^\s]+", re.IGNORECASE)
_URL_END = ".,;:!?*_…"
_IPV6_PORT = re.compile(r"\[([0-9a-f:.]{2,45})\](?::(\d{1,5}))?", re.IGNORECASE)
_LABELLED = re.compile(r"[^\W\d][\w-]{0,30}[:=](?!:)")
_PORT = re.compile(r"([^:]+):(\d{1,5})(?=/|$)")
_HASH = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_HASHES = {32: "MD5", 40: "SHA-1", 64: "SHA-256", 128: "SHA-512"}
_EMAIL = re.compile(r"[^\s@:/\\]{1,64}@[^\s@:/\\]{3,255}")
_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?", re.ASCII)
_REGISTRY = re.compile(r"(?:HKEY_[A-Z_]{4,20}|HKLM|HKCU|HKU|HKCR|HKCC)\\\S+", re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[^\W]{1}(?:[\w-]{0,61}\w)?")
_VERSION_WORD = re.compile(
    r"(?:v|ver|versi[oó]n|version|secci[oó]n|section|sect|cap[ií]tulo|chapter|apartado|punto|art[ií]culo|article|release"
    r"|firmware|build|§)\.?:? *$",
    re.IGNORECASE,
)
_FILE_ENDINGS = frozenset({"md", "py", "zip", "mov", "sh", "rs"})  # top-level domains that are also usual file endings
_SPECIAL_NAMES = ("example.com", "example.net", "example.org")  # RFC 2606
_SPECIAL_ENDINGS = (".example", ".test", ".invalid", ".localhost", ".local", ".internal", ".home.arpa")
_DOCUMENTATION_RANGES = tuple(
    ipaddress.ip_network(n)
    for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")  # RFC 5737, 3849, 9637
)
_EMPTY_FILES = frozenset(
    {
        "d41d8cd98f00b204e9800998ecf8427e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)


def extract(text: str, limit: int = FOUND_MAX) -> list[Found]:
    """The observables of a text, each once, in the order in which they stand.

    Raises `Refused` for a text longer than `TEXT_MAX`, or one that holds more than `limit`: nothing is cut off unseen.
    """
    if len(text) > TEXT_MAX:
        raise Refused("paste-long", "This text is longer than %(most)d characters. Paste it in parts.", most=TEXT_MAX)
    found: dict[tuple[str, str], Found] = {}
    for row, line in enumerate(text.splitlines(), 1):
        for one in _in_line(line):
            key = (one.type, one.value)
            if key not in found or (one.tick and not found[key].tick):
                found[key] = replace(one, row=row)
        if len(found) > limit:
            raise Refused(
                "paste-many", "This text holds more than %(most)d observables. Paste it in parts.", most=limit
            )
    return list(found.values())


def _in_line(line: str) -> Iterator[Found]:
    for chunk in _CHUNK.finditer(line):
        source = chunk[0].strip().rstrip(".,;:!?")
        if _WORTH_A_LOOK.search(source):
            before = line[max(0, chunk.start() - 20) : chunk.start()]
            yield from _in_chunk(source, before)


def _in_chunk(source: str, before: str) -> Iterator[Found]:
    text = values.refang(source)
    defanged = text != source
    url = _URL.search(text)
    if url:
        yield _url(source, url[0])
        return
    bracketed = _IPV6_PORT.search(text)
    address = values.address(bracketed[1]) if bracketed else None
    if bracketed and address:
        yield _address(source, *address, before, defanged, _port(bracketed[2]))
        return
    for reading in _readings(text.strip(_EDGES)):
        one = _classified(source, reading, before, defanged)
        if one:
            yield one
            return


def _readings(text: str) -> Iterator[str]:
    """The text, then what stands behind `IP:` or `md5=`, then the parts that an equals sign or brackets separate."""
    yield text
    label = _LABELLED.match(text)
    if label:
        yield text[label.end() :].strip(_EDGES)
    for part in re.split(r"[=()\[\]{}]", text)[:20]:
        yield part.strip(_EDGES)


def _classified(source: str, text: str, before: str, defanged: bool) -> Found | None:
    if _HASH.fullmatch(text) and len(text) in _HASHES:
        digest = text.lower()
        reason = EMPTY_FILE if digest in _EMPTY_FILES else None
        return Found(0, source, f"file:{_HASHES[len(text)]}", digest, reason is None, reason)
    if _REGISTRY.fullmatch(text):
        return Found(0, source, "windows-registry-key", text, False, NOT_FILED)
    if _TECHNIQUE.fullmatch(text):
        return Found(0, source, "attack-pattern", text, False, NOT_FILED)
    if "\\" in text:
        return None
    if "@" in text:
        return _email(source, text.removeprefix("mailto:"))
    return _host(source, text, before, defanged)


def _host(source: str, text: str, before: str, defanged: bool) -> Found | None:
    """An address or a domain name, with its port; of `name/path` the name."""
    whole = values.address(text) if "." in text or text.count(":") > 1 else None
    if whole:
        return _address(source, *whole, before, defanged, None)
    split = _PORT.match(text)
    bare, port = (split[1], _port(split[2])) if split else (text.partition("/")[0], None)
    address = values.address(bare) if bare.count(".") == 3 else None
    if address:
        return _address(source, *address, before, defanged, port)
    bare = bare[1:] if bare[:1] in "vV" and values.address(bare[1:]) else bare
    address = values.address(bare) if bare.count(".") == 3 else None
    if address:
        return Found(0, source, *address, False, LIKE_A_VERSION, port)
    return _domain(source, bare, defanged, port)


def _address(source: str, kind: str, value: str, before: str, defanged: bool, port: int | None) -> Found:
    reason = _address_reason(value)
    if reason is None and not defanged and port is None and kind == "ipv4-addr" and "/" not in value:
        single_digits = len(value) == 7
        if single_digits or _VERSION_WORD.search(before):
            reason = LIKE_A_VERSION
    return Found(0, source, kind, value, reason is None, reason, port)


def _address_reason(value: str) -> str | None:
    network = ipaddress.ip_network(value)
    if any(network.network_address in known and network.broadcast_address in known for known in _DOCUMENTATION_RANGES):
        return DOCUMENTATION
    return None if network.is_global and not network.is_multicast else PRIVATE


def _domain(source: str, text: str, defanged: bool, port: int | None) -> Found | None:
    name = values.domain(text)
    if not _is_public_name(name, text):
        return None
    reason = _name_reason(name)
    labels = name.split(".")
    if reason is None and not defanged and port is None and labels[-1] in _FILE_ENDINGS and labels[0] != "www":
        reason = LIKE_A_FILE
    return Found(0, source, "domain-name", name, reason is None, reason, port)


def _email(source: str, text: str) -> Found | None:
    if not _EMAIL.fullmatch(text):
        return None
    host = values.domain(text.rpartition("@")[2])
    if not _is_public_name(host, host):
        return None
    reason = _name_reason(host)
    return Found(0, source, "email-addr", values.email(text), reason is None, reason)


def _url(source: str, text: str) -> Found:
    text = text[: _url_length(text)]
    host = values.url_host(text) or ""
    address = values.address(host)
    if address:
        reason = _address_reason(address[1])
    else:
        reason = _name_reason(host) or (None if _is_public_name(host, host) else NOT_PUBLIC)
    return Found(0, source, "url", values.url(text), reason is None, reason)


def _url_length(text: str) -> int:
    """Where a URL ends that stands in prose: before punctuation, and before a bracket that it did not open itself."""
    spare = {close: text.count(close) - text.count(opening) for opening, close in ("()", "[]", "{}")}
    end = len(text)
    while end and (text[end - 1] in _URL_END or spare.get(text[end - 1], 0) > 0):
        end -= 1
        if text[end] in spare:
            spare[text[end]] -= 1
    return end


def _name_reason(name: str) -> str | None:
    special = name.endswith(_SPECIAL_ENDINGS) or any(name == s or name.endswith("." + s) for s in _SPECIAL_NAMES)
    return DOCUMENTATION if special else None


def _is_public_name(name: str, written: str) -> bool:
    """Whether this may be a name on the Internet: labels of the right form, ending as the public suffix list has it."""
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or not all(map(_LABEL.fullmatch, written.rstrip(".").split("."))):
        return False
    if labels[-1] in {"example", "test", "invalid"}:
        return True
    return bool(_suffixes()(name).suffix)


@cache
def _suffixes() -> tldextract.TLDExtract:
    """The public suffix list that comes with the library: nothing is fetched and nothing is written."""
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def _port(text: str | None) -> int | None:
    return int(text) if text and 0 < int(text) < 65_536 else None
