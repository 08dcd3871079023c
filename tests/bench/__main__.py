"""`python -m tests.bench`: how fast everything goes on a full node, and our TAXII server beside other people's.

First two nodes on either pair of engines; where the servers are not installed, that column is missing and its place
says why. Then what `python -m tests.bench.exchange` measures.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench import crossing, engines, exchange, index, machine, reads, writes
from tests.bench.clock import Turn, table
from tests.bench.engines import Engines
from tests.bench.site import Site, site
from tests.servers.process import NotInstalled

LEAST = writes.TIMES * writes.SAMPLE
STEPS: Sequence[Callable[[Site], Iterator[Turn]]] = (
    writes.importing,
    reads.draining,
    reads.polling,
    reads.getting,
    writes.carrying,
    index.indexing,
    reads.searching,
    writes.filing_incidents,
    index.keeping,
    crossing.crossing,
    writes.posting,
    writes.appending,
)
"""In this order: each leaves behind what the next ones need."""


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=("node", "exchange"), help="leave the other half out")
    node = parser.add_argument_group("a full node")
    node.add_argument("--objects", type=int, default=100_000, help="how many objects the nodes hold (%(default)s)")
    node.add_argument("--engines", choices=("embedded", "servers", "both"), default="both")
    exchange.add_options(parser)
    asked = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="puente-bench-") as name:
        print(machine.described(Path(name)))
        if asked.only != "exchange":
            _node(Path(name), asked)
        if asked.only != "node":
            exchange.measure(Path(name), asked)
    print(f"\nAfter {time.monotonic() - started:.0f} s. What a row means and which are noisy: tests/bench/README.md")


def _node(folder: Path, asked: argparse.Namespace) -> None:
    """Fill two nodes on each pair of engines, and print how fast everything goes there."""
    held = max(LEAST, asked.objects)
    with ExitStack() as opened:
        pairs = _engines(asked.engines, folder, opened)
        if not pairs:
            sys.exit(1)
        sites = [opened.enter_context(site(folder / f"site{n}", one, held)) for n, one in enumerate(pairs)]
        figures = _measured(sites)
    print(f"\n{held:,} objects held; durable, validated, one process a step\n")
    print(table(figures, [one.name for one in pairs]), flush=True)


def _engines(asked: str, folder: Path, opened: ExitStack) -> list[Engines]:
    found = [] if asked == "servers" else [engines.embedded()]
    if asked != "embedded":
        try:
            found.append(opened.enter_context(engines.servers(folder)))
        except NotInstalled as lacking:
            print(f"PostgreSQL + Elasticsearch: not measured. {lacking}")
    return found


def _measured(sites: Sequence[Site]) -> dict[str, dict[str, list[Turn]]]:
    """Take every step on all sites in turns: what slows the machine down for a while then slows down both."""
    figures: dict[str, dict[str, list[Turn]]] = {}
    for step in STEPS:
        for turns in zip(*map(step, sites), strict=True):
            for at, turn in zip(sites, turns, strict=True):
                figures.setdefault(turn.what, {}).setdefault(at.engines.name, []).append(turn)
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return figures


if __name__ == "__main__":
    main()
