"""The follower `search`: the index is what is current in the record, whatever happens on the way."""

import shutil
from typing import Any

import pytest

from cert.search import fill
from cert.search.query import parse
from cert.store import log
from cert.store.engine import reading
from config.cast import MX, US
from tests.cast import HOUR, START, Node, address, incident, indicator, made_id, marked

SECRET = made_id("marking-definition", 9)


def found(mx: Node, text: str, login: str = "luis") -> int:
    return mx.index.search(parse(text), mx.viewer(login).labels, 99).count


def test_it_finds_what_was_filed(mx: Node) -> None:
    mx.file("luis", title="Telecomunicación caída", paste="203.0.113.7")
    mx.settle()

    assert found(mx, "telecomunicacion") == 1
    assert found(mx, "203.0.113[.]7") >= 2


def test_it_indexes_the_line_as_it_is_now_and_not_what_the_entry_said(mx: Node) -> None:
    mx.say(incident(1, name="viejo"))
    mx.say(incident(1, START + HOUR, name="nuevo"))
    mx.settle()

    assert (found(mx, "viejo"), found(mx, "nuevo")) == (0, 1)


def test_it_keeps_a_late_older_version_out_of_the_index(mx: Node) -> None:
    mx.say(incident(1, START + HOUR, name="nuevo"))
    mx.settle()
    mx.say(incident(1, name="viejo"))
    mx.settle()

    assert (found(mx, "viejo"), found(mx, "nuevo")) == (0, 1)


def test_it_hides_at_once_what_has_become_stricter(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    mx.settle()
    assert found(mx, "suceso", "raul") == 1

    mx.say(incident(1, START + HOUR, object_marking_refs=marked("red")))
    mx.settle()

    assert (found(mx, "suceso", "raul"), found(mx, "suceso", "ana")) == (0, 1)


def test_it_takes_what_its_author_has_withdrawn_out_of_the_index(mx: Node) -> None:
    mx.say(indicator(1))
    mx.settle()
    mx.say(indicator(1, START + HOUR, revoked=True))
    mx.settle()

    assert found(mx, "señal") == 0


def test_it_relabels_everything_under_a_marking_that_arrives(mx: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some lines came long before; all follow, a few at a time."""
    monkeypatch.setattr(fill, "RELABEL", 2)
    definition: dict[str, Any] = {"definition_type": "statement", "definition": {"statement": "Solo aduanas"}}
    made = {"type": "marking-definition", "spec_version": "2.1", "id": SECRET, "created": "2026-01-01T00:00:00.000Z"}
    mx.say(*(incident(n, object_marking_refs=[SECRET]) for n in range(5)), org=MX.agencies[0])
    mx.settle()
    assert (found(mx, "suceso", "luis"), found(mx, "suceso", "raul")) == (0, 5)

    mx.say({**made, **definition}, org=MX.agencies[0])
    mx.settle()

    assert (found(mx, "suceso", "luis"), found(mx, "suceso", "raul")) == (5, 5)


def test_it_indexes_each_statement_on_one_address_under_its_own_audience(mx: Node) -> None:
    mx.say(address("203.0.113.7", object_marking_refs=marked("green")))
    mx.say(address("203.0.113.7", object_marking_refs=marked("red")), org=US.name)
    mx.settle()

    assert (found(mx, "203.0.113.7", "luis"), found(mx, "203.0.113.7", "ana")) == (1, 2)


def test_it_fills_a_lost_folder_again_from_the_first_entry(mx: Node) -> None:
    for n in range(3):
        mx.say(incident(n))
    mx.settle()
    before = mx.index.count()
    mx.opened.pop().close()
    shutil.rmtree(mx.settings.index)

    mx.settle()

    assert mx.index.count() == before
    assert found(mx, "suceso") == 3


def test_it_changes_nothing_when_it_indexes_all_again(mx: Node) -> None:
    mx.file("luis", paste="203.0.113.7\nlector.example")
    mx.settle()
    before = mx.index.count()

    fill.fill(mx.db, mx.index, mx.clock)(mx.everything())

    assert mx.index.count() == before
    with reading(mx.db) as c:
        assert log.cursor(c, fill.cursor_name(mx.index)) == log.head(c, "record")


def test_it_skips_acts(mx: Node) -> None:
    entry = mx.file("luis", handling="green")
    mx.release(entry)
    mx.settle()

    assert found(mx, "suceso") == 1
