"""How text becomes words to search by."""

import pytest

from cert.search.words import WORDS_MAX, fold, stem, tokens


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("telecomunicación", "telecomunicaciones"),
        ("Telecomunicación", "TELECOMUNICACION"),
        ("red", "redes"),
        ("luz", "luces"),
        ("dato", "datos"),
        ("base", "bases"),
        ("día", "días"),
        ("país", "países"),
        ("servidor", "servidores"),
        ("ley", "leyes"),
        ("attack", "attacks"),
        ("company", "companies"),
        ("address", "addresses"),
        ("service", "services"),
        ("vulnerability", "vulnerabilities"),
        ("incidente", "incidents"),
        ("energía", "energy"),
        ("ﬁchero", "fichero"),
        ("Straße", "STRASSE"),
    ],
)
def test_it_finds_one_by_the_other(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("banco", "bandas"), ("port", "puerto"), ("red", "rede5"), ("red", "rey")])
def test_it_keeps_different_words_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize("word", ["as", "x", "203", "k7q4zd", "a" * 41])
def test_it_leaves_what_is_no_word_as_it_is(word: str) -> None:
    assert stem(word) == word


def test_it_takes_an_observable_apart_and_undoes_defanging() -> None:
    assert tokens("hxxp://evil[.]niño.mx/a_b") == ["http", "evil", "nino", "mx", "a", "b"]


def test_it_reads_a_bounded_number_of_words() -> None:
    assert len(tokens("x " * (WORDS_MAX + 5))) == WORDS_MAX
