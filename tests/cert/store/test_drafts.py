"""Drafts belong to one person and are filed once; numbers of incidents are unique."""

import pytest

from cert.errors import Conflict, NotFound
from cert.store import drafts
from cert.store.engine import Connection
from tests.cert.store.statements import NOW, person

DRAFT = "d" * 32


def test_it_keeps_what_was_typed_and_counts_revisions(c: Connection, ana: int) -> None:
    assert drafts.save(c, DRAFT, ana, {"title": "uno"}, NOW) == 1
    assert drafts.save(c, DRAFT, ana, {"title": "dos", "systems": ["a"]}, NOW) == 2

    assert drafts.load(c, DRAFT, ana).form == {"title": "dos", "systems": ["a"]}
    assert drafts.newest_open(c, ana) == drafts.load(c, DRAFT, ana)


def test_it_shows_nobody_another_person_s_draft(c: Connection, ana: int) -> None:
    luis = person(c, "luis")
    drafts.save(c, DRAFT, ana, {"title": "RED"}, NOW)

    assert drafts.newest_open(c, luis) is None
    with pytest.raises(NotFound):
        drafts.load(c, DRAFT, luis)


def test_it_lets_nobody_write_over_another_person_s_draft(c: Connection, ana: int) -> None:
    """W1: whoever learns an id gets neither the draft nor a fault of the database."""
    luis = person(c, "luis")
    drafts.save(c, DRAFT, ana, {"title": "mine"}, NOW)

    with pytest.raises(NotFound):
        drafts.save(c, DRAFT, luis, {"title": "his"}, NOW)
    drafts.discard(c, DRAFT, luis)

    assert drafts.load(c, DRAFT, ana).form == {"title": "mine"}


def test_it_lets_nobody_mark_another_person_s_draft_as_filed(c: Connection, ana: int) -> None:
    luis = person(c, "luis")
    drafts.save(c, DRAFT, ana, {"title": "mine"}, NOW)

    drafts.mark_filed(c, DRAFT, luis, "incident--1")

    assert drafts.load(c, DRAFT, ana).incident_id is None


def test_it_files_a_draft_once_and_says_what_it_became(c: Connection, ana: int) -> None:
    drafts.save(c, DRAFT, ana, {}, NOW)
    drafts.mark_filed(c, DRAFT, ana, "incident--1")

    for again in (
        lambda: drafts.mark_filed(c, DRAFT, ana, "incident--2"),
        lambda: drafts.save(c, DRAFT, ana, {"title": "later"}, NOW),
    ):
        with pytest.raises(Conflict) as told:
            again()
        assert told.value.data["incident"] == "incident--1"
    drafts.discard(c, DRAFT, ana)
    assert drafts.load(c, DRAFT, ana).incident_id == "incident--1"
    assert drafts.newest_open(c, ana) is None


def test_it_throws_away_what_its_owner_discards(c: Connection, ana: int) -> None:
    drafts.save(c, DRAFT, ana, {"title": "never mind"}, NOW)
    drafts.discard(c, DRAFT, ana)

    assert drafts.newest_open(c, ana) is None
    assert drafts.load(c, DRAFT, ana).form == {}


def test_it_is_not_revived_by_a_save_that_was_still_under_way(c: Connection, ana: int) -> None:
    drafts.save(c, DRAFT, ana, {}, NOW)
    drafts.discard(c, DRAFT, ana)

    for late in (
        lambda: drafts.save(c, DRAFT, ana, {"title": "late"}, NOW),
        lambda: drafts.mark_filed(c, DRAFT, ana, "incident--1"),
    ):
        with pytest.raises(Conflict) as told:
            late()
        assert told.value.code == "draft-discarded"
    assert drafts.newest_open(c, ana) is None


def test_it_gives_a_number_to_one_incident(c: Connection) -> None:
    assert drafts.claim_number(c, "MX-2026-K7Q4ZD", "incident--1")
    assert not drafts.claim_number(c, "MX-2026-K7Q4ZD", "incident--2")

    assert drafts.incident_with_number(c, " mx-2026-k7q4zd ") == "incident--1"
    assert drafts.incident_with_number(c, "MX-2026-000000") is None
