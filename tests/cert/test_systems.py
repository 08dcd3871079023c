"""Shared systems: a join counts when both national CERTs have said it, and until either takes it back."""

import pytest

from cert import sight, systems
from cert.stix import format_timestamp
from cert.store.engine import reading
from config.cast import MX, US
from tests.cast import IDENTITIES, MINUTE, OTAY, START, Node, indicator, made_id, marked, relationship
from tests.cast import systems as lane

ALL = {OTAY["mx"], OTAY["us"]}


def joined(mx: Node, login: str = "luis") -> list[systems.Join]:
    with reading(mx.db) as c:
        return systems.joins(c, mx.viewer(login), OTAY["mx"])


def widened(mx: Node, login: str = "luis") -> frozenset[str]:
    with reading(mx.db) as c:
        return systems.widened(c, mx.viewer(login), [OTAY["mx"]])[OTAY["mx"]]


def join(n: int, nation: str, **change: object) -> dict[str, object]:
    other = "us" if nation == "mx" else "mx"
    mine = {"created_by_ref": IDENTITIES[nation], "object_marking_refs": marked("green")}
    return relationship(n, "duplicate-of", OTAY[nation], OTAY[other], **{**mine, **change})


def test_it_confirms_a_join_that_both_certs_have_said(mx: Node) -> None:
    for org, obj in lane():
        mx.say(obj, org=org)

    assert joined(mx) == [systems.Join(OTAY["us"], True)]
    assert widened(mx) == ALL


@pytest.mark.parametrize("org", [MX.name, US.name])
def test_it_does_not_believe_one_of_them_alone(mx: Node, org: str) -> None:
    """However often he says it: two objects of one nation are one word."""
    nation = "mx" if org == MX.name else "us"
    mx.say(join(1, nation), join(2, nation), org=org)

    assert joined(mx) == [systems.Join(OTAY["us"], False)]
    assert widened(mx) == {OTAY["mx"]}


def test_it_counts_no_agency_s_and_no_feed_s_word(mx: Node) -> None:
    mx.say(join(1, "mx"))
    mx.say(join(2, "us", created_by_ref=None), org=MX.agencies[0])
    mx.deposit(join(3, "us", created_by_ref=None))
    mx.settle()

    assert joined(mx) == [systems.Join(OTAY["us"], False)]


@pytest.mark.parametrize("org", [MX.name, US.name])
def test_it_lets_either_take_his_word_back(mx: Node, org: str) -> None:
    nation = "mx" if org == MX.name else "us"
    mx.say(join(1, "mx"))
    mx.say(join(2, "us"), org=US.name)
    later = {"modified": format_timestamp(START + MINUTE), "revoked": True}
    mx.say(join(1 if nation == "mx" else 2, nation, **later), org=org)

    assert [one.confirmed for one in joined(mx)] == [False]


def test_it_uses_only_joins_the_viewer_may_see(mx: Node) -> None:
    mx.say(join(1, "mx", object_marking_refs=marked("red")))
    mx.say(join(2, "us"), org=US.name)

    assert widened(mx, "ana") == ALL
    assert widened(mx, "luis") == {OTAY["mx"]}


def test_it_finds_a_join_behind_any_number_of_references(mx: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy system, or a peer who floods it with relationships, hides no join."""
    monkeypatch.setattr(sight, "MOST", 5)
    mx.say(*(relationship(100 + n, "impacts", made_id("incident", n), OTAY["mx"]) for n in range(20)), org=US.name)
    mx.say(join(1, "mx"))
    mx.say(join(2, "us"), org=US.name)

    assert widened(mx) == ALL


def test_it_follows_joins_however_many_steps_and_round_in_circles(mx: Node) -> None:
    third = made_id("infrastructure", 3)
    for org, nation, n in ((MX.name, "mx", 1), (US.name, "us", 2)):
        mine = {"created_by_ref": IDENTITIES[nation], "object_marking_refs": marked("green")}
        mx.say(
            join(n, nation),
            relationship(10 + n, "duplicate-of", OTAY["us"], third, **mine),
            relationship(20 + n, "duplicate-of", third, OTAY["mx"], **mine),
            org=org,
        )

    assert widened(mx) == {*ALL, third}


def test_it_takes_no_relationship_of_a_thing_with_itself_for_a_join(mx: Node) -> None:
    mx.say(relationship(1, "duplicate-of", OTAY["mx"], OTAY["mx"], created_by_ref=MX.identity))

    assert joined(mx) == []


def test_it_calls_a_system_by_the_viewer_s_own_nation_s_name(mx: Node) -> None:
    for org, obj in lane():
        mx.say(obj, org=org)

    with reading(mx.db) as c:
        assert systems.name_of(c, mx.viewer("luis"), sorted(ALL), "es") == "Carril de carga de la garita de Otay"
        assert systems.name_of(c, mx.viewer("luis"), [OTAY["us"]], "es") == "Otay Mesa cargo lane"
        assert systems.name_of(c, mx.viewer("luis"), [made_id("infrastructure", 9)], "es") == ""


def test_it_forgets_a_reference_that_a_newer_version_no_longer_makes(mx: Node) -> None:
    """A relationship cannot change its ends, but an indicator's author could: what counts is the newest version."""
    about = made_id("incident", 1)
    mx.say(indicator(1, START, x_about_ref=about), indicator(1, START + MINUTE))
    with reading(mx.db) as c:
        root = mx.newest(made_id("indicator", 1))[0]
        assert about not in {entry.id for entry in sight.gather(c, mx.viewer("luis"), root)}
