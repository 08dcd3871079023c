"""kill -9 of every process, each in turn, while 10,000 objects are imported and released: nothing lost, nothing twice.

Two real nodes of real processes. A seed chooses how far a log has come when its victim is struck, so a run can be
repeated; where exactly the signal finds the process is up to the machine.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from cert import door
from cert.follow import now_us
from cert.intake import WORKBENCH
from cert.store import log
from cert.store.engine import reading
from cert.store.log import RECORD
from config.node import IMPORT
from tests.bench import mix
from tests.kill.errands import Errand
from tests.kill.places import combined, holdings, left_over, named, numbered
from tests.nations import Nations, nations

pytestmark = pytest.mark.xdist_group("journeys")  # it takes both cores: not beside a journey that is timed

OBJECTS = 10_700  # 10,032 of them differ, as addresses are met again
SEED = 1
TIMES = 2  # how often each is killed
LOOK_S = 0.01
LATE_S = 0.1  # at most so long after a log has come that far
OUTBOUND, INBOUND = ("mx", "to:us"), ("us", "from:mx")

VICTIMS = {
    "importer": ("mx", WORKBENCH + IMPORT),
    "mx-work": ("mx", RECORD),
    "mx-portal": ("mx", RECORD),
    "releaser": ("mx", RECORD),
    "mx-border": OUTBOUND,
    "mx-taxii": INBOUND,
    "us-border": INBOUND,
    "us-work": ("us", RECORD),
}
"""Who is killed, and the log by which one sees how far the work has come that he takes part in."""


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill the victim when this log of this nation has come to the entry `at`, and a moment has passed."""

    victim: str
    nation: str
    log: str
    at: int
    late_s: float


@contextmanager
def errands(both: Nations, feed: Path) -> Iterator[dict[str, Errand]]:
    """Import the feed in Mexico, and release all of it to the United States."""
    settings = both.folder / "mx.toml"
    release = ("release", "us", "--workbench", IMPORT, "--by", "ana", "--yes")
    found = {
        "importer": Errand(settings, ("import", str(feed)), feed.with_name("importer.txt")),
        "releaser": Errand(settings, release, feed.with_name("releaser.txt")),
    }
    try:
        yield found
    finally:
        for errand in found.values():
            errand.kill()


def planned(both: Nations, count: int) -> list[Kill]:
    """Every kill of the run, when `count` objects will pass through each log."""
    chance = random.Random(SEED)  # noqa: S311 it chooses when to kill, and the same each time
    return [
        Kill(victim, nation, name, head(both, nation, name) + chance.randrange(count), chance.uniform(0, LATE_S))
        for victim, (nation, name) in VICTIMS.items()
        for _ in range(TIMES)
    ]


def head(both: Nations, nation: str, log_name: str) -> int:
    with reading(both.db(nation)) as c:
        return log.head(c, log_name)


def carry_out(both: Nations, running: dict[str, Errand], kills: list[Kill]) -> None:
    """Keep everything going until the last victim has been killed and started again."""
    waiting = list(kills)
    while waiting:
        for errand in running.values():
            errand.go_on()
        if running["releaser"].done:
            running["releaser"].again()
        due = [kill for kill in waiting if head(both, kill.nation, kill.log) >= kill.at]
        for kill in due:
            pause(kill.late_s)
            strike(both, running, kill.victim)
            waiting.remove(kill)
        pause(LOOK_S)


def strike(both: Nations, running: dict[str, Errand], victim: str) -> None:
    if victim in running:
        running[victim].kill()
        return
    both.kill(victim)
    both.start(victim)


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def finish(both: Nations, errand: Errand) -> None:
    """Let an errand run through, whatever became of it before."""
    errand.kill()
    errand.again()

    def done() -> bool:
        errand.go_on()
        return errand.done

    both.until(done)


def follows(both: Nations) -> Callable[[], bool]:
    """Whether intake has carried to the record all that was imported."""

    def is_carried() -> bool:
        with reading(both.db("mx")) as c:
            return log.cursor(c, f"intake:{IMPORT}") == log.head(c, WORKBENCH + IMPORT)

    return is_carried


def test_it_loses_nothing_and_doubles_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = mix.objects(OBJECTS, levels=("green", "clear"))
    feed = tmp_path / "feed.json"
    feed.write_bytes(orjson.dumps({"objects": objects}))
    checked = [door.check(obj, now_us()) for obj in objects]
    expected = {named(one.id, one.version, one.digest) for one in checked}

    with nations(tmp_path) as both, errands(both, feed) as running:
        kills = planned(both, len(expected))
        carry_out(both, running, kills)
        finish(both, running["importer"])
        both.until(follows(both))
        finish(both, running["releaser"])
        both.until(both.are_in_step)
        found = holdings(both, {one.id for one in checked})
        sent, mirrored = numbered(both, *OUTBOUND), numbered(both, *INBOUND)
        rest = {nation: left_over(both, nation) for nation in ("mx", "us")}

    lines = [f"  {place:<10} {len(held):>6} objects  sha256 {combined(held)}" for place, held in found.items()]
    with capsys.disabled():
        print(f"\nAfter {len(kills)} kills:", *lines, sep="\n")  # noqa: T201 who runs this wants to see the digests
    assert {place: combined(held) for place, held in found.items()} == dict.fromkeys(found, combined(expected))
    assert sent == mirrored
    assert [number for number, _ in sent] == list(range(1, len(sent) + 1))
    assert rest == {"mx": ({}, 0), "us": ({}, 0)}
