"""The record through one person's eyes: what he may not see looks exactly as if it were not there."""

from typing import Any

import pytest

from cert import sight
from cert.errors import NotFound
from cert.stix import canonical
from cert.store.engine import reading
from cert.store.log import Entry
from config.cast import MX, US
from tests.cast import HOUR, OTAY, START, Node, address, concerns, incident, indicator, made_id, marked, relationship
from tests.cast import systems as lane

AGENCY = MX.agencies[0]
EVENT = made_id("incident", 1)
SECRET = made_id("marking-definition", 9)


def statement(kind: str = "statement", **change: Any) -> dict[str, Any]:
    """The definition of a marking that is not TLP."""
    made = {"type": "marking-definition", "spec_version": "2.1", "id": SECRET, "created": "2026-01-01T00:00:00.000Z"}
    return {**made, "name": "Aduanas", "definition_type": kind, "definition": {kind: "Solo aduanas"}, **change}


def names(mx: Node, login: str, *ids: str) -> list[str]:
    with reading(mx.db) as c:
        return [str(e.obj()["name"]) for e in sight.visible(c, mx.viewer(login), mx.newest(*ids))]


def found(mx: Node, login: str, ref: str) -> str:
    with reading(mx.db) as c:
        return str(sight.find(c, mx.viewer(login), ref).obj()["name"])


def around(mx: Node, login: str = "ana", root: str = EVENT) -> set[str]:
    with reading(mx.db) as c:
        return {e.id for e in sight.gather(c, mx.viewer(login), mx.newest(root)[0])}


# --- visible -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("org", "level", "readers"),
    [
        (MX.name, "green", {"ana", "luis", "raul"}),
        (MX.name, "amber", {"ana", "luis"}),
        (MX.name, "red", {"ana"}),
        (AGENCY, "amber+strict", {"ana", "luis", "raul"}),
        (AGENCY, "red", {"ana"}),
        (US.name, "amber+strict", {"ana", "luis"}),
        (US.name, "red", {"ana"}),
    ],
)
def test_it_shows_an_object_to_those_its_handling_names(mx: Node, org: str, level: str, readers: set[str]) -> None:
    mx.say(incident(1, object_marking_refs=marked(level)), org=org)

    assert {login for login in ("ana", "luis", "raul") if names(mx, login, EVENT)} == readers


def test_it_takes_an_unmarked_object_under_what_its_importer_stated(mx: Node) -> None:
    mx.say(incident(1), handling="red")
    mx.say(incident(2))

    assert names(mx, "luis", EVENT, made_id("incident", 2)) == ["Suceso 2"]
    assert names(mx, "ana", EVENT, made_id("incident", 2)) == ["Suceso 1", "Suceso 2"]


def test_it_finds_nothing_for_hidden_and_absent_alike(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("red")))

    with pytest.raises(NotFound) as hidden:
        found(mx, "luis", EVENT)
    with pytest.raises(NotFound) as absent:
        found(mx, "luis", made_id("incident", 2))

    assert (str(hidden.value), hidden.value.code) == (str(absent.value), absent.value.code)


def test_it_finds_an_incident_by_its_number_only_for_those_who_may_see_it(mx: Node) -> None:
    filed = mx.file("sofia", handling="red")
    number = filed.obj()["external_references"][0]["external_id"]

    assert found(mx, "ana", number.lower()) == "Suceso"
    with pytest.raises(NotFound):
        found(mx, "luis", number)


@pytest.mark.parametrize("ref", ["", "x", "MX-2026-", "incident--", "../record", "1", "\x00", "incident--" + "z" * 36])
def test_it_finds_nothing_under_nonsense(mx: Node, ref: str) -> None:
    with pytest.raises(NotFound):
        found(mx, "ana", ref)


def test_it_shows_the_author_s_own_statement_first(mx: Node) -> None:
    """W3: what the peer says under our id never stands in front of what we say."""
    mx.say(incident(1, name="suyo", created_by_ref=US.identity), org=US.name)
    mx.say(incident(1, name="nuestro", created_by_ref=MX.identity))

    assert found(mx, "luis", EVENT) == "nuestro"


# --- markings that are not TLP -----------------------------------------------------------------------------------
def test_it_is_strict_until_it_knows_a_marking(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=[SECRET]), org=AGENCY)
    assert (names(mx, "raul", EVENT), names(mx, "ana", EVENT)) == (["Suceso 1"], [])

    mx.say(statement(), org=AGENCY)
    assert names(mx, "ana", EVENT) == ["Suceso 1"]


def test_it_stays_strict_when_the_marking_is_no_statement(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=[SECRET]), statement("x-aduanas"), org=AGENCY)

    assert (names(mx, "raul", EVENT), names(mx, "ana", EVENT)) == (["Suceso 1"], [])


