"""Two real nations exchange over a cable: much, with clocks apart, a cut line, a slow line; nothing lost or doubled."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cert import door
from cert.follow import now_us
from cert.stix import Micros
from cert.store import current, log, people
from cert.store.engine import Engine, reading, writing
from cert.store.log import BATCH, RECORD
from feeds import ledger, release, store, wire
from tests.cast import START, address, indicator, marked
from tests.nations import Nations, nations
from tests.servers import cable
from tests.servers.cable import Cable, Quality

pytestmark = pytest.mark.xdist_group("journeys")  # it takes both cores: not beside a journey that is timed

OBJECTS, UPDATES, SHARED = 10_000, 1_000, 500
APART = "+5m"
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), Path("/nowhere"))
SLEEPS = """import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
"""For libfaketime 0.9.10, under which Python's own sleep fails when the monotonic clock is to stay as it is."""
IDLE_S = float(os.environ.get("IDLE_S", "5"))
UNEQUAL = Quality(bytes_s=250_000, delay_s=0.1, loss=0.01)  # 2 Mbit/s, 200 ms there and back, 1% lost
OTHER = {"mx": "us", "us": "mx"}


@dataclass
class Lines:
    """Two running nations, and the cable by which each reaches the other's server."""

    both: Nations
    cables: dict[str, Cable]


@contextmanager
def over_cables(folder: Path, quality: Quality, late: str = "") -> Iterator[Lines]:
    """Two nations of real processes that reach each other by cable alone; the United States' clock may be another."""
    with ExitStack() as opened:
        both = opened.enter_context(nations(folder, "mx-taxii", "us-taxii"))
        cables = {}
        for nation, peer in OTHER.items():
            there = urlsplit(str(both.described[peer]["taxii"]))
            cables[nation] = opened.enter_context(cable.to("127.0.0.1", there.port or 0, quality))
            told = both.folder / f"{nation}.toml"
            text = told.read_text("utf-8")
            before, peers = text.split("[peers", 1)
            changed = peers.replace(f":{there.port}/", f":{cables[nation].port}/")
            told.write_text(f"{before}[peers{changed}", "utf-8")
        both.stop("us-taxii")
        both.start("mx-work", "mx-border", "mx-portal")
        with pytest.MonkeyPatch.context() as patch:
            if late:
                (folder / "sitecustomize.py").write_text(SLEEPS, "utf-8")
                patch.setenv("PYTHONPATH", str(folder))
                patch.setenv("LD_PRELOAD", str(FAKETIME))
                patch.setenv("FAKETIME", late)
                patch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            both.start("us-taxii", "us-work", "us-border", "us-portal")
        yield Lines(both, cables)


def give(db: Engine, objects: Sequence[dict[str, Any]]) -> None:
    """State objects as our CERT, and release them."""
    with reading(db) as c:
        ours, (peer,) = people.our_cert(c), store.all_peers(c)
    for start in range(0, len(objects), BATCH):
        said = [log.statement(door.check(obj, now_us()), ours.n) for obj in objects[start : start + BATCH]]
        with writing(db, bulk=True) as c:
            numbers = [verdict.number for verdict in log.append(c, RECORD, said, now_us())]
            release.append_act(c, "ana", peer, log.entries_numbered(c, RECORD, numbers), now_us())


