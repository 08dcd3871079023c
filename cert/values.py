"""One spelling for one value: addresses, domains, URLs, e-mail addresses and hashes as compared (SX-48, SX-52).

Nothing here changes a stored object. A value that is not what it claims to be keeps its own text, in lower case, so
that two people who made the same mistake still meet.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

import idna

_DOT = re.compile(r" ?[\[({] ?(?:\.|dot|punto) ?[\])}] ?", re.IGNORECASE)
_AT = re.compile(r" ?[\[({] ?(?:@|at|arroba) ?[\])}] ?", re.IGNORECASE)
_MARK = re.compile(r"[\[({](://|:/|:|//|/)[\])}]")
_SCHEME = re.compile(r"\b(?:h(?:xx|tt|\*\*|[\[({](?:xx|tt)[\])}])p|meow)[\[({]?(s?)[\])}]?://", re.IGNORECASE)
# Quicker than the four above, and found in every text that one of them would change.
_BRACKETED = re.compile(r"[\[({](?: ?(?:\.|dot|punto|@|at|arroba) ?|://|:/|:|//|/|xx|tt)[\])}]", re.IGNORECASE)
_ODD_SCHEME = re.compile(r"(?!(?-i:https?://))(?:h(?:xx|tt|\*\*)p|meow)", re.IGNORECASE)
_SHA = re.compile(r"sha(1|224|256|384|512)")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_PLAIN_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)  # most that comes; ipaddress is slow
_PLAIN_URL = re.compile(r"https?://([a-z0-9.-]+)/[\w./~%+&=,-]*", re.ASCII)  # most that comes; urlsplit is slow
_LEADING_ZEROS = re.compile(r"(?<![\d])0+(?=\d)")
_HEX = re.compile(r"[0-9a-fA-F]+")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21}
_DOMAIN_MAX = 1_000  # longer is no domain, and IDNA is slow on long labels


def refang(text: str) -> str:
    """The text with defanging undone: `hxxp://evil[.]mx`, `h[tt]p`, `meow://`, `a[arroba]b(dot)mx`, `[punto]`."""
    if not _looks_defanged(text):
        return text
    text = _MARK.sub(r"\1", _AT.sub("@", _DOT.sub(".", text)))
    return _SCHEME.sub(lambda found: f"http{found[1].lower()}://", text)


def address(text: str) -> tuple[str, str] | None:
    """The type and the one spelling of an IP address or network, or None if it is neither.

    `203.0.113.007` and `203.0.113.7/32` are `203.0.113.7`; an IPv4-mapped IPv6 address is the IPv4 address (SX-99).
    Host bits of a network are dropped.
    """
    if _PLAIN_IPV4.fullmatch(text):
        return "ipv4-addr", text
    if ":" not in text and not text[-1:].isdigit():
        return None  # a name, as most that is asked about is
    bare = _LEADING_ZEROS.sub("", text) if ":" not in text else text
    try:
        network = ipaddress.ip_network(bare, strict=False)
    except ValueError:
        return None
    if network.prefixlen < network.max_prefixlen:
        return f"ipv{network.version}-addr", str(network)
    single = network.network_address
    mapped = single.ipv4_mapped if isinstance(single, ipaddress.IPv6Address) else None
    return ("ipv4-addr", str(mapped)) if mapped else (f"ipv{single.version}-addr", str(single))


def domain(text: str) -> str:
    """A domain name in lower case, without the trailing dot, as A-labels (`niño.mx` is `xn--nio-8ma.mx`)."""
    bare = text.strip().rstrip(".").lower()
    if bare.isascii() or len(bare) > _DOMAIN_MAX:
        return bare
    try:
        return idna.encode(bare, uts46=True).decode().lower()
    except idna.IDNAError:
        return bare


def email(text: str) -> str:
    """An e-mail address in lower case, its domain as A-labels."""
    local, at, host = text.strip().rpartition("@")
    return f"{local.lower()}@{domain(host)}" if at else text.strip().lower()


def url(text: str) -> str:
    """A URL with scheme and host in one spelling, without a default port; path and query stay as they are."""
    return url_and_host(text)[0]


def url_host(text: str) -> str | None:
    """The host of a URL in one spelling: an address or a domain name; None if there is none."""
    return url_and_host(text)[1]


def url_and_host(text: str) -> tuple[str, str | None]:
    """A URL and its host, each in one spelling, as `url` and `url_host` give them."""
    plain = _PLAIN_URL.fullmatch(text)
    if plain is not None and _host(plain[1]) == plain[1]:
        return text, plain[1]
    parts = _split(text)
    if parts is None or not parts.hostname:
        return text, None
    host = _host(parts.hostname)
    user, at, _ = parts.netloc.rpartition("@")
    shown = f"[{host}]" if ":" in host else host
    port = parts.port
    tail = f":{port}" if port and port != _DEFAULT_PORTS.get(parts.scheme) else ""
    return parts._replace(netloc=f"{user}{at}{shown}{tail}", path=parts.path or "/").geturl(), host


def _host(name: str) -> str:
    found = address(name)
    return found[1] if found else domain(name)


def algorithm(name: str) -> str:
    """A hash algorithm's name in lower case, as STIX spells it: `SHA256` and `SHA-256` are `sha-256` (SX-94)."""
    return _SHA.sub(r"sha-\1", name.lower())


def digest(text: str) -> str:
    """A hash in lower case where it is hexadecimal; a fuzzy hash keeps its case."""
    return text.lower() if _HEX.fullmatch(text) else text


def _looks_defanged(text: str) -> bool:
    bracketed = "[" in text or "(" in text or "{" in text
    if bracketed and _BRACKETED.search(text) is not None:
        return True
    return "://" in text and _ODD_SCHEME.search(text) is not None


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text.strip())
        _ = parts.port  # a port that is no number is found only when asked for
    except ValueError:
        return None
    return parts