@pytest.mark.parametrize("org", [US.name, "Imported files"])
def test_it_lets_no_stranger_say_what_an_agency_s_marking_means(mx: Node, org: str) -> None:
    """L17: a peer, or a machine at the workbench, that defines our marking as a harmless statement widens nothing."""
    mx.say(statement(), org=org)
    mx.say(incident(1, object_marking_refs=[SECRET]), org=AGENCY)
    assert names(mx, "ana", EVENT) == []

    mx.say(statement("x-aduanas"), org=AGENCY)
    assert names(mx, "ana", EVENT) == []


def test_it_believes_a_peer_about_markings_on_his_own_objects(mx: Node) -> None:
    mx.say(statement(), incident(1, object_marking_refs=[SECRET]), org=US.name)

    assert names(mx, "luis", EVENT) == ["Suceso 1"]


def test_it_takes_the_stricter_where_two_of_ours_disagree_about_a_marking(mx: Node) -> None:
    mx.say(statement())
    mx.say(statement("x-aduanas"), incident(1, object_marking_refs=[SECRET]), org=AGENCY)

    assert names(mx, "ana", EVENT) == []


# --- versions ----------------------------------------------------------------------------------------------------
def versions(mx: Node, login: str) -> list[str]:
    with reading(mx.db) as c:
        (newest,) = mx.newest(EVENT)
        return [str(e.obj()["name"]) for e in sight.versions(c, mx.viewer(login), newest)]


@pytest.mark.parametrize(
    ("before", "now", "readable"),
    [
        ("green", "green", ["nuevo", "viejo"]),
        ("red", "green", ["nuevo"]),
        ("green", "red", []),
    ],
)
def test_it_shows_a_version_if_its_own_and_the_newest_audience_admit(
    mx: Node, before: str, now: str, readable: list[str]
) -> None:
    """Widening never widens the past, and narrowing narrows it."""
    mx.say(incident(1, name="viejo", object_marking_refs=marked(before)))
    mx.say(incident(1, START + HOUR, name="nuevo", object_marking_refs=marked(now)))

    assert versions(mx, "luis") == readable
    assert versions(mx, "ana") == ["nuevo", "viejo"]


# --- what was filed around ---------------------------------------------------------------------------------------
def test_it_gathers_what_the_form_files_together(mx: Node) -> None:
    entry = mx.file("luis", paste="203.0.113.7\nlector.example")

    types = sorted(stix_id.partition("--")[0] for stix_id in around(mx, root=entry.id))
    assert types == sorted(
        ["incident", "observed-data", "ipv4-addr", "domain-name"] + 2 * ["indicator"] + 3 * ["relationship"]
    )


def test_it_gathers_nothing_the_viewer_may_not_see_and_nothing_behind_it(mx: Node) -> None:
    """L2: a child is shown by its own handling, and a hidden one is no bridge to what lies behind."""
    hidden = made_id("observed-data", 5)
    seen = {"first_observed": "2026-05-04T09:00:00Z", "last_observed": "2026-05-04T09:00:00Z", "number_observed": 1}
    observed = incident(
        5, type="observed-data", id=hidden, name=None, object_refs=[address("203.0.113.7")["id"]], **seen
    )
    mx.say(
        incident(1, object_marking_refs=marked("green")),
        address("203.0.113.7", object_marking_refs=marked("green")),
        observed | {"object_marking_refs": marked("red")},
        relationship(6, "related-to", hidden, EVENT, object_marking_refs=marked("green")),
    )

    assert around(mx, "luis") == {EVENT, made_id("relationship", 6)}
    assert address("203.0.113.7")["id"] in around(mx, "ana")


def test_it_stops_at_another_incident_and_at_a_shared_system(mx: Node) -> None:
    for org, obj in lane():
        mx.say(obj, org=org)
    mx.say(
        incident(1, extensions=concerns(OTAY["mx"])),
        relationship(1, "impacts", EVENT, OTAY["mx"]),
        incident(2),
        relationship(2, "impacts", made_id("incident", 2), OTAY["mx"]),
        relationship(3, "related-to", EVENT, made_id("incident", 2)),
        indicator(4),
        relationship(4, "indicates", made_id("indicator", 4), made_id("incident", 2)),
    )

    assert around(mx) == {EVENT, made_id("incident", 2), OTAY["mx"]} | {made_id("relationship", n) for n in (1, 3)}


