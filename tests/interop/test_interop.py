"""Other people's servers, the real ones, are drained by a real node and nothing is lost."""

import copy
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cert import door
from cert.follow import now_us
from cert.stix import SCO
from cert.store import aside
from cert.store.engine import reading
from config.cast import US
from feeds import drain
from feeds.connection import Address
from feeds.drain import LOOK_BACK_EVERY, Drain
from feeds.line import Line
from tests.cast import Node
from tests.interop import servers
from tests.servers.process import NotInstalled

SAMPLES = Path(__file__).parents[1] / "samples" / "minimal.json"
COPIES = 15
SPACE = uuid.UUID("7b0d5d0e-8a0c-4c4e-9a67-2b1a5c1f6d11")


@dataclass(frozen=True, slots=True)
class There:
    """A server, and what it holds."""

    address: Address
    given: list[Any]


Serve = Callable[[Path, list[Any]], AbstractContextManager[str]]


def samples(title: str = "opentaxii") -> list[Any]:
    """A few hundred objects of every type, some in several versions.

    medallion reads a property `version` as a date, and answers 500 to every question once it holds one that is none: so
    it gets no such object.
    """
    minimal = json.loads(SAMPLES.read_bytes())
    found = list(minimal)
    for n in range(COPIES):
        for obj in minimal:
            if obj["type"] not in SCO:
                other = copy.deepcopy(obj)
                other["id"] = f"{obj['type']}--{uuid.uuid5(SPACE, obj['id'] + str(n))}"
                found.append(other)
    if title == "medallion":
        found = [obj for obj in found if "version" not in obj]
    newer = [obj | {"modified": "2026-03-14T08:31:00.000Z"} for obj in found if obj["type"] == "indicator"]
    return found + newer


@pytest.fixture(scope="module", params=["medallion", "opentaxii"])
def there(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    """One of the servers, and all that it was given."""
    serve: Serve = getattr(servers, request.param)
    given = samples(request.param)
    with ExitStack() as opened:
        try:
            url = opened.enter_context(serve(tmp_path_factory.mktemp(request.param), given))
        except NotInstalled as lacking:
            pytest.skip(str(lacking))
        yield There(Address(US.name, url, servers.USER, lambda: servers.PASSWORD), given)


def told(objects: list[Any]) -> set[tuple[str, bytes]]:
    """What objects say, however a relay spells their times and defaults."""
    checked = [door.check(obj, now_us()) for obj in objects]
    return {(one.id, one.digest) for one in checked}


def test_it_drains_a_server_of_somebody_else_without_loss(
    mx: Node, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node reads page by page, looks back, finds nothing new, and admits what it has read."""
    monkeypatch.setattr("feeds.line.PAGE", 60)
    mx.clock.now = now_us()
    with Line(there.address, servers.TITLE) as line:
        drained = Drain(mx.db, mx.peer, line, mx.clock)
        turns = _finish(drained)
        mx.clock.now += LOOK_BACK_EVERY
        turns += _finish(drained)
        assert line.skew_s is not None

    assert turns < 10
    mirrored = [entry.obj() for entry in mx.everything(mx.peer.inbound)]
    assert len(mirrored) == len(there.given) > 300
    assert told(mirrored) == told(there.given)
    mx.cross()
    with reading(mx.db) as c:
        assert aside.all_aside(c, 9) == []
    assert {entry.id for entry in mx.everything()} >= {obj["id"] for obj in there.given}


def _finish(drained: Drain) -> int:
    turns = 1
    while drained.turn():
        turns += 1
    return turns


def test_it_goes_on_after_each_turn_that_is_cut_short(mx: Node, there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed after any page leaves a place from which another goes on."""
    monkeypatch.setattr("feeds.line.PAGE", 60)
    monkeypatch.setattr(drain, "PAGES", 2)
    mx.clock.now = now_us()
    for _ in range(20):
        with Line(there.address, servers.TITLE) as line:
            if not Drain(mx.db, mx.peer, line, mx.clock).turn():
                break

    mirrored = [entry.obj() for entry in mx.everything(mx.peer.inbound)]
    assert told(mirrored) == told(there.given)
