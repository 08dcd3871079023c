"""The rules of STIX that need what is held: circles of markings, translations that do not fit."""

from typing import Any

import pytest

from cert import between

A, B, C = (f"marking-definition--{digit * 8}-1111-4111-8111-111111111111" for digit in "abc")
INCIDENT = "incident--d1d1d1d1-1111-4111-8111-111111111111"


def marking(identifier: str, *marked: str) -> dict[str, Any]:
    return {"type": "marking-definition", "id": identifier, "object_marking_refs": list(marked)}


def translation(labels: list[str], modified: str | None = None) -> dict[str, Any]:
    stamp = {"object_modified": modified} if modified else {}
    return {"type": "language-content", "object_ref": INCIDENT, "contents": {"es": {"labels": labels}}, **stamp}


def test_it_refuses_markings_that_mark_each_other() -> None:
    held = {B: marking(B, C), C: marking(C, A)}

    problem = between.problem(marking(A, B), held.get)

    assert problem is not None
    assert problem.code == "marking-circle"  # SX-67
    assert problem.data["property"] == "object_marking_refs"


def test_it_lets_markings_carry_markings_that_end_somewhere() -> None:
    held = {B: marking(B, C), C: marking(C)}

    assert between.problem(marking(A, B), held.get) is None


def test_it_ends_on_a_circle_that_is_not_of_this_marking() -> None:
    held = {B: marking(B, C), C: marking(C, B)}

    assert between.problem(marking(A, B), held.get) is None


@pytest.mark.parametrize(("labels", "fits"), [(["uno", ""], True), (["uno"], False), (["uno", "dos", "tres"], False)])
def test_it_wants_a_translated_list_as_long_as_the_original(labels: list[str], fits: bool) -> None:
    held = {INCIDENT: {"type": "incident", "modified": "2026-01-01T00:00:00.000Z", "labels": ["one", "two"]}}

    problem = between.problem(translation(labels), held.get)

    assert (problem is None) == fits  # SX-74


def test_it_does_not_measure_a_translation_of_another_version() -> None:
    held = {INCIDENT: {"type": "incident", "modified": "2026-01-02T00:00:00.000Z", "labels": ["one", "two"]}}

    stale = translation(["uno"], "2026-01-01T00:00:00.000Z")

    assert between.problem(stale, held.get) is None  # SX-75: shown as stale, and not wrong


def test_it_takes_what_refers_to_something_that_is_not_held() -> None:
    nothing: dict[str, dict[str, Any]] = {}

    assert between.problem(translation(["uno"]), nothing.get) is None  # SX-14
    assert between.problem(marking(A, B), nothing.get) is None
