"""Pasted text in, typed observables out."""

import time

import pytest

from cert.errors import Refused
from cert.extract import (
    DOCUMENTATION,
    EMPTY_FILE,
    LIKE_A_FILE,
    LIKE_A_VERSION,
    NOT_FILED,
    NOT_PUBLIC,
    PRIVATE,
    TEXT_MAX,
    Found,
    extract,
)

LINEAR_S = 10
"""Of processor time: what is linear takes 0.3 s on a machine without other work, and what is not takes minutes."""


def one(text: str) -> Found:
    (found,) = extract(text)
    return found


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("visto en 185[.]220[.]101[.]45 ayer", "ipv4-addr", "185.220.101.45"),
        ("la red 45.9.148.0/24.", "ipv4-addr", "45.9.148.0/24"),
        ("host 45.9.148.7/32", "ipv4-addr", "45.9.148.7"),
        ("dst=45.9.148.7;", "ipv4-addr", "45.9.148.7"),
        ("IP:45.9.148.7", "ipv4-addr", "45.9.148.7"),
        ("ip(45.9.148.7)", "ipv4-addr", "45.9.148.7"),
        ("2A00:1450:4009:080b::200e", "ipv6-addr", "2a00:1450:4009:80b::200e"),
        ("evil(.)x(.)net", "domain-name", "evil.x.net"),
        ("info[dot]evil[.]mx", "domain-name", "info.evil.mx"),
        ("otro-sitio[punto]com", "domain-name", "otro-sitio.com"),
        ("evil [.] com", "domain-name", "evil.com"),
        ("Entró por EVIL.MX. Luego salió", "domain-name", "evil.mx"),
        ("niño.mx", "domain-name", "xn--nio-8ma.mx"),
        ("«www.sat.gob.mx»", "domain-name", "www.sat.gob.mx"),
        ("evil.mx/malware.exe", "domain-name", "evil.mx"),
        ("main[.]py", "domain-name", "main.py"),
        ("a[arroba]b[punto]mx", "email-addr", "a@b.mx"),
        ("<Root@Niño.mx>", "email-addr", "root@xn--nio-8ma.mx"),
        ("mailto:ana@evil.mx", "email-addr", "ana@evil.mx"),
        ("h[tt]p://malo.mx/a(b)", "url", "http://malo.mx/a(b)"),
        ("(ver hxxps://malo[.]mx:8443/p?q=1).", "url", "https://malo.mx:8443/p?q=1"),
        ("meow://gato.mx/x", "url", "http://gato.mx/x"),
        ("http[:]//c2.mx", "url", "http://c2.mx/"),
        ("MD5: 0CC175B9C0F1B6A831C399E269772661", "file:MD5", "0cc175b9c0f1b6a831c399e269772661"),
        ("sha1=" + "ab" * 20, "file:SHA-1", "ab" * 20),
        ("ab" * 32, "file:SHA-256", "ab" * 32),
        ("ab" * 64, "file:SHA-512", "ab" * 64),
    ],
)
def test_it_finds_what_an_officer_pastes(text: str, kind: str, value: str) -> None:
    found = one(text)

    assert (found.type, found.value, found.tick, found.reason) == (kind, value, True, None)


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("203.0.113.7", "203.0.113.7", DOCUMENTATION),
        ("203.0.113.0/25", "203.0.113.0/25", DOCUMENTATION),
        ("2001:db8::1", "2001:db8::1", DOCUMENTATION),
        ("evil.example", "evil.example", DOCUMENTATION),
        ("https://www.example.com/", "https://www.example.com/", DOCUMENTATION),
        ("10.2.3.1", "10.2.3.1", PRIVATE),
        ("fe80::1", "fe80::1", PRIVATE),
        ("224.0.0.1", "224.0.0.1", PRIVATE),
        ("README.md", "readme.md", LIKE_A_FILE),
        ("main.py", "main.py", LIKE_A_FILE),
        ("logs.zip", "logs.zip", LIKE_A_FILE),
        ("section 1.2.3.4", "1.2.3.4", LIKE_A_VERSION),
        ("versión 14.22.31.44", "14.22.31.44", LIKE_A_VERSION),
        ("v2.14.6.11", "2.14.6.11", LIKE_A_VERSION),
        ("http://servidor/x", "http://servidor/x", NOT_PUBLIC),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e", EMPTY_FILE),
        ("T1566.001", "T1566.001", NOT_FILED),
        ("HKLM\\Software\\Run", "HKLM\\Software\\Run", NOT_FILED),
    ],
)
def test_it_leaves_unticked_what_is_probably_none_and_says_why(text: str, value: str, reason: str) -> None:
    found = one(text)

    assert (found.value, found.tick, found.reason) == (value, False, reason)


@pytest.mark.parametrize(
    ("text", "value", "port"),
    [
        ("185[.]220[.]101[.]45:8443", "185.220.101.45", 8443),
        ("evil.mx:443", "evil.mx", 443),
        ("[2a00:1450::1]:53", "2a00:1450::1", 53),
        ("evil.mx:99999", "evil.mx", None),
    ],
)
def test_it_keeps_the_port(text: str, value: str, port: int | None) -> None:
    found = one(text)

    assert (found.value, found.port) == (value, port)


@pytest.mark.parametrize(
    "text",
    ["", "p.ej. etc.", "S.A. de C.V.", "a las 12:30:45 del 2026-01-01T00:00:00Z", "3.14", "setup.exe", "a@b",
     "C:\\Users\\ana\\main.py", "/var/log/app.py", "::", "...", "@", "http://", "1.2.3", "Fin.Luego"],
)  # fmt: skip
def test_it_finds_nothing_in_ordinary_text(text: str) -> None:
    assert extract(text) == []


def test_it_says_where_each_stood_and_lists_it_once() -> None:
    text = "primero evil[.]mx\n\ny 45.9.148.7->45.9.148.8:443, otra vez EVIL.MX"

    found = extract(text)

    assert [(f.row, f.source, f.value) for f in found] == [
        (1, "evil[.]mx", "evil.mx"),
        (3, "45.9.148.7", "45.9.148.7"),
        (3, "45.9.148.8:443", "45.9.148.8"),
    ]


def test_it_refuses_a_text_that_is_too_long() -> None:
    with pytest.raises(Refused, match="in parts"):
        extract("a" * (TEXT_MAX + 1))


def test_it_refuses_rather_than_cuts_off_too_many() -> None:
    with pytest.raises(Refused, match="more than 2 observables"):
        extract("a.mx b.mx c.mx", limit=2)


@pytest.mark.parametrize(
    "piece",
    ["visto en 185[.]220[.]101[.]45:8443 y hxxp://malo[.]mx/a, ", "palabra normal sin nada ", "a.", "[.", "1:", "a@",
     "a", "http://", "a=b.c(", "[ . ] ", "ñ.", "(", "aaaa.mx ", "http://a.mx)"],
)  # fmt: skip
def test_it_takes_linear_time(piece: str) -> None:
    text = piece * (184_000 // len(piece))
    begin = time.process_time()

    extract(text)

    assert time.process_time() - begin < LINEAR_S


def test_it_reads_a_url_with_a_long_tail_of_brackets_in_linear_time() -> None:
    begin = time.process_time()

    found = one("http://a.mx/" + ")" * 180_000)

    assert found.value == "http://a.mx/"
    assert time.process_time() - begin < LINEAR_S
