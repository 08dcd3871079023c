"""Timing, and the table that is printed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

NOTHING: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """One row: how fast something went, each time, and how fast the same went without what is judged.

    Speeds are per second: of objects, documents or requests, as `unit` says. A request is shown as milliseconds.
    """

    what: str
    unit: str
    speeds: Sequence[float]
    beside: str = ""
    bare_speeds: Sequence[float] = NOTHING


REQUEST = "ms"


def speed(count: int, do: Callable[[], object]) -> float:
    """How many a second, when `do` does `count` of them."""
    started = time.perf_counter()
    do()
    return count / (time.perf_counter() - started)


def table(rows: Sequence[Measured]) -> str:
    """The rows as text: the median of each, slowest and fastest in brackets, and the part of the bare speed."""
    cells = [("", "median (slowest, fastest)", "beside it", "median (slowest, fastest)", "of it"), *map(_cells, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(5)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in cells)


def _cells(row: Measured) -> tuple[str, ...]:
    if not row.bare_speeds:
        return (row.what, _shown(row.speeds, row.unit), row.beside, "", "")
    part = median(row.speeds) / median(row.bare_speeds)
    return (row.what, _shown(row.speeds, row.unit), row.beside, _shown(row.bare_speeds, row.unit), f"{part:.0%}")


def _shown(speeds: Sequence[float], unit: str) -> str:
    if unit == REQUEST:
        middle, slow, fast = (1000 / v for v in (median(speeds), min(speeds), max(speeds)))
        return f"{middle:.2f} ms ({slow:.2f}, {fast:.2f})"
    return f"{median(speeds):,.0f} {unit}/s ({min(speeds):,.0f}, {max(speeds):,.0f})"
