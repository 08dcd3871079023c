"""The query language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cert.search.query import Query, Term, parse

ID = "indicator--6f0f5a5e-5f0a-4b53-9a3e-0d5a1a7f2c11"


def test_it_reads_plain_words_by_their_stems() -> None:
    assert parse("Servidores caídos").terms == (Term(("servidores",), "servidor"), Term(("caidos",), "caid"))


def test_it_reads_quoted_words_as_they_stand_side_by_side() -> None:
    assert parse('"Otay Mesa" carril').terms == (Term(("otay", "mesa")), Term(("carril",), "carril"))


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("nation:MX", (("nation", ("mx",)),)),
        ("type:incident type:note", (("type", ("incident", "note")),)),
        ("handling:TLP:AMBER+STRICT", (("handling", ("amber+strict",)),)),
        ('severity:"high"', (("severity", ("high",)),)),
        ("system:infrastructure--1", (("system", ("infrastructure--1",)),)),
        ("RSIT:availability", (("rsit", ("availability",)),)),
    ],
)
def test_it_reads_filters(text: str, filters: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
    assert parse(text) == Query((), filters)


def test_it_adds_the_filters_chosen_beside_the_box() -> None:
    query = parse("nation:mx", {"nation": ["us"], "type": ["incident"], "colour": ["red"]})

    assert query == Query((), (("nation", ("us", "mx")), ("type", ("incident",))))


@pytest.mark.parametrize("text", ["sector:energía", "type:", "nation:  "])
def test_it_reads_an_unknown_or_empty_field_as_words(text: str) -> None:
    query = parse(text)

    assert query.filters == ()
    assert query.terms[0].words[0] in {"sector", "type", "nation"}


@pytest.mark.parametrize(
    ("text", "words", "key"),
    [
        ("evil[.]mx", ("evil", "mx"), "domain-name:evil.mx"),
        ("niño.mx,", ("nino", "mx"), "domain-name:xn--nio-8ma.mx"),
        ("hxxp://evil[.]mx", ("http", "evil", "mx"), "url:http://evil.mx/"),
        ("(203.0.113.7)", ("203", "0", "113", "7"), "ipv4-addr:203.0.113.7"),
        ("a[arroba]evil[punto]mx", ("a", "evil", "mx"), "email-addr:a@evil.mx"),
        ("AB" * 16, ("ab" * 16,), "file:md5:" + "ab" * 16),
        ("cve-2026-12345", ("cve", "2026", "12345"), "vulnerability:CVE-2026-12345"),
    ],
)
def test_it_reads_an_observable_in_any_spelling(text: str, words: tuple[str, ...], key: str) -> None:
    (term,) = parse(text).terms

    assert (term.words, term.keys) == (words, (key,))


def test_it_reads_a_stix_id() -> None:
    assert parse(ID).terms[0].keys == (f"id:{ID}",)


def test_it_finds_an_incident_number_by_its_parts_in_order() -> None:
    assert parse("MX-2026-K7Q4ZD").terms == (Term(("mx", "2026", "k7q4zd")),)


@pytest.mark.parametrize("text", ["", "  ", "¿?", '"', '""', ":", "[.]"])
def test_it_asks_for_everything_where_nothing_is_said(text: str) -> None:
    assert parse(text) == Query()


@given(st.text(max_size=200))
def test_it_never_raises(text: str) -> None:
    assert isinstance(parse(text), Query)


@given(st.lists(st.sampled_from(["http://", "[", "]", "@", ".", "nation:", '"', "ñ", "::1", "a", "0", "/", " ", "%"])))
def test_it_never_raises_on_broken_observables(pieces: list[str]) -> None:
    assert isinstance(parse("".join(pieces)), Query)
