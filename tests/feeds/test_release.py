"""The gate and what goes through it: exactly what a releaser saw, and nothing that a rule holds."""

import contextlib
import itertools
from typing import Any

import pytest
from sqlalchemy import update

from cert import sight
from cert.access import LEVELS, UNKNOWN, Organisation
from cert.errors import Conflict, NotAllowed, NotFound
from cert.store import aside, log
from cert.store.engine import reading, writing
from cert.store.log import RECORD
from config.cast import MX, US
from feeds import release, store
from feeds.release import gate
from feeds.store import Terms
from tests.cast import HOUR, START, Node, address, incident, indicator, made_id, marked, relationship

OURS = Organisation(1, "CERT México", "cert", "mx", "identity--1", "amber", True)
AGENCY = Organisation(2, "Aduanas", "agency", "mx", "identity--2", "amber", True)
THEIRS = Organisation(3, "CERT United States", "peer", "us", "identity--3", "amber", False)
OTHER = Organisation(4, "CERT Canada", "peer", "ca", "identity--4", "amber", False)
FEED = Organisation(5, "Feed", "feed", "mx", "identity--5", "green", False)
ORIGINS = (OURS, AGENCY, THEIRS, OTHER, FEED)
EVENT = made_id("incident", 1)
SECRET = made_id("marking-definition", 9)


def expected(level: str, origin: Organisation, carries: str) -> str | None:
    """The rules in the words of the agreement, written a second time on purpose."""
    if origin is THEIRS:
        return "theirs"
    if level == UNKNOWN:
        return "unknown-marking"
    if level == "red" or (level, carries) in {(lv, c) for c, lv in itertools.combinations(LEVELS, 2)}:
        return "handling"
    if origin in {OTHER, FEED} and level not in {"clear", "green"}:
        return "not-ours"
    return None


@pytest.mark.parametrize("carries", LEVELS)
@pytest.mark.parametrize("origin", ORIGINS, ids=lambda org: f"{org.kind}-{org.nation}")
@pytest.mark.parametrize("level", [*LEVELS, UNKNOWN])
def test_it_lets_through_what_the_agreement_carries(level: str, origin: Organisation, carries: str) -> None:
    """L7: every level, whoever states it, under all terms."""
    assert gate(level, origin, Terms(0, carries, "amber"), THEIRS.n) == expected(level, origin, carries)


@pytest.mark.parametrize("level", ["", "AMBER", "tlp:amber", "white", "amber + strict", "unmarked"])
def test_it_never_lets_a_level_through_that_it_does_not_know(level: str) -> None:
    """L6: it fails, or holds; it does not send."""
    with contextlib.suppress(ValueError):
        assert gate(level, OURS, Terms(0, "red", "amber"), THEIRS.n) is not None


# --- previews ----------------------------------------------------------------------------------------------------
def preview(mx: Node, root: str = EVENT, by: str = "ana") -> release.Preview:
    with reading(mx.db) as c:
        who = mx.viewer(by)
        return release.preview(c, who, mx.peer, sight.find(c, who, root))


def confirm(mx: Node, digest: str, root: str = EVENT, by: str = "ana") -> release.Preview:
    return release.release(mx.db, mx.viewer(by), mx.peer, root, digest, mx.clock())


def sent(mx: Node) -> set[str]:
    mx.cross()
    return {str(obj["id"]) for obj in mx.sent()}


def held(mx: Node) -> dict[str, str]:
    """What is held, by id, with its rule."""
    with reading(mx.db) as c:
        found = {one.number: one.rule for one in store.all_held(c, 99)}
        return {entry.id: found[entry.number] for entry in log.entries_numbered(c, RECORD, list(found))}


def test_it_sends_exactly_what_was_seen(mx: Node) -> None:
    entry = mx.file("luis", paste="203.0.113.7")
    seen = preview(mx, entry.id)

    confirm(mx, seen.digest, entry.id)

    assert sent(mx) == {e.id for e in seen.sent}
    assert MX.identity in sent(mx)
    assert mx.sent() == [e.obj() for e in seen.sent]


