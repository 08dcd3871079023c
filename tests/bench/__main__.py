"""`python -m tests.bench`: fills two nodes and prints how fast everything goes on the full ones."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import crossing, machine, reads, writes
from tests.bench.clock import Measured, table
from tests.bench.site import Site, site

LEAST = writes.TIMES * writes.SAMPLE


def main() -> None:
    """Measure, and print the table."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    asked.add_argument("--objects", type=int, default=100_000, help="how many objects the nodes hold (%(default)s)")
    held = max(LEAST, asked.parse_args().objects)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="puente-bench-") as name:
        folder = Path(name)
        print(machine.described(folder))
        with site(folder) as made:
            rows = list(_all(made, held))
    print(f"\n{held:,} objects held; durable, validated, one process a step\n\n{table(rows)}")
    print(f"\nAfter {time.monotonic() - started:.0f} s. What a row means and which are noisy: tests/bench/README.md")


def _all(made: Site, held: int) -> Iterator[Measured]:
    steps: list[Callable[[], Measured | list[Measured]]] = [
        lambda: writes.importing(made, held),
        lambda: reads.draining(made),
        lambda: reads.polling(made),
        lambda: reads.getting(made, held),
        lambda: writes.carrying(made),
        lambda: writes.indexing(made),
        lambda: reads.searching(made),
        lambda: crossing.crossing(made),
        lambda: writes.posting(made),
        lambda: writes.appending(made),
    ]
    for step in steps:
        found = step()
        yield from found if isinstance(found, list) else [found]
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
