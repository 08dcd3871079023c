"""`python -m tests.bench.exchange`: our TAXII server beside other people's, as the number of objects held grows.

For each size and server: poll, get by id, a page in the middle, drain, POST, and the memory of its largest process.
Then a peer who was away catches up, admitted and indexed. And between two nodes that are in step: how soon what was
released is found on the other side.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from cert import door
from cert.follow import now_us
from cert.store import log, people
from cert.store.engine import Engine, reading, writing
from cert.store.log import BATCH, RECORD
from config import pair, signing, wiring
from feeds import receipts, release, store
from feeds.close import closer
from tests.bench import growing, machine, mix, peers
from tests.bench.writes import follow_to_end
from tests.cast import indicator
from tests.journeys.caller import Caller
from tests.nations import Nations, nations

SOON = 40  # objects whose way is timed


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exchange", description=__doc__)
    add_options(parser)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="puente-bench-") as name:
        print(machine.described(Path(name)))
        measure(Path(name), asked)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    group = parser.add_argument_group("the exchange")
    of_sizes = "objects held, with commas: one size after the other (%(default)s)"
    of_servers = f"what stands beside ours, if anything ({' '.join(peers.USUAL)})"
    of_away = "entries that a peer's log gains while he is away (%(default)s)"
    of_budget = "seconds in which a server must hold a size, or twice what ours took (%(default)s)"
    of_patience = "seconds that a server has for each figure (%(default)s)"
    group.add_argument("--sizes", default="1000,10000,100000", help=of_sizes)
    group.add_argument("--beside", nargs="*", choices=peers.ALL, default=peers.USUAL, help=of_servers)
    group.add_argument("--budget", type=float, default=60, help=of_budget)
    group.add_argument("--patience", type=float, default=10, help=of_patience)
    group.add_argument("--away", type=int, default=50_000, help=of_away)


def measure(folder: Path, asked: argparse.Namespace) -> None:
    """Measure what was chosen, and print each table as soon as there is one."""
    others = {name: peers.ALL[name] for name in asked.beside}
    limits = growing.Limits(asked.budget, asked.patience)
    for size in map(int, asked.sizes.split(",")):
        print(f"\n{growing.side_by_side(folder / f'held{size}', size, others, limits)}", flush=True)
    print(f"\n{_caught_up(folder / 'away', asked.away)}", flush=True)
    print(_soon(folder / "soon"))


def _caught_up(folder: Path, count: int) -> str:
    """A peer who was away for so many entries fetches, admits and indexes them."""
    with nations(folder, "mx-taxii") as both:
        mx, us = both.db("mx"), both.db("us")
        _release(both, mx, count)
        goal, before = _head(mx, "to:us"), _head(us, RECORD)
        started = time.monotonic()
        both.start("us-taxii", "us-work", "us-border")
        _until(both, partial(_has_admitted, us, goal), count)
        admitted_s = time.monotonic() - started
        _until(both, partial(pair.has_indexed, both.sides["us"]), count)
        took_s = time.monotonic() - started
        crossed = _head(us, RECORD) - before
        largest = max(machine.peak_mb(process.pid) for process in both.running.values())
    return (
        f"a peer away for {crossed:,} objects: admitted in {admitted_s:.0f} s, indexed in {took_s:.0f} s, its start "
        f"included ({crossed / took_s:,.0f} objects/s); the largest process had {largest:.0f} MB"
    )


def _head(db: Engine, name: str) -> int:
    with reading(db) as c:
        return log.head(c, name)


def _release(both: Nations, db: Engine, count: int) -> None:
    """State and release as our CERT, and let the border send it, without a peer at the other end, until his log holds
    so many entries."""
    with reading(db) as c:
        ours, (peer,) = people.our_cert(c), store.all_peers(c)
    sends, _ = wiring.peer_followers(peer, closer(signing.signer(both.settings("mx"))))
    objects = itertools.chain.from_iterable(map(mix.case, itertools.count()))
    while (lacking := count - _head(db, peer.outbound)) > 0:
        for _ in range(-(-lacking // BATCH)):
            said = [
                log.statement(door.check(obj, now_us()), ours.n, "green") for obj in itertools.islice(objects, BATCH)
            ]
            with writing(db, bulk=True) as c:
                numbers = [verdict.number for verdict in log.append(c, RECORD, said, now_us()) if verdict.number]
                release.append_act(c, "ana", peer, log.entries_numbered(c, RECORD, numbers), now_us())
        follow_to_end(db, sends)


def _has_admitted(db: Engine, goal: int) -> bool:
    with reading(db) as c:
        return log.cursor(c, receipts.follower_name(store.all_peers(c)[0])) >= goal


def _until(both: Nations, done: partial[bool], count: int) -> None:
    deadline = time.monotonic() + 60 + count / 500
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(both.said())
        time.sleep(0.05)


def _soon(folder: Path) -> str:
    """From before the release act to the search on the other side that finds it, with default settings."""
    with nations(folder) as both, _signed_in(both, "us", "grace") as grace:
        took = sorted(_found_after(both, grace, n) for n in range(SOON))
    p95 = quantiles(took, n=20)[-1]
    return (
        f"released to found on the other side: median {median(took):.2f} s, 95th percentile {p95:.2f} s ({SOON} times)"
    )


def _found_after(both: Nations, grace: Caller, n: int) -> float:
    word = f"palabra{n}unica"
    db = both.db("mx")
    with reading(db) as c:
        ours, (peer,) = people.our_cert(c), store.all_peers(c)
    started = time.monotonic()
    with writing(db) as c:
        said = log.statement(door.check(indicator(5_000_000 + n, name=word), now_us()), ours.n, "green")
        numbers = [verdict.number for verdict in log.append(c, RECORD, [said], now_us())]
        release.append_act(c, "ana", peer, log.entries_numbered(c, RECORD, numbers), now_us())
    while '<ol class="lines">' not in grace.get("/search", q=word).text:
        time.sleep(0.02)
    return time.monotonic() - started


@contextmanager
def _signed_in(both: Nations, nation: str, login: str) -> Iterator[Caller]:
    caller = Caller(both.portal(nation))
    caller.sign_in(login, both.password(nation, login))
    try:
        yield caller
    finally:
        caller.session.close()


if __name__ == "__main__":
    main()
