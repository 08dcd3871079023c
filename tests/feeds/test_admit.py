"""The only door in: every entry of the peer's log ends in the record, as a duplicate, or set aside with its reason."""

from collections.abc import Sequence
from typing import Any

import pytest

from cert import door, sight
from cert.errors import Refused
from cert.stix import canonical
from cert.store import aside, log
from cert.store.engine import reading, writing
from config import wiring
from config.cast import MX, US
from tests.cast import DAY, HOUR, MINUTE, START, Node, address, incident, indicator, made_id, marked

EVENT = made_id("incident", 1)


def receive(mx: Node, *objects: Any) -> None:
    """Mirror what a peer sent and admit it; what the door refuses is mirrored as bare bytes, as `pull` does."""
    with writing(mx.db) as c:
        log.mirror(c, "from:us", [_said(mx, obj) for obj in objects], mx.clock())
    mx.cross()


def _said(mx: Node, obj: Any) -> log.Statement | bytes:
    try:
        return log.statement(door.check(obj, mx.clock()), mx.peer.org)
    except Refused:
        return canonical(obj)


def admitted(mx: Node) -> list[str]:
    return [entry.id for entry in mx.everything() if entry.origin == mx.peer.org]


def refused(mx: Node) -> list[tuple[int, str]]:
    with reading(mx.db) as c:
        return sorted((one.number, one.code) for one in aside.all_aside(c, 99))


def sentences(mx: Node) -> Sequence[str]:
    with reading(mx.db) as c:
        return [str(one.why) for one in aside.all_aside(c, 99)]


def test_it_admits_what_the_peer_states_under_his_name(mx: Node) -> None:
    receive(mx, incident(1, created_by_ref=US.identity), address("203.0.113.7"))

    assert admitted(mx) == [EVENT, address("203.0.113.7")["id"]]
    assert refused(mx) == []


BAD: dict[str, Any] = {
    "no object": "text",
    "null": None,
    "empty": {},
    "no id": {"type": "indicator", "spec_version": "2.1"},
    "another type's id": indicator(5, id=made_id("malware", 5)),
    "STIX 2.0": indicator(5, spec_version="2.0"),
    "no pattern": indicator(5, pattern=None),
    "null inside": {**indicator(5), "name": None},
    "a forged RED": {
        **{"type": "marking-definition", "spec_version": "2.1", "id": marked("red")[0]},
        **{"created": "2022-10-01T00:00:00.000Z", "name": "TLP:RED"},
        **{"definition_type": "statement", "definition": {"statement": "free"}},
    },
}


@pytest.mark.parametrize("what", BAD)
def test_it_sets_one_bad_object_aside_and_takes_the_others(mx: Node, what: str) -> None:
    """F23."""
    receive(mx, indicator(1), BAD[what], indicator(2))

    assert admitted(mx) == [made_id("indicator", 1), made_id("indicator", 2)]
    assert [number for number, _ in refused(mx)] == [2]
    assert all(len(sentence) > 10 for sentence in sentences(mx))


def test_it_sets_everything_aside_when_all_is_bad(mx: Node) -> None:
    receive(mx, *BAD.values())

    assert admitted(mx) == []
    assert [number for number, _ in refused(mx)] == list(range(1, len(BAD) + 1))


# --- who may say what --------------------------------------------------------------------------------------------
@pytest.mark.row("TX-224")
@pytest.mark.parametrize("whom", ["cert", "agency"])
def test_it_sets_aside_what_claims_to_be_written_by_one_of_ours(mx: Node, whom: str) -> None:
    author = MX.identity if whom == "cert" else mx.org(MX.agencies[0]).identity_id
    receive(mx, incident(1, created_by_ref=author), indicator(2))

    assert (admitted(mx), refused(mx)) == ([made_id("indicator", 2)], [(1, "impersonation")])


@pytest.mark.parametrize("author", [None, US.identity, MX.identity])
def test_it_sets_aside_an_identity_that_claims_to_be_one_of_ours(mx: Node, author: str | None) -> None:
    """Under whatever author: a later version of it would be what everybody shows as our name."""
    named = {"type": "identity", "id": MX.identity, "name": "CERT Falso", "identity_class": "organization"}
    receive(mx, incident(1, START + HOUR, **named, created_by_ref=author))

    assert (admitted(mx), refused(mx)) == ([], [(1, "impersonation")])


@pytest.mark.parametrize("author", [None, US.identity, MX.identity])
def test_it_sets_aside_the_peer_s_version_of_an_object_of_ours(mx: Node, author: str | None) -> None:
    """W3, SX-53: a nation versions only its own objects; the other answers with notes."""
    mx.say(incident(1, created_by_ref=MX.identity, object_marking_refs=marked("green")))

    receive(mx, incident(1, START + HOUR, name="suyo", created_by_ref=author), indicator(2))

    assert admitted(mx) == [made_id("indicator", 2)]
    assert [number for number, _ in refused(mx)] == [1]
    assert [entry.obj()["name"] for entry in mx.newest(EVENT)] == ["Suceso 1"]


