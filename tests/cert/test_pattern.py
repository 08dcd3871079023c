"""STIX patterns: what is one, what is none, and that a hostile one costs little."""

import time

import pytest
from stix2patterns.validator import validate  # type: ignore[import-untyped]  # it ships no types

from cert.pattern import pattern_problem

LINEAR_S = 10
"""Of processor time: what is linear takes 0.3 s on a machine without other work, and what is not takes minutes."""

GOOD = [
    "[ipv4-addr:value = '203.0.113.7']",
    f"[file:hashes.'SHA-256' = '{'e' * 64}' OR file:name IN ('factura.exe', 'aviso.exe')]",
    "[network-traffic:dst_ref.value ISSUBSET '2001:db8::/32' AND network-traffic:dst_port NOT != 443]",
    "([domain-name:value LIKE '%.example'] FOLLOWEDBY [url:value MATCHES '^https']) WITHIN 5 SECONDS",
    "[file:extensions.'windows-pebinary-ext'.sections[*].entropy > 7.0] REPEATS 3 TIMES",
    "[x:created = t'2026-03-14T08:30:00Z'] START t'2026-03-14T08:30:00Z' STOP t'2026-03-15T08:30:00Z'",
    "[artifact:payload_bin = b'aG9sYQ==' OR file:magic_number_hex = h'ffd8' OR EXISTS file:name]",
    "[user-account:is_disabled = true AND (process:pid >= 7 OR process:name = 'it\\'s')]",
    "[a:b[0].c = 1] AND [a:b[*] = 2] OR [a:b = -1.5]",
]
BAD = [
    " ",
    "ipv4-addr:value = '203.0.113.7'",
    "[ipv4-addr:value = 203.0.113.7]",
    "[ipv4-addr:value = ]",
    "[ipv4-addr = 'x']",
    "[ipv4-addr:value = 'x'",
    "[ipv4-addr:value = 'x']]",
    "[ipv4-addr:value LIKE 7]",
    "[ipv4-addr:value = 'x' and ipv4-addr:value = 'y']",
    "[a:b = 1] WITHIN 5 HOURS",
    "[a:b = 1] WITHIN -5 SECONDS",
    "[a:b = 1] REPEATS 2 TIMES REPEATS 3 TIMES",
    "[a:b = t'2026-13-01T00:00:00Z']",
    "[a:b = h'abc']",
    "[a:b[x] = 1]",
    "[a:b = 'x' OR]",
    "[AND:b = 'x']",
]


@pytest.mark.parametrize("text", GOOD)
def test_it_takes_what_the_official_grammar_takes(text: str) -> None:
    assert validate(text, stix_version="2.1")
    assert pattern_problem(text) is None


@pytest.mark.parametrize("text", BAD)
def test_it_finds_a_problem_where_the_official_grammar_does(text: str) -> None:
    assert not validate(text, stix_version="2.1")
    assert pattern_problem(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" + " OR ".join(["a:b = 'x'"] * 10_000) + "]",
        "[" + "(" * 500 + "a:b = 'x'" + ")" * 500 + "]",
        "(" * 100_000,
        "x" * 2_000_000,
        "[a:b = '" + "\\'" * 400_000,
        "[a:b = " + "1" * 900_000 + "]",
    ],
    ids=["many", "deep", "open", "long", "escapes", "digits"],
)
def test_it_answers_a_hostile_pattern_in_linear_time(text: str) -> None:
    before = time.process_time()
    pattern_problem(text)
    assert time.process_time() - before < LINEAR_S
