"""What an object can be linked by."""

import time
from typing import Any

import pytest

from cert.extension import PUENTE
from cert.keys import CARRIES, KEYS_MAX, STOPS, keys, pattern_keys, value_keys

LINEAR_S = 10
"""Of processor time: what is linear takes 0.3 s on a machine without other work, and what is not takes minutes."""

SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def of_pattern(pattern: str) -> set[str]:
    return set(pattern_keys(pattern))


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("ipv4-addr", "203.0.113.7", {"ipv4-addr:203.0.113.7"}),
        ("ipv4-addr", "203.0.113.7/32", {"ipv4-addr:203.0.113.7"}),
        ("ipv4-addr", "203.000.113.007", {"ipv4-addr:203.0.113.7"}),
        ("ipv4-addr", "203.0.113.77/24", {"ipv4-addr:203.0.113.0/24"}),
        ("ipv4-addr", "203[.]0[.]113[.]7", {"ipv4-addr:203.0.113.7"}),
        ("ipv4-addr", "not an address", {"ipv4-addr:not an address"}),
        ("ipv6-addr", "2001:DB8:0:0::1/128", {"ipv6-addr:2001:db8::1"}),
        ("ipv6-addr", "::ffff:203.0.113.7", {"ipv4-addr:203.0.113.7"}),
        ("domain-name", "EVIL.example.", {"domain-name:evil.example"}),
        ("domain-name", "niño.mx", {"domain-name:xn--nio-8ma.mx"}),
        ("domain-name", "evil[.]example", {"domain-name:evil.example"}),
        ("url", "HXXP://Evil[.]example:80", {"url:http://evil.example/", "domain-name:evil.example"}),
        ("url", "https://203.0.113.7/A?b=C", {"url:https://203.0.113.7/A?b=C", "ipv4-addr:203.0.113.7"}),
        ("url", "http://[2001:DB8::1]:8080/", {"url:http://[2001:db8::1]:8080/", "ipv6-addr:2001:db8::1"}),
        ("url", "http://[broken", {"url:http://[broken"}),
        ("email-addr", "Ana@Evil.example", {"email-addr:ana@evil.example", "domain-name:evil.example"}),
        ("email-addr", "somebody@gmail.com", {"email-addr:somebody@gmail.com"}),
        ("mac-addr", "AA-BB-CC-00-11-22", {"mac-addr:aa:bb:cc:00:11:22"}),
        ("mutex", "Global\\Evil", {"mutex:Global\\Evil"}),
    ],
)
def test_it_spells_a_value_in_one_way(kind: str, written: str, expected: set[str]) -> None:
    assert set(value_keys(kind, written)) == expected


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"type": "ipv4-addr", "value": "203.0.113.7"}, {"ipv4-addr:203.0.113.7"}),
        ({"type": "autonomous-system", "number": 64500}, {"autonomous-system:64500"}),
        (
            {"type": "file", "name": "factura.exe", "hashes": {"SHA256": SHA256.upper(), "SSDEEP": "3:aBc:dEf"}},
            {f"file:sha-256:{SHA256}", "file:ssdeep:3:aBc:dEf"},
        ),
        ({"type": "artifact", "hashes": {"SHA-1": "ABCD"}}, {"file:sha-1:abcd"}),
        ({"type": "x509-certificate", "hashes": {"SHA-1": "ABCD"}}, {"x509-certificate:sha-1:abcd"}),
        (
            {"type": "vulnerability", "name": "cve-2026-12345", "external_references": [{"external_id": "CWE-79"}]},
            {"vulnerability:CVE-2026-12345"},
        ),
        (
            {"type": "vulnerability", "external_references": [{"source_name": "cve", "external_id": "CVE-2026-9999"}]},
            {"vulnerability:CVE-2026-9999"},
        ),
        (
            {
                "type": "incident",
                "extensions": {
                    PUENTE: {
                        "system_refs": [
                            "infrastructure--aaaaaaaa-1111-4111-8111-111111111111",
                            "infrastructure--bbbbbbbb-1111-4111-8111-111111111111",
                        ]
                    }
                },
            },
            {
                "system:infrastructure--aaaaaaaa-1111-4111-8111-111111111111",
                "system:infrastructure--bbbbbbbb-1111-4111-8111-111111111111",
            },
        ),
        (
            {
                "type": "incident",
                "extensions": {"other": {"system_refs": ["infrastructure--aaaaaaaa-1111-4111-8111-111111111111"]}},
            },
            set(),
        ),
        ({"type": "indicator", "pattern_type": "sigma", "pattern": "[ipv4-addr:value = '203.0.113.7']"}, set()),
        ({"type": "indicator", "pattern_type": "stix", "pattern": "[url:value = 'x']", "revoked": True}, set()),
        ({"type": "identity", "name": "203.0.113.7"}, set()),
        ({}, set()),
    ],
)
def test_it_states_what_the_object_itself_says(obj: dict[str, Any], expected: set[str]) -> None:
    assert keys(obj) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ipv4-addr:value = '203.0.113.7']", {"ipv4-addr:203.0.113.7"}),
        ("[ipv4-addr:value == '203.0.113.7' OR mutex:name='x']", {"ipv4-addr:203.0.113.7", "mutex:x"}),
        ("[ipv4-addr:value='203.0.113.7']", {"ipv4-addr:203.0.113.7"}),
        ("[ ipv4-addr:value  =  '203.0.113.7' ]", {"ipv4-addr:203.0.113.7"}),
        ("[url:value = 'hxxp://evil[.]example/a']", {"url:http://evil.example/a", "domain-name:evil.example"}),
        (f"[file:hashes.'SHA-256' = '{SHA256}']", {f"file:sha-256:{SHA256}"}),
        (f"[file:hashes.SHA256 = '{SHA256}']", {f"file:sha-256:{SHA256}"}),
        ("[network-traffic:dst_ref.value = '203.0.113.7']", {"ipv4-addr:203.0.113.7"}),
        ("[network-traffic:src_ref.value = 'evil.example']", {"domain-name:evil.example"}),
        ("[email-message:from_ref.value = 'a@b.example']", {"email-addr:a@b.example", "domain-name:b.example"}),
        (r"[mutex:name = 'it\'s \\ there']", {r"mutex:it's \ there"}),
        ("[autonomous-system:number = 64500]", {"autonomous-system:64500"}),
        ("([mutex:name = 'a'] AND [mutex:name = 'b']) WITHIN 5 SECONDS", {"mutex:a", "mutex:b"}),
        ("[mutex:name = 'a'] FOLLOWEDBY [mutex:name = 'b'] REPEATS 2 TIMES", {"mutex:a", "mutex:b"}),
        ("[mutex:name NOT = 'a']", set()),
        ("[mutex:name != 'a' AND mutex:name LIKE 'b%' AND mutex:name MATCHES 'c']", set()),
        ("[mutex:name > 'd' AND mutex:name <= 'e']", set()),
        ("[EXISTS mutex:name]", set()),
        ("[process:name = 'ipv4-addr:value = 1']", set()),
        ("[file:name = 'factura.exe']", set()),
        ("[mutex:name = ", set()),
    ],
)  # fmt: skip
def test_it_takes_apart_the_equals_comparisons_of_a_pattern(pattern: str, expected: set[str]) -> None:
    assert of_pattern(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "[ipv4-addr:value = '" + "a" * 1_000_000,
        "'" + "\\'" * 500_000,
        "a" * 1_000_000,
        "a:" * 500_000,
        "a:" + "b." * 500_000,
        "a-" * 500_000,
        "a:b[" * 250_000,
        "(" * 1_000_000,
        "[url:value = '" + "http://" * 140_000 + "']",
        "[domain-name:value = '" + "ñ." * 500_000 + "']",
        "[domain-name:value = '" + "[ ." * 300_000 + "']",
        "[ipv4-addr:value = '" + "0" * 1_000_000 + "']",
        "[" + " OR ".join(f"mutex:name = '{n}'" for n in range(40_000)) + "]",
    ],
    ids=lambda pattern: pattern[:24],
)
def test_it_reads_a_hostile_pattern_within_bounds(pattern: str) -> None:
    begin = time.process_time()

    found = keys({"type": "indicator", "pattern_type": "stix", "pattern": pattern})

    assert time.process_time() - begin < LINEAR_S
    assert len(found) <= KEYS_MAX
    assert all(len(key) < 1_100 for key in found)


def test_it_never_follows_an_author_or_a_marking() -> None:
    assert CARRIES.isdisjoint({"created_by_ref", "object_marking_refs", "marking_ref", "where_sighted_refs"})


def test_it_never_goes_through_what_everybody_shares() -> None:
    assert {"identity", "location", "attack-pattern", "infrastructure", "marking-definition"} <= STOPS
