"""Which incidents touch the same things, with reasons, and only as far as the viewer may see each step."""

import pytest

from cert import correlate, sight
from cert.errors import Missing
from cert.store.engine import reading
from config import wiring
from config.cast import MX, US
from tests.cast import HOUR, OTAY, START, Node, address, concerns, incident, indicator, made_id, marked, relationship
from tests.cast import systems as lane

EVENT, OTHER = made_id("incident", 1), made_id("incident", 2)
SHARED = address("203.0.113.7")


def linked(mx: Node, login: str = "luis", root: str = EVENT) -> dict[str, set[tuple[str, str]]]:
    """The linked incidents by id, each with its reasons."""
    mx.settle()
    with reading(mx.db) as c:
        who = mx.viewer(login)
        around = sight.gather(c, who, mx.newest(root)[0])
        found = correlate.links(c, mx.index, who, around, "es")
    return {link.incident.id: {(reason.kind, reason.value) for reason in link.reasons} for link in found}


def observed(mx: Node, n: int, event: str, **change: object) -> None:
    """Say that the shared address was seen in an incident."""
    data = made_id("observed-data", n)
    seen = {"first_observed": "2026-05-04T09:00:00Z", "last_observed": "2026-05-04T09:00:00Z", "number_observed": 1}
    plain = {"type": "observed-data", "id": data, "name": None, "object_refs": [SHARED["id"]], **seen}
    mx.say(
        SHARED | change,
        incident(n, **{**plain, **change}),
        relationship(n, "related-to", data, event, **change),
    )


def test_it_links_by_the_same_address_with_the_reason(mx: Node) -> None:
    mine, other = mx.file("luis", paste="203.0.113.7"), mx.file("ana", paste="hxxp://203.0.113[.]7/x", title="Otro")

    assert linked(mx, root=mine.id) == {other.id: {("ipv4-addr", "203.0.113.7")}}
    assert linked(mx, root=other.id) == {mine.id: {("ipv4-addr", "203.0.113.7")}}


def test_it_links_by_a_shared_system_under_either_nation_s_id(mx: Node) -> None:
    for org, obj in lane():
        mx.say(obj, org=org)
    mx.say(incident(1, extensions=concerns(OTAY["mx"])))
    mx.say(incident(2, extensions=concerns(OTAY["us"]), object_marking_refs=marked("green")), org=US.name)

    assert set(linked(mx)) == {OTHER}
    ((kind, _name),) = linked(mx)[OTHER]
    assert kind == "system"


def test_it_does_not_link_by_a_join_that_only_one_nation_has_said(mx: Node) -> None:
    for org, obj in lane():
        if org == US.name:
            mx.say(obj, org=org)
    mx.say(incident(1, extensions=concerns(OTAY["mx"])))
    mx.say(incident(2, extensions=concerns(OTAY["us"])), org=US.name)

    assert linked(mx) == {}


@pytest.mark.parametrize("hidden", ["incident", "observation", "address", "everything"])
def test_it_links_nothing_through_a_step_the_viewer_may_not_see(mx: Node, hidden: str) -> None:
    """L1, L2: the incident behind, what lies between, or the value itself: one hidden step is enough."""
    red, green = {"object_marking_refs": marked("red")}, {"object_marking_refs": marked("green")}
    mx.say(incident(1, **green), incident(2, **(red if hidden in {"incident", "everything"} else green)))
    observed(mx, 11, EVENT, **green)
    data, tie = (
        made_id("observed-data", 12),
        relationship(12, "related-to", made_id("observed-data", 12), OTHER, **green),
    )
    seen = {"first_observed": "2026-05-04T09:00:00Z", "last_observed": "2026-05-04T09:00:00Z", "number_observed": 1}
    value = SHARED if hidden != "address" else address("203.0.113.7", **red)
    plain = {"type": "observed-data", "id": data, "name": None, "object_refs": [value["id"]], **seen}
    mx.say(
        value | (red if hidden in {"address", "everything"} else green),
        incident(12, **{**plain, **(red if hidden in {"observation", "everything"} else green)}),
        tie,
        org=US.name,
    )
    expected = {} if hidden != "address" else linked(mx, "ana")

    assert linked(mx, "luis") == (expected if hidden == "address" else {})
    assert set(linked(mx, "ana")) == {OTHER}


def test_it_links_two_incidents_that_hold_the_very_same_address(mx: Node) -> None:
    """One statement on an address, as an import brings it, that two observations refer to."""
    mx.say(incident(1), incident(2))
    observed(mx, 11, EVENT)
    observed(mx, 12, OTHER)

    assert linked(mx) == {OTHER: {("ipv4-addr", "203.0.113.7")}}


def test_it_counts_only_what_the_viewer_may_see(mx: Node) -> None:
    """L1: "seen in 3 documents" tells of hidden ones as loudly as a title."""
    mx.file("luis", paste="203.0.113.7", handling="green")
    mx.file("luis", paste="203.0.113.7", handling="green", title="Otro")
    mx.settle()
    (root, *_), who = [e for e in mx.everything() if e.id.startswith("incident--")], mx.viewer("raul")

    def counts() -> list[int]:
        mx.settle()
        with reading(mx.db) as c:
            found = correlate.links(c, mx.index, who, sight.gather(c, who, root), "es")
        return [reason.documents for link in found for reason in link.reasons]

    before = counts()
    for n in range(5):
        mx.file("sofia", paste="203.0.113.7", handling="red", title=f"Secreto {n}")

    assert counts() == before
    assert before


def test_it_calls_a_value_common_and_never_cuts_it(mx: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlate, "COMMON", 2)
    root, *_ = [mx.file("luis", paste="203.0.113.7", title=f"Suceso {n}") for n in range(3)]
    mx.settle()
    with reading(mx.db) as c:
        who = mx.viewer("luis")
        found = correlate.links(c, mx.index, who, sight.gather(c, who, mx.newest(root.id)[0]), "es")

    assert [all(reason.common for reason in link.reasons) for link in found] == [True, True]


def test_it_does_not_link_an_incident_with_itself(mx: Node) -> None:
    assert linked(mx, root=mx.file("luis", paste="203.0.113.7\nlector.example").id) == {}


def test_it_links_nothing_by_author_marking_or_technique(mx: Node) -> None:
    mine = {"created_by_ref": MX.identity, "object_marking_refs": marked("green")}
    technique = incident(5, type="attack-pattern", id=made_id("attack-pattern", 5), name="T1", **mine)
    mx.say(technique, incident(1, **mine), incident(2, **mine))
    mx.say(*(relationship(n, "uses", made_id("incident", n), made_id("attack-pattern", 5), **mine) for n in (1, 2)))

    assert linked(mx) == {}


def test_it_no_longer_links_what_its_author_has_withdrawn(mx: Node) -> None:
    """SX-57, SX-97."""
    for n in (1, 2):
        mx.say(
            incident(n),
            indicator(n + 10),
            relationship(n, "indicates", made_id("indicator", n + 10), made_id("incident", n)),
        )
    assert set(linked(mx)) == {OTHER}

    mx.say(indicator(12, START + HOUR, revoked=True))

    assert linked(mx) == {}


def test_it_says_that_the_index_is_missing(mx: Node) -> None:
    with pytest.raises(Missing, match="puente work"):
        wiring.index_of(mx.settings)()
