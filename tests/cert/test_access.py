"""Who may see what: a table of levels by readers, and that nothing else opens a door."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cert import access, markings
from cert.access import CERT, EVERYONE, LEVELS, NATION, UNKNOWN, Organisation, Role, Viewer
from cert.errors import NotAllowed
from tests.cast import made_id

OURS = Organisation(1, "CERT México", "cert", "mx", made_id("identity", 1), "amber", True)
CUSTOMS = Organisation(2, "Aduanas", "agency", "mx", made_id("identity", 2), "amber", True)
PORTS = Organisation(3, "Puertos", "agency", "mx", made_id("identity", 3), "amber", True)
PEER = Organisation(4, "CERT United States", "peer", "us", made_id("identity", 4), "amber", False)
FEED = Organisation(5, "Feed", "feed", "mx", made_id("identity", 5), "green", False)

READERS = {
    "luis": (OURS, Role.RESPONDER),
    "ana": (OURS, Role.RELEASER),
    "sofia": (OURS, Role.DUTY_OFFICER),
    "elena": (OURS, Role.ADMINISTRATOR),
    "raul": (CUSTOMS, Role.RESPONDER),
    "rosa": (CUSTOMS, Role.RELEASER),
    "pablo": (PORTS, Role.DUTY_OFFICER),
}
EVERYBODY, STAFF, OFFICERS = set(READERS), {"luis", "ana", "sofia", "elena"}, {"ana", "sofia"}


def viewer(name: str) -> Viewer:
    org, role = READERS[name]
    person = list(READERS).index(name)
    return Viewer(person, name, name, org, frozenset({role}), "es", access.labels_of(org, person, [role]))


def readers(level: str, origin: Organisation) -> set[str]:
    return {name for name in READERS if access.may_see(viewer(name), access.audience(level, origin))}


@pytest.mark.parametrize(
    ("level", "origin", "expected"),
    [
        ("clear", OURS, EVERYBODY),
        ("green", OURS, EVERYBODY),
        ("amber", OURS, STAFF),
        ("amber+strict", OURS, STAFF),
        ("red", OURS, OFFICERS),
        (UNKNOWN, OURS, STAFF),
        ("amber", CUSTOMS, STAFF | {"raul", "rosa"}),
        ("amber+strict", CUSTOMS, STAFF | {"raul", "rosa"}),
        ("red", CUSTOMS, OFFICERS | {"rosa"}),
        (UNKNOWN, CUSTOMS, {"raul", "rosa"}),
        ("clear", PEER, EVERYBODY),
        ("green", PEER, EVERYBODY),
        ("amber", PEER, STAFF),
        ("amber+strict", PEER, STAFF),
        ("red", PEER, OFFICERS),
        (UNKNOWN, PEER, set()),
        ("amber", FEED, STAFF),
        (UNKNOWN, FEED, set()),
        ("AMBER", OURS, STAFF),
        ("", CUSTOMS, {"raul", "rosa"}),
        ("tlp:clear", PEER, set()),
    ],
)
def test_it_shows_a_level_to_exactly_these(level: str, origin: Organisation, expected: set[str]) -> None:
    """A level that nobody here knows is for its own organisation, however near its spelling comes (L6)."""
    assert readers(level, origin) == expected


@pytest.mark.parametrize("origin", [OURS, CUSTOMS, PEER, FEED], ids=lambda org: org.kind)
def test_it_shows_less_the_stricter_the_level(origin: Organisation) -> None:
    audiences = [readers(level, origin) for level in LEVELS]

    assert all(stricter <= wider for wider, stricter in itertools.pairwise(audiences))


def test_it_shows_nothing_to_somebody_without_labels() -> None:
    nobody = Viewer(9, "x", "x", OURS, frozenset(), "es", frozenset())

    assert not any(access.may_see(nobody, access.audience(level, OURS)) for level in LEVELS)


def test_it_takes_an_agency_s_officer_for_no_officer_of_the_cert() -> None:
    """A role counts where it was given."""
    assert not readers("red", OURS) & {"rosa", "pablo"}


# --- handling ----------------------------------------------------------------------------------------------------
STATEMENT, FOREIGN = made_id("marking-definition", 8), made_id("marking-definition", 9)
KNOWN = {
    STATEMENT: {"definition_type": "statement"},
    FOREIGN: {"definition_type": "x-secret"},
}


@pytest.mark.parametrize("refs", [[], [STATEMENT], [STATEMENT, STATEMENT]])
def test_it_takes_the_default_where_no_level_is_stated(refs: list[str]) -> None:
    assert access.handling({"object_marking_refs": refs}, "green", KNOWN) == "green"


@pytest.mark.parametrize("level", LEVELS)
def test_it_takes_the_level_of_a_marking_whatever_the_default(level: str) -> None:
    for default in LEVELS:
        assert access.handling({"object_marking_refs": [markings.TLP2[level]]}, default) == level


@given(st.lists(st.sampled_from(LEVELS), min_size=1, max_size=5), st.data())
def test_it_takes_the_strictest_of_all_levels_wherever_they_stand(levels: list[str], data: st.DataObject) -> None:
    """L17, SX-66: whole or granular, in any order."""
    granular = data.draw(st.lists(st.booleans(), min_size=len(levels), max_size=len(levels)))
    obj: dict[str, Any] = {"object_marking_refs": [], "granular_markings": []}
    for level, part in zip(levels, granular, strict=True):
        if part:
            obj["granular_markings"].append({"marking_ref": markings.TLP2[level], "selectors": ["name"]})
        else:
            obj["object_marking_refs"].append(markings.TLP2[level])

    assert access.handling(obj, "clear") == max(levels, key=LEVELS.index)


@pytest.mark.parametrize("refs", [[FOREIGN], [made_id("marking-definition", 1)], [markings.TLP2["clear"], FOREIGN]])
def test_it_knows_no_marking_that_is_neither_a_level_nor_a_statement(refs: list[str]) -> None:
    assert access.handling({"object_marking_refs": refs}, "clear", KNOWN) == UNKNOWN


@pytest.mark.parametrize(
    "forged",
    [{"definition_type": "statement "}, {"definition_type": ["statement"]}, {}, None, "statement", ["statement"]],
)
def test_it_takes_nothing_else_for_a_statement(forged: Any) -> None:
    assert access.handling({"object_marking_refs": [FOREIGN]}, "clear", {FOREIGN: forged}) == UNKNOWN


def test_it_never_lets_a_definition_change_what_a_tlp_id_means() -> None:
    """SX-70: an object that calls itself the definition of RED and says it is a statement changes nothing."""
    forged = {markings.TLP2["red"]: {"definition_type": "statement"}}

    assert access.handling({"object_marking_refs": [markings.TLP2["red"]]}, "clear", forged) == "red"


# --- what people may do ------------------------------------------------------------------------------------------
def test_it_lets_a_releaser_of_the_national_cert_release_and_nobody_else() -> None:
    assert {name for name in READERS if access.may_release(viewer(name))} == {"ana"}


def test_it_lets_everybody_file_but_administrators_and_strangers() -> None:
    assert {name for name in READERS if access.may_file(viewer(name))} == EVERYBODY - {"elena"}
    stranger = Viewer(9, "x", "x", PEER, frozenset({Role.RESPONDER}), "en", access.labels_of(PEER, 9, [Role.RESPONDER]))
    assert not access.may_file(stranger)


def test_it_lets_officers_handle_red_of_their_own_organisation() -> None:
    assert {name for name in READERS if access.may_handle_red(viewer(name))} == {"ana", "sofia", "rosa", "pablo"}


def test_it_gives_no_label_of_the_nation_to_an_organisation_that_is_not_ours() -> None:
    labels = access.labels_of(PEER, 9, list(Role))

    assert not labels & {NATION, CERT}
    assert not any(label.startswith(f"{CERT}:") for label in labels)
    assert EVERYONE in labels


def test_it_says_the_sentence_of_what_it_demands() -> None:
    access.demand(True, "never said")
    with pytest.raises(NotAllowed, match="Ask one"):
        access.demand(False, "Ask one.")