def test_it_sends_nothing_without_an_act(mx: Node) -> None:
    mx.file("luis", handling="clear")

    assert sent(mx) == set()


@pytest.mark.parametrize("login", ["luis", "sofia", "raul", "elena"])
def test_it_lets_only_a_releaser_of_the_cert_look_and_decide(mx: Node, login: str) -> None:
    """`sofia` may release too; the others may do neither."""
    mx.say(incident(1, object_marking_refs=marked("green")))
    digest = preview(mx).digest
    if login == "sofia":
        confirm(mx, digest, by=login)
        return
    with pytest.raises(NotAllowed):
        preview(mx, by=login)
    with pytest.raises(NotAllowed):
        confirm(mx, digest, by=login)
    assert sent(mx) == set()


CHANGES: dict[str, list[dict[str, Any]]] = {
    "a new version": [incident(1, START + HOUR, object_marking_refs=marked("green"))],
    "a new child": [
        indicator(5, object_marking_refs=marked("green")),
        relationship(5, "indicates", made_id("indicator", 5), EVENT, object_marking_refs=marked("green")),
    ],
    "a child that would be held": [
        indicator(5, object_marking_refs=marked("red")),
        relationship(5, "indicates", made_id("indicator", 5), EVENT, object_marking_refs=marked("red")),
    ],
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_refuses_a_preview_that_has_changed_since(mx: Node, what: str) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    digest = preview(mx).digest
    mx.say(*CHANGES[what])

    with pytest.raises(Conflict, match="Look again"):
        confirm(mx, digest)
    assert sent(mx) == set()


@pytest.mark.parametrize("forged", ["", "0" * 64, "x" * 100_000])
def test_it_refuses_a_digest_that_stands_for_nothing(mx: Node, forged: str) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))

    with pytest.raises(Conflict):
        confirm(mx, forged)


def test_it_refuses_one_incident_s_digest_for_another(mx: Node) -> None:
    mx.say(*(incident(n, object_marking_refs=marked("green")) for n in (1, 2)))

    with pytest.raises(Conflict):
        confirm(mx, preview(mx).digest, made_id("incident", 2))


def test_it_leaves_later_versions_and_children_until_they_are_released(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    confirm(mx, preview(mx).digest)
    assert sent(mx) == {EVENT}
    mx.say(incident(1, START + HOUR, object_marking_refs=marked("green")), *CHANGES["a new child"])

    assert sent(mx) == {EVENT}
    assert [obj["modified"] for obj in mx.sent()] == ["2026-05-04T09:30:00.000Z"]

    confirm(mx, preview(mx).digest)
    assert sent(mx) == {EVENT, made_id("indicator", 5), made_id("relationship", 5)}


def test_it_shows_what_the_peer_has_already_and_sends_it_once(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    digest = preview(mx).digest
    confirm(mx, digest)
    confirm(mx, digest)  # a double click, before the border has done anything
    assert sent(mx) == {EVENT}

    assert [e.id for e in preview(mx).there] == [EVENT]
    confirm(mx, preview(mx).digest)
    mx.cross()
    assert len(mx.sent()) == 1


# --- held --------------------------------------------------------------------------------------------------------
def test_it_holds_in_plain_sight_what_may_not_cross(mx: Node) -> None:
    red = made_id("indicator", 2)
    mx.say(
        incident(1, object_marking_refs=marked("amber")),
        indicator(2, object_marking_refs=marked("red")),
        relationship(3, "indicates", red, EVENT, object_marking_refs=marked("amber+strict")),
    )
    confirm(mx, preview(mx).digest)

    assert sent(mx) == {EVENT}
    assert held(mx) == {red: "handling", made_id("relationship", 3): "handling"}


def test_it_holds_under_a_marking_that_nobody_knows(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=[SECRET]))
    confirm(mx, preview(mx).digest)

    assert (sent(mx), held(mx)) == (set(), {EVENT: "unknown-marking"})


def test_it_sends_the_definition_of_a_statement_with_what_is_marked_by_it(mx: Node) -> None:
    """SX-72."""
    definition = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": SECRET,
        "created": "2026-01-01T00:00:00.000Z",
    }
    said = {"definition_type": "statement", "definition": {"statement": "©"}, "object_marking_refs": marked("green")}
    mx.say({**definition, **said}, incident(1, object_marking_refs=[SECRET, *marked("green")]))
    confirm(mx, preview(mx).digest)

    assert sent(mx) == {EVENT, SECRET}