def test_it_sets_aside_a_revocation_of_an_object_of_ours(mx: Node) -> None:
    mx.say(incident(1, created_by_ref=MX.identity))

    receive(mx, incident(1, START + HOUR, created_by_ref=US.identity, revoked=True))

    assert admitted(mx) == []


def test_it_takes_our_own_content_back_from_him_unchanged(mx: Node) -> None:
    """A peer who passes on what we wrote says nothing false."""
    mx.say(incident(1, created_by_ref=MX.identity))

    receive(mx, incident(1, created_by_ref=MX.identity))

    assert (admitted(mx), refused(mx)) == ([EVENT], [])


def test_it_takes_his_statement_on_an_address_beside_ours(mx: Node) -> None:
    """An observable has no owner; two statements stand side by side."""
    mx.say(address("203.0.113.7", object_marking_refs=marked("red")))
    receive(mx, address("203.0.113.7", object_marking_refs=marked("green")))

    assert len(mx.newest(address("203.0.113.7")["id"])) == 2
    assert refused(mx) == []


# --- versions ----------------------------------------------------------------------------------------------------
def test_it_sets_aside_a_version_from_the_future(mx: Node) -> None:
    """SX-62, W9: it would hide all later true versions."""
    receive(mx, incident(1, START + DAY + MINUTE), incident(2, START + DAY - MINUTE))

    assert (admitted(mx), refused(mx)) == ([made_id("incident", 2)], [(1, "from-the-future")])


@pytest.mark.row("TX-223")
def test_it_keeps_the_first_of_two_contents_and_sets_the_second_aside(mx: Node) -> None:
    """W6."""
    receive(mx, incident(1, name="uno"), incident(1, name="dos"))
    receive(mx, incident(1, name="tres"))

    assert [entry.obj()["name"] for entry in mx.newest(EVENT)] == ["uno"]
    assert refused(mx) == [(2, "conflict"), (3, "conflict")]
    assert "name" in sentences(mx)[0]


def test_it_takes_the_same_again_without_a_word(mx: Node) -> None:
    receive(mx, incident(1), incident(1))
    receive(mx, incident(1))

    assert (admitted(mx), refused(mx)) == ([EVENT], [])


def test_it_lets_nothing_of_his_come_back_after_he_revoked_it(mx: Node) -> None:
    """W8."""
    receive(mx, incident(1), incident(1, START + HOUR, revoked=True), incident(1, START + 2 * HOUR))

    assert refused(mx) == [(3, "refused")]


def test_it_admits_versions_in_any_order(mx: Node) -> None:
    receive(mx, incident(1, START + HOUR, name="nuevo"), incident(1, name="viejo"))

    assert [entry.obj()["name"] for entry in mx.newest(EVENT)] == ["nuevo"]
    assert refused(mx) == []


# --- what crosses with it ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("level", "reader"), [("red", "ana"), ("amber", "luis"), ("green", "raul")])
def test_it_shows_what_came_to_those_its_handling_names(mx: Node, level: str, reader: str) -> None:
    receive(mx, incident(1, object_marking_refs=marked(level)))

    order = ["ana", "luis", "raul"]
    with reading(mx.db) as c:
        seen = [login for login in order if sight.visible(c, mx.viewer(login), mx.newest(EVENT))]
    assert seen == order[: order.index(reader) + 1]


def test_it_takes_what_is_unmarked_under_what_was_agreed_for_him(mx: Node) -> None:
    receive(mx, incident(1))

    with reading(mx.db) as c:
        assert [level for level, _ in sight.handlings(c, mx.newest(EVENT))] == ["amber"]


def test_it_never_acts_on_the_peer_s_word(mx: Node) -> None:
    """An act in his log is no act in ours."""
    mx.say(incident(1, object_marking_refs=marked("green")))
    (entry,) = mx.newest(EVENT)
    with writing(mx.db) as c:
        named = [{"peer": "us", "by": "ana", "rules": 1, "entries": [[entry.number, entry.id, entry.version]]}]
        log.append_acts(c, "from:us", "release", named, mx.clock())
    mx.cross()

    assert mx.sent() == []


def test_it_admits_once_when_it_begins_again(mx: Node) -> None:
    receive(mx, incident(1), "text", indicator(2))
    with writing(mx.db) as c:
        log.move_cursor(c, "admit:us", 3, 0)
    mx.follow(wiring.peer_followers(mx.peer, mx.close)[1])

    assert admitted(mx) == [EVENT, made_id("indicator", 2)]
    assert [number for number, _ in refused(mx)] == [2]


def test_it_takes_a_page_full_at_once(mx: Node) -> None:
    receive(mx, *(indicator(n) for n in range(600)))

    assert len(admitted(mx)) == 600
