"""How text becomes words to search by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cert.search.words import WORD_MAX, WORDS_MAX, fold, stem, tokens


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
        ("acción", "accio\u0301n"),
        ("ЮЖНЫЙ", "южный"),
        ("Ñandú — «año»", "nandu ano"),
        ("e\u00advil", "evil"),
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


@given(st.text(st.characters(codec="utf-8", exclude_characters="[({:"), max_size=30))
def test_it_folds_a_text_alike_whatever_stands_beside_it(text: str) -> None:
    """Most texts are folded by a shorter way; one word of another alphabet sends all of a text the long way."""
    assert tokens(f"{text} южный") == [*tokens(text), *tokens("южный")]


def test_it_reads_a_bounded_number_of_words() -> None:
    assert len(tokens("x " * (WORDS_MAX + 5))) == WORDS_MAX


@pytest.mark.parametrize("letter", ["a", "ñ", "ж"])
def test_it_knows_a_long_word_by_its_beginning(letter: str) -> None:
    """However long a word is, its term fits every engine, and whoever asks for all of it finds it."""
    long = letter * (WORD_MAX + 50)

    assert tokens(f"{long} fin") == [*tokens(letter * WORD_MAX), "fin"]
    assert tokens(long) == tokens(letter * (WORD_MAX + 1))
    assert tokens(long) != tokens(letter * (WORD_MAX - 1))
    assert all(len(word) <= WORD_MAX for word in fold(long))