@pytest.mark.parametrize(("level", "crosses"), [("green", True), ("amber", False)])
def test_it_passes_no_stranger_s_amber_on(mx: Node, level: str, crosses: bool) -> None:
    mx.deposit(incident(1, object_marking_refs=marked(level)))
    mx.settle()
    confirm(mx, preview(mx).digest)

    assert (sent(mx) == {EVENT}) is crosses
    assert held(mx) == ({} if crosses else {EVENT: "not-ours"})


def test_it_passes_an_agency_s_amber_on_when_a_releaser_says_so(mx: Node) -> None:
    entry = mx.file("raul", handling="amber")
    mx.release(entry)

    assert entry.id in sent(mx)


def test_it_sends_nothing_back_to_where_it_came_from(mx: Node) -> None:
    """Our note on the peer's incident goes; his incident and his observables stay."""
    mx.receive(
        incident(1, object_marking_refs=marked("green"), created_by_ref=US.identity),
        address("203.0.113.7", object_marking_refs=marked("green")),
    )
    note = {"type": "note", "id": made_id("note", 1), "name": None, "content": "x", "object_refs": [EVENT]}
    mx.say(incident(1, **note, object_marking_refs=marked("green")))
    confirm(mx, preview(mx).digest)

    assert sent(mx) == {made_id("note", 1)}


def test_it_sends_nobody_s_word_about_an_author_but_his_own(mx: Node) -> None:
    """A stranger's object under our name must not cross among ours, nor make noise in the preview."""
    named = {"type": "identity", "id": MX.identity, "name": "CERT Falso", "identity_class": "organization"}
    mx.say(incident(1, START + HOUR, **named, object_marking_refs=marked("clear")), org=US.name)
    mx.say(incident(1, START + HOUR, **named, object_marking_refs=marked("clear")), org="Imported files")
    entry = mx.file("luis", handling="green")

    seen = preview(mx, entry.id)

    assert [e.obj()["name"] for e in seen.sent if e.id == MX.identity] == [MX.name]
    assert seen.held == ()


