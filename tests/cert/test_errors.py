"""A sentence and what fills it: told whole in English, kept in a table, and said on a page in the reader's language."""

import pytest
from flask import Flask
from flask_babel import Babel, force_locale

from cert.errors import NotFound, PeerUnreachable, Phrase, kept
from cert.portal import words

LOST = Phrase("The checkpoint after entry %(number)d does not fit the entries before it.", {"number": 7})
FROZEN = PeerUnreachable("%(peer)s (%(url)s) cannot be read: %(why)s", peer="CERT", url="https://x/", why=LOST)
PHRASES = [
    LOST,
    FROZEN.phrase,
    Phrase(),
    Phrase("whole, with 100 % and %(nothing)s to fill it"),
    Phrase("%(a)s and %(b)s", {"a": "%(b)s", "b": 'quotes " and \u0000 and \ud800'}),
]


@pytest.mark.parametrize("phrase", PHRASES, ids=str)
def test_it_is_the_same_after_a_table_has_kept_it(phrase: Phrase) -> None:
    assert kept(phrase.sentence, phrase.values()) == phrase
    assert phrase.values().isascii()  # whatever came from a peer, any database takes it


def test_it_keeps_of_what_it_was_given_only_what_it_says() -> None:
    refused = NotFound("x", "There is no log named %(log)s on this node.", log=["a", "b"], secret="s")

    assert kept(refused.sentence, refused.phrase.values()).data == {"log": "['a', 'b']"}


def test_it_is_whole_english_for_logs_and_machines() -> None:
    assert str(FROZEN) == str(FROZEN.phrase)
    assert str(FROZEN) == (
        "CERT (https://x/) cannot be read: The checkpoint after entry 7 does not fit the entries before it."
    )


def test_it_is_said_in_the_reader_s_language_inside_and_out() -> None:
    app = Flask("cert.portal.app")
    Babel(app)
    with app.test_request_context(), force_locale("es"):
        assert words.sentence(FROZEN) == (
            "No se puede leer a CERT (https://x/): "
            "El punto de control tras la entrada 7 no corresponde a las entradas anteriores."
        )
        assert words.sentence(Phrase("another server's own words")) == "another server's own words"
        assert words.sentence(Phrase()) == ""
