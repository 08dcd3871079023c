"""What is current, and who refers to whom."""

import pytest

from cert.store import current, log
from cert.store.engine import Engine, reading, writing
from tests.cast import SECOND, START, address, incident, indicator, made_id, marked, relationship
from tests.cert.store.statements import CERT, CUSTOMS, NOW, put, said

MARKING = made_id("marking-definition", 5)


def test_it_gives_one_entry_for_each_organisation_that_states_an_id(store: Engine) -> None:
    put(store, said(indicator(1), CERT), said(indicator(1, START + SECOND), CERT), said(indicator(1), CUSTOMS))

    with reading(store) as c:
        found = current.newest(c, "record", [made_id("indicator", 1)])

    assert [(entry.origin, entry.version) for entry in found] == [(CERT, START + SECOND), (CUSTOMS, START)]


def test_it_takes_any_number_of_ids_at_once(store: Engine) -> None:
    """An object of the peer may refer to more ids than one question to the database may hold."""
    put(store, said(indicator(1)))
    many = [made_id("indicator", n) for n in range(1, 300_000)]

    with reading(store) as c:
        assert [entry.id for entry in current.newest(c, "record", many)] == [made_id("indicator", 1)]


def test_it_holds_each_log_s_own_newest_version(store: Engine) -> None:
    put(store, said(indicator(1)), said(indicator(1, START + SECOND)))
    put(store, said(indicator(1)), to="to:us")

    with reading(store) as c:
        assert [e.version for e in current.newest(c, "record", [made_id("indicator", 1)])] == [START + SECOND]
        assert [e.version for e in current.newest(c, "to:us", [made_id("indicator", 1)])] == [START]


def test_it_leaves_out_a_line_the_log_does_not_hold(store: Engine) -> None:
    put(store, said(indicator(1)), to="bench:x")

    with reading(store) as c:
        (line,) = [entry.line for entry in log.after(c, "bench:x", 0, 9)]
        assert line is not None
        assert set(current.by_line(c, "bench:x", [line, line + 1])) == {line}
        assert current.by_line(c, "record", [line]) == {}


def test_it_finds_who_refers_to_an_id_before_that_has_come(store: Engine) -> None:
    target = made_id("incident", 9)
    put(store, said(relationship(1, "related-to", made_id("indicator", 1), target)))

    with reading(store) as c:
        (line,) = current.referrers(c, [target], 9)
        assert current.by_line(c, "record", [line])[line].id == made_id("relationship", 1)


def test_it_tells_a_marking_from_other_references(store: Engine) -> None:
    put(
        store,
        said(indicator(1, object_marking_refs=[MARKING])),
        said(indicator(2, created_by_ref=made_id("identity", 1))),
    )

    with reading(store) as c:
        assert len(current.referrers(c, [MARKING], 9, marking=True)) == 1
        assert current.referrers(c, [MARKING], 9) == []
        assert current.referrers(c, [made_id("identity", 1)], 9, marking=True) == []


def test_it_knows_a_marking_again_that_is_also_an_ordinary_reference(store: Engine) -> None:
    """A granular marking, a marking of the whole, or a mention beside it: who is marked must be relabelled."""
    mention = incident(3, object_marking_refs=[MARKING], x_about_ref=MARKING)
    put(store, said(mention))

    with reading(store) as c:
        assert len(current.referrers(c, [MARKING], 9, marking=True)) == 1


def test_it_pages_referrers_by_line(store: Engine) -> None:
    target = made_id("identity", 1)
    put(store, *(said(indicator(n, created_by_ref=target)) for n in range(5)))

    with reading(store) as c:
        first = current.referrers(c, [target], 3)
        assert first + current.referrers(c, [target], 3, beyond=first[-1]) == sorted(current.referrers(c, [target], 9))


def test_it_names_one_exact_version(store: Engine) -> None:
    put(store, said(indicator(1)), said(indicator(1, START + SECOND)))

    with reading(store) as c:
        found = current.version(c, "record", CERT, made_id("indicator", 1), START)
        assert found is not None
        assert found.number == 1
        assert current.version(c, "record", CUSTOMS, made_id("indicator", 1), START) is None


def test_it_says_what_a_log_holds_under_some_ids(store: Engine) -> None:
    one, two = said(address("203.0.113.7")), said(address("203.0.113.7", object_marking_refs=marked("green")), CUSTOMS)
    put(store, one, two)

    with reading(store) as c:
        assert current.contents(c, "record", [one.id]) == {(one.id, None): [(CERT, one.digest), (CUSTOMS, two.digest)]}


@pytest.mark.parametrize("kind", ["incident", "indicator", "infrastructure"])
def test_it_lists_one_type_and_no_other_that_begins_alike(store: Engine, kind: str) -> None:
    put(store, said(incident(1)), said(indicator(2)))

    with reading(store) as c:
        assert {entry.id.partition("--")[0] for entry in current.of_type(c, "record", kind, range(9), 9)} <= {kind}


def test_it_writes_references_of_the_record_only(store: Engine) -> None:
    put(store, said(indicator(1, created_by_ref=made_id("identity", 1))), to="bench:x")

    with writing(store) as c:
        assert current.referrers(c, [made_id("identity", 1)], 9) == []
        log.append(c, "record", [said(indicator(1, created_by_ref=made_id("identity", 1)))], NOW)
        assert len(current.referrers(c, [made_id("identity", 1)], 9)) == 1