def test_it_holds_other_content_of_another_source_under_the_same_version(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    confirm(mx, preview(mx).digest)
    mx.cross()
    mx.say(incident(1, name="otro", object_marking_refs=marked("green")), org=MX.agencies[0])

    with reading(mx.db) as c:
        both = mx.newest(EVENT)
        assert sorted(map(str, release.gates(c, mx.peer, both))) == ["other-content", "there"]


def test_it_sends_one_of_two_contents_that_are_released_together(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    mx.say(incident(1, name="otro", object_marking_refs=marked("green")), org=MX.agencies[0])

    with reading(mx.db) as c:
        assert release.gates(c, mx.peer, mx.newest(EVENT)) == [None, "other-content"]


# --- between the act and the border ------------------------------------------------------------------------------
@pytest.mark.parametrize("change", [{"object_marking_refs": marked("red")}, {"object_marking_refs": [SECRET]}])
def test_it_holds_what_its_author_has_made_stricter_since_the_act(mx: Node, change: dict[str, Any]) -> None:
    """L17: the act named an exact version, but the newest version's handling holds for all of them."""
    mx.say(incident(1, object_marking_refs=marked("green")))
    confirm(mx, preview(mx).digest)
    mx.say(incident(1, START + HOUR, **change))

    assert sent(mx) == set()
    assert set(held(mx)) == {EVENT}


def test_it_sends_an_older_version_that_was_named_although_a_newer_one_exists(mx: Node) -> None:
    """A newer version under a marking that may cross too changes nothing of what was decided."""
    mx.say(incident(1, object_marking_refs=marked("green")))
    confirm(mx, preview(mx).digest)
    mx.say(incident(1, START + HOUR, object_marking_refs=marked("amber")))

    mx.cross()
    assert [obj["modified"] for obj in mx.sent()] == ["2026-05-04T09:30:00.000Z"]


def test_it_judges_by_the_terms_at_the_moment_of_sending(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("amber")))
    confirm(mx, preview(mx).digest)
    with writing(mx.db) as c:
        c.execute(update(store.peers).values(terms='{"version": 1, "carries": "green", "default_handling": "amber"}'))

    assert (sent(mx), held(mx)) == (set(), {EVENT: "handling"})


@pytest.mark.parametrize(
    "act",
    [
        {},
        {"peer": "us"},
        {"peer": "us", "entries": "all"},
        {"peer": "us", "entries": [[1]]},
        {"peer": "us", "entries": [["x", "y", None]]},
        {"peer": "us", "entries": [[10**9, "incident--1", None]]},
        {"peer": ["us"], "entries": []},
    ],
)
def test_it_sends_nothing_for_an_act_that_names_nothing(mx: Node, act: dict[str, Any]) -> None:
    """It is set aside or does nothing, and the acts after it are carried out."""
    mx.say(incident(1, object_marking_refs=marked("green")))
    with writing(mx.db) as c:
        log.append_acts(c, RECORD, release.ACT, [act], mx.clock())
    confirm(mx, preview(mx).digest)

    assert sent(mx) == {EVENT}


def test_it_never_sends_an_act_that_an_act_names(mx: Node) -> None:
    """Acts are ours: naming their numbers sends nothing."""
    mx.say(incident(1, object_marking_refs=marked("green")))
    confirm(mx, preview(mx).digest)
    (number,) = [entry.number for entry in mx.everything() if entry.kind == release.ACT]
    with writing(mx.db) as c:
        acts = [{"peer": "us", "by": "x", "rules": 1, "entries": [[number, "", None]]}]
        log.append_acts(c, RECORD, release.ACT, acts, mx.clock())
    mx.cross()

    assert [obj["type"] for obj in mx.sent()] == ["incident"]


def test_it_takes_one_act_at_a_time(mx: Node) -> None:
    mx.say(*(incident(n, object_marking_refs=marked("green")) for n in (1, 2)))
    for n in (1, 2):
        confirm(mx, preview(mx, made_id("incident", n)).digest, made_id("incident", n))
    batch = mx.everything()

    taken = batch[: release.one_act(batch)]
    assert [entry.kind for entry in taken].count(release.ACT) == 1
    assert taken[-1].kind == release.ACT


def test_it_does_nothing_for_another_peer_s_act(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=marked("green")))
    (entry,) = mx.newest(EVENT)
    with writing(mx.db) as c:
        acts = [{"peer": "ca", "by": "ana", "rules": 1, "entries": [[entry.number, entry.id, entry.version]]}]
        log.append_acts(c, RECORD, release.ACT, acts, mx.clock())

    assert sent(mx) == set()
    with reading(mx.db) as c:
        assert aside.all_aside(c, 9) == []


def test_it_finds_no_root_that_the_releaser_may_not_see(mx: Node) -> None:
    mx.say(incident(1, object_marking_refs=[SECRET]), org=MX.agencies[0])

    with pytest.raises(NotFound):
        confirm(mx, "0" * 64)
