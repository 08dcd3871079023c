"""Deterministic ids: equal to the standard's examples and to what stix2 computes."""

import json
from pathlib import Path
from typing import Any

import pytest
import stix2

from cert.sco import CONTRIBUTING, sco_id

MINIMAL = json.loads((Path(__file__).parents[1] / "samples" / "minimal.json").read_bytes())
OBSERVABLES = [obj for obj in MINIMAL if obj["type"] in CONTRIBUTING and obj["type"] != "email-message"]


@pytest.mark.parametrize("obj", OBSERVABLES, ids=lambda obj: obj["type"])
def test_it_computes_the_id_that_stix2_computes(obj: dict[str, Any]) -> None:
    without = {name: value for name, value in obj.items() if name != "id"}
    assert sco_id(obj) == stix2.parse(without, version="2.1").id


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"type": "ipv4-addr", "value": "198.51.100.3"}, "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
        ({"type": "domain-name", "value": "example.com"}, "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"),
    ],
)
def test_it_computes_the_ids_known_to_everyone(obj: dict[str, Any], expected: str) -> None:
    assert sco_id(obj) == expected


def test_it_uses_one_hash_only_the_first_of_the_known_ones() -> None:
    md5 = {"MD5": "d41d8cd98f00b204e9800998ecf8427e"}
    many = {"SHA-256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "TLSH": "x"} | md5
    assert sco_id({"type": "file", "hashes": many}) == sco_id({"type": "file", "hashes": md5})


@pytest.mark.parametrize("obj", [{"type": "process", "pid": 7}, {"type": "email-message", "is_multipart": False}])
def test_it_computes_none_where_nothing_contributes(obj: dict[str, Any]) -> None:
    assert sco_id(obj) is None
