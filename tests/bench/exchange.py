"""`python -m tests.bench.exchange`: the TAXII server and the exchange, as the number of objects held grows.

For each size: POST, drain, a page in the middle, poll, get by id, and the memory of the server's process; beside POST
the same steps without HTTP. Then a peer who was away catches up, admitted and indexed. And between
two nodes that are in step: how soon what was released is found on the other side.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from cert import door, intake
from cert.follow import now_us
from cert.intake import WORKBENCH
from cert.stix import format_timestamp
from cert.store import log, pages, people
from cert.store.engine import Engine, reading, writing
from cert.store.log import BATCH, RECORD
from config import pair
from config.node import IMPORT
from feeds import receipts, release, store
from tests.bench import machine, mix
from tests.bench.clock import seconds, speed
from tests.bench.site import OBJECTS_PATH, Client, answers, client_of, workbench
from tests.cast import indicator
from tests.journeys.caller import Caller
from tests.nations import Nations, nations

ENVELOPES, ENVELOPE = 20, 500
REQUESTS = 100
SOON = 40  # objects whose way is timed
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured with so many objects held; times in milliseconds, speeds in objects a second."""

    held: int
    post: float
    bare: float
    drain: float
    page_ms: float
    poll_ms: float
    get_ms: float
    rss_mb: float


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.exchange", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000", help="objects held, one size after the other (%(default)s)")
    parser.add_argument("--away", type=int, default=100_000, help="objects a peer lacks who was away (%(default)s)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="puente-bench-") as name:
        folder = Path(name)
        print(machine.described(folder))
        sizes = [int(size) for size in asked.sizes.split(",")]
        _print_sizes(list(_growing(folder / "server", sizes)))
        print(_caught_up(folder / "away", asked.away))
        print(_soon(folder / "soon"))


def _growing(folder: Path, sizes: list[int]) -> Iterator[Figures]:
    """The server of one node that is filled more and more."""
    unused = itertools.chain.from_iterable(map(mix.case, itertools.count()))
    with nations(folder, "mx-taxii") as both:
        both.until(lambda: answers(both, "taxii"))
        db, client = both.db("mx"), client_of(both)
        for held in sizes:
            _fill(db, unused, held)
            client.connection.close()  # the server has hung up meanwhile; the next question opens it again
            yield _figures(both, db, client, unused, held)
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _fill(db: Engine, unused: Iterator[dict[str, object]], held: int) -> None:
    """Deposit until the workbench holds so many."""
    bench = workbench(db)
    while (lacking := held - _head(db, WORKBENCH + IMPORT)) > 0:
        for _ in intake.deposit(db, bench, itertools.islice(unused, min(lacking, 10_000)), now_us):
            pass


def _head(db: Engine, name: str) -> int:
    with reading(db) as c:
        return log.head(c, name)


def _figures(both: Nations, db: Engine, client: Client, unused: Iterator[dict[str, object]], held: int) -> Figures:
    bodies = [list(itertools.islice(unused, ENVELOPE)) for _ in range(2 * ENVELOPES)]
    posted = bare = 0.0
    for over_http, in_process in zip(bodies[::2], bodies[1::2], strict=True):  # in turns
        text = json.dumps({"objects": over_http}).encode()
        posted += seconds(partial(client.ask, OBJECTS_PATH, text))
        bare += seconds(partial(_deposit, db, json.dumps({"objects": in_process}).encode()))
    known = [obj["id"] for obj in mix.objects(min(held, 10_000))]
    with reading(db) as c:
        added = pages.objects(c, WORKBENCH + IMPORT, pages.Wanted(None, pages.EVERY), pages.Span(held // 2, 1, 1)).added
    middle = f"{OBJECTS_PATH}?match[version]=all&limit={PAGE}&added_after={format_timestamp(added[0], 6)}"
    later = f"{OBJECTS_PATH}?match[version]=all&added_after={format_timestamp(now_us() + 60_000_000, 6)}"
    return Figures(
        held,
        ENVELOPES * ENVELOPE / posted,
        ENVELOPES * ENVELOPE / bare,
        speed(_head(db, WORKBENCH + IMPORT), partial(_drain, client)),
        median(1000 * seconds(partial(client.ask, middle)) for _ in range(REQUESTS // 5)),
        median(1000 * seconds(partial(client.ask, later)) for _ in range(REQUESTS)),
        median(1000 * seconds(partial(client.ask, f"{OBJECTS_PATH}{known[7 * n]}/")) for n in range(REQUESTS)),
        _rss_mb(both.running["mx-taxii"].pid),
    )


def _deposit(db: Engine, body: bytes) -> None:
    """What a POST does, without HTTP: parse, validate, append, commit."""
    from cert.stix import objects_of, parse_json

    for _ in intake.deposit(db, workbench(db), objects_of(parse_json(body)), now_us):
        pass


def _drain(client: Client) -> None:
    query, token = f"?match[version]=all&limit={PAGE}", ""
    while True:
        found = client.ask(OBJECTS_PATH + query + token)[:200]
        at = found.find(b'"next":"')
        if at < 0:
            return
        token = "&next=" + found[at + 8 : found.index(b'"', at + 8)].decode()


def _rss_mb(pid: int) -> float:
    """The resident memory of the largest process of a group, in megabytes."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            said = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if said.get("Pid", "").strip() == str(pid) or said.get("PPid", "").strip() == str(pid):
            found.append(int(said.get("VmRSS", "0 kB").split()[0]) / 1024)
    return max(found, default=0.0)


def _print_sizes(all_figures: list[Figures]) -> None:
    rows = [("objects held", *(f"{one.held:,}" for one in all_figures))]
    rows.append(("POST, objects/s", *(f"{one.post:,.0f}" for one in all_figures)))
    rows.append(("  of it without HTTP", *(f"{one.post / one.bare:.0%} of {one.bare:,.0f}" for one in all_figures)))
    rows.append(("drain, objects/s", *(f"{one.drain:,.0f}" for one in all_figures)))
    rows.append((f"a page of {PAGE:,} in the middle, ms", *(f"{one.page_ms:.1f}" for one in all_figures)))
    rows.append(("poll, ms", *(f"{one.poll_ms:.2f}" for one in all_figures)))
    rows.append(("get by id, ms", *(f"{one.get_ms:.2f}" for one in all_figures)))
    rows.append(("memory of the server, MB", *(f"{one.rss_mb:.0f}" for one in all_figures)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print("\n".join("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows))


def _caught_up(folder: Path, count: int) -> str:
    """A peer who was away for so many objects fetches, admits and indexes them."""
    with nations(folder, "mx-taxii") as both:
        mx, us = both.db("mx"), both.db("us")
        _release(both, mx, count)
        both.start("us-taxii", "us-work", "us-border")
        started = time.monotonic()
        with reading(mx) as c:
            goal = log.head(c, "to:us")
        _until(both, partial(_has_admitted, us, goal), count)
        admitted_s = time.monotonic() - started
        _until(both, partial(pair.has_indexed, both.sides["us"]), count)
        took_s = time.monotonic() - started
        largest = max(_rss_mb(process.pid) for process in both.running.values())
    return (
        f"\na peer away for {count:,} objects: admitted in {admitted_s:.0f} s, indexed in {took_s:.0f} s "
        f"({count / took_s:,.0f} objects/s); the largest process has {largest:.0f} MB"
    )


def _release(both: Nations, db: Engine, count: int) -> None:
    """State and release as our CERT, and let the border send it, without a peer at the other end, until his log holds
    so many entries."""
    from config import signing, wiring
    from feeds.close import closer
    from tests.bench.writes import follow_to_end

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
    """How long it takes from the release act to the answer of a search on the other side, with default settings."""
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
