"""Filing an incident: all of it or nothing, once, as STIX that other software takes."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stix2
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_instance

from cert import export, extension, extract, filing, markings
from cert.access import LEVELS
from cert.errors import Conflict, NotAllowed, Refused
from cert.filing import Draft
from cert.store import drafts
from cert.store.engine import reading, writing
from config.cast import MX
from tests.cast import DAY, HOUR, MINUTE, OTAY, Node, incident, made_id, marked
from tests.cast import systems as lane

PASTE = (
    "203.0.113.7\n2001:db8::7\nlector[.]example\nhxxps://lector[.]example/a?b='c'\nsoporte@lector.example\n" + "a" * 64
)
DRAFT = "d" * 32


def draft(**change: Any) -> Draft:
    return Draft(**{"title": "Suceso", "text": "Texto.", "handling": "amber", "language": "es", **change})


def whole(mx: Node) -> Draft:
    """A draft with every field filled in."""
    for org, obj in lane():
        mx.say(obj, org=org)
    now = mx.clock()
    return draft(
        rsit='rsit:availability="sabotage"',
        severity="high",
        confidence=85,
        systems=(OTAY["mx"],),
        observables=tuple(extract.extract(PASTE)),
        occurred_from=now - HOUR,
        occurred_to=now - MINUTE,
    )


def filed(mx: Node, what: Draft, login: str = "luis") -> list[dict[str, Any]]:
    before = len(mx.everything())
    filing.file_incident(mx.db, mx.viewer(login), what, mx.clock())
    return [entry.obj() for entry in mx.everything()[before:]]


def test_it_files_objects_that_pass_the_strict_validator_and_stix2(mx: Node) -> None:
    what = whole(mx)
    done = filing.file_incident(mx.db, mx.viewer("luis"), what, mx.clock())
    with reading(mx.db) as c:
        bundle = export.bundle(c, mx.viewer("luis"), mx.newest(done.id)[0])

    told = validate_instance(json.loads(json.dumps(bundle)), ValidationOptions(version="2.1"))
    assert [str(error) for error in told.errors] == []
    assert stix2.parse(bundle, allow_custom=False).type == "bundle"


def test_it_files_what_the_form_says(mx: Node) -> None:
    objects = filed(mx, whole(mx))
    (event,) = [obj for obj in objects if obj["type"] == "incident"]

    assert (event["name"], event["description"], event["lang"], event["confidence"]) == ("Suceso", "Texto.", "es", 85)
    assert (extension.severity(event), extension.rsit(event)) == ("high", "availability:sabotage")
    assert extension.systems(event) == (OTAY["mx"],)
    assert extension.occurred(event) == ("2026-05-04T08:30:00.000Z", "2026-05-04T09:29:00.000Z")
    assert event["created_by_ref"] == MX.identity
    assert extension.number(event).startswith("MX-2026-")
    assert {tuple(obj["object_marking_refs"]) for obj in objects} == {(markings.TLP2["amber"],)}


def test_it_files_each_observable_with_what_was_seen_and_an_indicator(mx: Node) -> None:
    objects = filed(mx, draft(observables=tuple(extract.extract("203.0.113.7\n203.0.113.7\nlector.example"))))

    counted = {kind: sum(obj["type"] == kind for obj in objects) for kind in {obj["type"] for obj in objects}}
    assert counted == {
        **{"incident": 1, "ipv4-addr": 1, "domain-name": 1, "observed-data": 1},
        **{"indicator": 2, "relationship": 3},
    }


def test_it_files_the_smallest_draft(mx: Node) -> None:
    (event,) = filed(mx, draft(text=""))

    assert "description" not in event
    assert extension.PUENTE not in event["extensions"]


@pytest.mark.parametrize(
    ("login", "change", "field"),
    [
        ("luis", {"title": "  "}, "title"),
        ("luis", {"handling": ""}, "handling"),
        ("luis", {"handling": "unknown"}, "handling"),
        ("luis", {"handling": "RED"}, "handling"),
        ("luis", {"handling": "red"}, "handling"),
        ("luis", {"occurred_from": 10 * MINUTE, "occurred_to": 5 * MINUTE}, "occurred_to"),
        ("luis", {"occurred_from": 2**53}, "occurred_from"),
        ("luis", {"occurred_to": 2**53}, "occurred_to"),
        ("luis", {"systems": ("infrastructure--x",)}, "systems"),
        ("luis", {"systems": (made_id("incident", 1),)}, "systems"),
        ("luis", {"systems": ("x" * 100_000, "")}, "systems"),
        (
            "luis",
            {"observables": tuple(extract.extract("\n".join(f"10.1.{n >> 8}.{n % 256}" for n in range(501))))},
            "paste",
        ),
    ],
)
def test_it_says_what_is_wrong_beside_the_field_and_files_nothing(
    mx: Node, login: str, change: dict[str, Any], field: str
) -> None:
    before = len(mx.everything())

    assert set(filing.problems(mx.viewer(login), draft(**change), mx.clock())) == {field}
    with pytest.raises(Refused):
        filing.file_incident(mx.db, mx.viewer(login), draft(**change), mx.clock())
    assert len(mx.everything()) == before


def test_it_lets_no_administrator_file(mx: Node) -> None:
    with pytest.raises(NotAllowed):
        filing.file_incident(mx.db, mx.viewer("elena"), draft(), mx.clock())


@pytest.mark.parametrize("bad", ["\x00", "a\x00b"])
def test_it_keeps_nothing_of_a_draft_that_the_door_refuses(mx: Node, bad: str) -> None:
    """The number that was claimed is free again, and the draft is not marked as filed."""
    before = len(mx.everything())
    luis = mx.viewer("luis")
    with writing(mx.db) as c:
        drafts.save(c, DRAFT, luis.person, {"title": bad}, mx.clock())

    with pytest.raises(Refused):
        filing.file_incident(mx.db, luis, draft(title=f"x{bad}", systems=(OTAY["mx"],)), mx.clock(), DRAFT)

    assert len(mx.everything()) == before
    with reading(mx.db) as c:
        assert drafts.load(c, DRAFT, luis.person).incident_id is None


def test_it_files_a_draft_once_however_many_try_at_once(mx: Node) -> None:
    """A double click, a second tab: one incident, and the others are told which."""
    luis = mx.viewer("luis")
    with writing(mx.db) as c:
        drafts.save(c, DRAFT, luis.person, {}, mx.clock())
    begin = threading.Barrier(4)

    def file() -> str:
        begin.wait(30)
        try:
            return filing.file_incident(mx.db, luis, draft(), mx.clock(), DRAFT).id
        except Conflict as told:
            return "told " + str(told.data["incident"])

    with ThreadPoolExecutor(4) as pool:
        answers = [done.result() for done in [pool.submit(file) for _ in range(4)]]

    (event,) = [entry.id for entry in mx.everything() if entry.id.startswith("incident--")]
    assert sorted(answers) == sorted([event, *3 * [f"told {event}"]])


@settings(max_examples=40)
@given(
    title=st.text(max_size=60),
    text=st.text(max_size=60),
    handling=st.sampled_from(LEVELS),
    language=st.sampled_from(["", "es", "en", "xx", "es-MX", "a" * 40]),
    severity=st.sampled_from(["", *extension.CRITICALITY]),
    start=st.none() | st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999),
    length=st.integers(-DAY, DAY),
)
def test_it_files_or_refuses_whatever_is_typed(
    mx: Node, title: str, text: str, handling: str, language: str, severity: str, start: int | None, length: int
) -> None:
    what = draft(title=title, text=text, handling=handling, language=language, severity=severity)
    what = Draft(**{**{name: getattr(what, name) for name in Draft.__slots__}, "occurred_from": start})
    if start is not None:
        what = Draft(**{**{name: getattr(what, name) for name in Draft.__slots__}, "occurred_to": start + length})
    try:
        done = filing.file_incident(mx.db, mx.viewer("ana"), what, mx.clock())
    except Refused:
        return
    assert mx.newest(done.id)[0].obj()["name"] == title.strip()


# --- notes -------------------------------------------------------------------------------------------------------
def test_it_files_a_note_on_an_incident_of_anybody(mx: Node) -> None:
    mx.receive(incident(1, object_marking_refs=marked("green")))
    about = mx.newest(made_id("incident", 1))[0]

    note_id = filing.add_note(mx.db, mx.viewer("luis"), about, "También aquí.", "es", "green", mx.clock())

    note = mx.newest(note_id)[0].obj()
    assert (note["content"], note["object_refs"], note["created_by_ref"]) == ("También aquí.", [about.id], MX.identity)
    assert note["object_marking_refs"] == marked("green")


@pytest.mark.parametrize("text", ["", " \n", "\x00"])
def test_it_refuses_a_note_that_says_nothing(mx: Node, text: str) -> None:
    about = mx.file()
    with pytest.raises(Refused):
        filing.add_note(mx.db, mx.viewer("luis"), about, text, "es", "amber", mx.clock())


MARKING = made_id("marking-definition", 9)


@pytest.mark.parametrize(
    "marking",
    [{"object_marking_refs": [MARKING]}, {"granular_markings": [{"marking_ref": MARKING, "selectors": ["name"]}]}],
    ids=["whole", "granular"],
)
def test_it_keeps_a_note_on_an_unknown_marking_as_close_as_what_it_is_about(mx: Node, marking: dict[str, Any]) -> None:
    """What nobody here knows stays with its organisation, and so does what that writes about it."""
    mx.say(incident(1, **marking), org=MX.agencies[0])
    about = mx.newest(made_id("incident", 1))[0]

    note_id = filing.add_note(mx.db, mx.viewer("raul"), about, "Nota.", "es", "unknown", mx.clock())

    assert mx.newest(note_id)[0].obj()["object_marking_refs"] == [MARKING]


def test_it_lets_no_administrator_write_a_note(mx: Node) -> None:
    with pytest.raises(NotAllowed):
        filing.add_note(mx.db, mx.viewer("elena"), mx.file(), "Nota.", "es", "amber", mx.clock())