def stated(nation: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a nation has to give: objects, among them `SHARED` addresses that the other one states too, and updates."""
    first = 1_000_000 if nation == "mx" else 2_000_000
    level = "green" if nation == "mx" else "amber"
    own = [indicator(first + n) for n in range(OBJECTS - SHARED)]  # all with one timestamp
    shared = [address(f"198.51.{n // 250}.{n % 250}", object_marking_refs=marked(level)) for n in range(SHARED)]
    return own + shared, [indicator(first + n, START + 60_000_000, name="otra vez") for n in range(UPDATES)]


def ours_in(db: Engine, name: str) -> list[tuple[str, Micros | None, bytes]]:
    """The objects in a log, without what nodes tell each other beside them."""
    with reading(db) as c:
        entries = log.after(c, name, 0, 1_000_000)
    return [(e.id, e.version, e.digest) for e in entries if e.kind == "object" and not wire.kind(e.obj())]


def links(db: Engine, name: str) -> list[tuple[int, bytes]]:
    with reading(db) as c:
        head = log.head(c, name)
        return [(n, ledger.link_at(c, name, b"", n)) for n in range(1, head + 1)]


def heads(both: Nations) -> dict[str, list[int]]:
    """Where every log of both stands."""
    found = {}
    for nation in OTHER:
        with reading(both.db(nation)) as c:
            found[nation] = [log.head(c, name) for name in log.names(c) if name != log.ACTS]
    return found


def mirrored(both: Nations, nation: str) -> Callable[[int], Callable[[], bool]]:
    """Whether a nation's mirror has come to an entry."""

    def at(number: int) -> Callable[[], bool]:
        def there() -> bool:
            with reading(both.db(nation)) as c:
                return log.head(c, f"from:{OTHER[nation]}") >= number

        return there

    return at


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not here (apt install faketime)")
def test_two_nations_stay_in_step_with_clocks_apart_and_a_line_that_is_cut(tmp_path: Path) -> None:
    with over_cables(tmp_path, Quality(), APART) as lines:
        both = lines.both
        both.until(both.are_in_step)
        given = {nation: stated(nation) for nation in OTHER}
        started = time.monotonic()
        for nation, (objects, _) in given.items():
            give(both.db(nation), objects)
        for part in (2_000, 5_000, 8_000):
            both.until(mirrored(both, "us")(part))
            for one in lines.cables.values():
                one.cut()
            for nation, (_, updates) in given.items():
                give(both.db(nation), updates[part // 10 : part // 10 + 100])
            for one in lines.cables.values():
                one.mend()
        for nation, (_, updates) in given.items():
            give(both.db(nation), updates)
        both.until(both.are_in_step)
        took_s = time.monotonic() - started
        crossed = sum(len(ours_in(both.db(nation), f"to:{OTHER[nation]}")) for nation in OTHER)
        print(f"{crossed:,} objects crossed in {took_s:.0f} s, cut three times, clocks {APART} apart")  # noqa: T201

        for nation, peer in OTHER.items():
            out, mirror = f"to:{peer}", f"from:{nation}"
            assert links(both.db(nation), out) == links(both.db(peer), mirror)
            sent = ours_in(both.db(nation), out)
            wanted = [(o["id"], o.get("modified")) for part in given[nation] for o in part]
            assert len({key[:2] for key in sent}) == len(sent)  # nothing twice
            assert {obj_id for obj_id, _ in wanted} <= {key[0] for key in sent}
            assert len(sent) >= OBJECTS + UPDATES
            with reading(both.db(nation)) as c:
                theirs = people.all_organisations(c)[store.peer(c, peer).org].identity_id
                written = [e.obj().get("created_by_ref") for e in log.after(c, out, 0, 1_000_000)]
                assert theirs not in written  # nothing returns to where it came from
                assert ledger.frozen(c, peer, ledger.IN) is None
                assert ledger.frozen(c, peer, ledger.OUT) is None

        before, carried = heads(both), [one.carried for one in lines.cables.values()]
        time.sleep(IDLE_S)  # what must not happen takes time
        assert heads(both) == before
        polled = sum(one.carried for one in lines.cables.values()) - sum(carried)
        print(f"{IDLE_S:.0f} idle seconds: no entry, {polled / IDLE_S / 1000:.1f} kB/s of polls both ways")  # noqa: T201


def test_a_slow_long_and_lossy_line_carries_much_and_what_is_new_soon(tmp_path: Path) -> None:
    with over_cables(tmp_path, UNEQUAL) as lines:
        both = lines.both
        both.until(both.are_in_step)
        objects, _ = stated("mx")
        started = time.monotonic()
        give(both.db("mx"), objects)
        both.until(mirrored(both, "us")(2_000))
        asked = time.monotonic()
        new = indicator(3_000_000)
        give(both.db("mx"), [new])

        def arrived() -> bool:
            with reading(both.db("us")) as c:
                return bool(current.newest(c, RECORD, [new["id"]]))

        both.until(arrived)
        soon_s = time.monotonic() - asked
        both.until(both.are_in_step)
        took_s = time.monotonic() - started
        print(f"10,000 objects in {took_s:.1f} s; one more, released meanwhile, in {soon_s:.1f} s")  # noqa: T201
