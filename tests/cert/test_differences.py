"""A second and a third opinion: stix2 and stix2-validator on the same objects, every difference justified in a table.

Only tests ask the libraries: they change the text, miss rules and can crash (SX-101, SX-103).
"""

import copy
import json
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stix2

from cert.door import check
from cert.errors import Refused
from tests.cert.cases import BAD, GOOD, NOTED, NOW

TABLE = Path(__file__).with_name("differences.md")
Case = tuple[str, dict[str, Any]]


def cases() -> Iterator[Case]:
    """Every object that tries the door, under a name made of its row, what it is about and, if need be, a count."""
    seen: Counter[str] = Counter()
    bad = [(f"{row} {name.rpartition('.')[2][:30]}", obj) for row, obj, name in BAD]
    good = [(f"{row} {obj['type']}, lawful", obj) for row, obj in GOOD]
    noted = [(f"{row} {obj['type']}, odd", obj) for row, obj, _ in NOTED]
    for name, obj in (*bad, *good, *noted):
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), obj


def ours(obj: dict[str, Any]) -> str:
    try:
        check(obj, NOW)
    except Refused:
        return "refused"
    return "taken"


def of_stix2(obj: dict[str, Any]) -> str:
    try:
        stix2.parse(copy.deepcopy(obj), version="2.1", allow_custom=True)
    except (stix2.exceptions.STIXError, ValueError, AttributeError):
        return "refused"
    return "taken"


def of_the_validator(obj: dict[str, Any]) -> str:
    from stix2validator import ValidationOptions, validate_instance

    try:
        found = validate_instance(json.loads(json.dumps(obj)), ValidationOptions(version="2.1"))
    except (AttributeError, TypeError, ValueError):
        return "crashes"
    return "taken" if found.is_valid else "refused"


@pytest.fixture(scope="module")
def differing() -> dict[str, tuple[str, str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own warnings are no concern of the comparison
        verdicts = {name: (ours(obj), of_stix2(obj), of_the_validator(obj)) for name, obj in cases()}
    return {name: found for name, found in verdicts.items() if len(set(found)) > 1}


@pytest.fixture(scope="module")
def table() -> dict[str, list[str]]:
    lines = [
        line.strip("| \n").split(" | ")
        for line in TABLE.read_text().splitlines()
        if " | refused | " in line or " | taken | " in line
    ]
    return {cells[0]: cells[1:] for cells in lines}


def test_every_difference_of_verdict_it_lists_and_no_other(
    differing: dict[str, tuple[str, str, str]], table: dict[str, list[str]]
) -> None:
    assert {name: tuple(cells[:3]) for name, cells in table.items()} == differing


def test_every_difference_it_justifies(table: dict[str, list[str]]) -> None:
    assert all(len(cells) == 4 and len(cells[3]) > 20 for cells in table.values())
