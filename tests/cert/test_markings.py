"""The fixed TLP objects, and what each id stands for."""

import pytest

from cert import door, markings
from cert.stix import parse_timestamp

NOW = parse_timestamp("2026-03-14T09:00:00Z")


@pytest.mark.parametrize("definition", markings.DEFINITIONS, ids=lambda d: d["name"] + d["created"][:4])
def test_every_fixed_object_it_lets_through_the_door(definition: dict[str, object]) -> None:
    checked = door.check(definition, NOW)
    assert door.notes(checked) == ()


def test_it_has_five_levels_of_the_second_and_four_of_the_first_protocol() -> None:
    assert list(markings.TLP2) == ["clear", "green", "amber", "amber+strict", "red"]
    assert list(markings.TLP1) == ["white", "green", "amber", "red"]
    assert len(markings.DEFINITIONS) == 10


def test_it_reads_white_as_clear_and_no_old_marking_as_amber_strict() -> None:
    assert markings.level_of(markings.TLP1["white"]) == "clear"
    assert markings.level_of(markings.TLP1["amber"]) == "amber"
    assert "amber+strict" not in {markings.level_of(identifier) for identifier in markings.TLP1.values()}


def test_it_gives_no_level_to_an_unknown_marking() -> None:
    assert markings.level_of("marking-definition--5d1f2a6e-0c0f-4b58-9c3a-7d1f2b3c4d5e") is None


def test_it_picks_the_strictest_level() -> None:
    assert markings.strictest(frozenset(("green", "amber+strict", "amber"))) == "amber+strict"
    assert markings.strictest(frozenset()) is None