@pytest.mark.parametrize("kind", ["identity", "infrastructure"])
def test_it_gathers_nothing_around_what_everything_hangs_on(mx: Node, kind: str) -> None:
    """Whoever releases or exports a shared system or an organisation must not take every incident along."""
    for org, obj in lane():
        mx.say(obj, org=org)
    mx.say(incident(1, created_by_ref=MX.identity), relationship(1, "impacts", EVENT, OTAY["mx"]))
    root = MX.identity if kind == "identity" else OTAY["mx"]

    assert EVENT not in around(mx, root=root)


def test_it_comes_back_out_of_circles(mx: Node) -> None:
    ids = [made_id("indicator", n) for n in range(3)]
    mx.say(incident(1), *(indicator(n) for n in range(3)))
    mx.say(*(relationship(10 + n, "related-to", ids[n], ids[(n + 1) % 3]) for n in range(3)))
    mx.say(relationship(20, "indicates", ids[0], EVENT))

    assert set(ids) <= around(mx)


def test_it_gathers_the_same_whatever_hidden_things_refer_to_it(mx: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """L10: a bound that counted hidden things would show that they are there."""
    monkeypatch.setattr(sight, "MOST", 6)
    mx.say(incident(1, object_marking_refs=marked("green")))
    note = {"type": "note", "name": None, "content": "x", "object_refs": [EVENT]}
    mx.say(*(incident(n, id=made_id("note", n), **note, object_marking_refs=marked("red")) for n in range(10, 30)))
    mx.say(incident(40, id=made_id("note", 40), **note, object_marking_refs=marked("green")))

    assert around(mx, "luis") == {EVENT, made_id("note", 40)}


def test_it_goes_up_from_an_address_to_its_incidents(mx: Node) -> None:
    entry = mx.file("luis", paste="203.0.113.7")
    with reading(mx.db) as c:
        (seen,) = mx.newest(address("203.0.113.7")["id"])
        (behind,) = sight.incidents_behind(c, mx.viewer("luis"), [seen]).values()
        assert [e.id for e in behind] == [entry.id]


def test_it_goes_up_only_along_references_that_carry(mx: Node) -> None:
    """A recipient of a mail is no link to it: everybody gets mail."""
    mail = {"type": "email-addr", "spec_version": "2.1", "value": "todos@example.mx"}
    mail_id = "email-addr--" + made_id("x", 7).partition("--")[2]
    message_id = "email-message--" + made_id("x", 8).partition("--")[2]
    message = {"type": "email-message", "spec_version": "2.1", "id": message_id, "is_multipart": False}
    mx.say(
        incident(1),
        {**mail, "id": mail_id},
        {**message, "to_refs": [mail_id], "subject": "x"},
        relationship(1, "related-to", message_id, EVENT),
    )
    with reading(mx.db) as c:
        (recipient,) = mx.newest(mail_id)
        assert list(sight.incidents_behind(c, mx.viewer("luis"), [recipient]).values()) == [[]]


# --- shared systems --------------------------------------------------------------------------------------------
def test_it_lists_shared_systems_that_the_viewer_may_see(mx: Node) -> None:
    for org, obj in lane(joined=False):
        mx.say(obj | ({"object_marking_refs": marked("red")} if org == US.name else {}), org=org)
    mx.say(incident(1, type="infrastructure", id=made_id("infrastructure", 1), name="C2"))

    with reading(mx.db) as c:
        assert [e.id for e in sight.shared_systems(c, mx.viewer("luis"))] == [OTAY["mx"]]
        assert len(sight.shared_systems(c, mx.viewer("ana"))) == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"revoked": True}, True),
        ({"revoked": False}, False),
        ({}, False),
        ({"name": '"revoked"'}, False),
        ({"labels": ["revoked"]}, False),
        ({"extensions": {made_id("extension-definition", 1): {"revoked": True}}}, False),
    ],
)
def test_it_takes_for_withdrawn_only_what_says_so_of_itself(change: dict[str, Any], expected: bool) -> None:
    body = canonical(indicator(1, **change))
    entry = Entry(1, "object", 1, made_id("indicator", 1), 1, START, START, None, b"", body)

    assert sight.is_revoked(entry) is expected


def test_it_calls_the_strictest_of_several_handlings(mx: Node) -> None:
    mx.say(*(incident(n, object_marking_refs=marked(level)) for n, level in enumerate(("green", "red", "amber"), 1)))
    with reading(mx.db) as c:
        assert sight.strictest(c, mx.newest(*(made_id("incident", n) for n in (1, 2, 3)))) == "red"


def test_it_takes_any_number_of_markings_on_one_object(mx: Node) -> None:
    """An object with more markings than one question to the database takes must not stop whoever reads it."""
    many = [made_id("marking-definition", n) for n in range(1, 260_000)]
    mx.say(incident(1, object_marking_refs=many))

    assert names(mx, "luis", EVENT) == ["Suceso 1"]
