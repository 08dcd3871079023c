"""Timing, and the table that is printed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Turn:
    """How fast something went once, and how fast the same went right afterwards without what is judged.

    Speeds are per second: of objects, documents or requests, as `unit` says. A request is shown as milliseconds.
    `mark` is what the project has set itself; it is printed and nothing more.
    """

    what: str
    unit: str
    speed: float
    beside: str = ""
    bare_speed: float = 0.0
    mark: str = ""


REQUEST = "ms"
EACH = "ms each"
"""Every turn is one request, so that there are enough of them for a 95th percentile."""

Figures = Mapping[str, Mapping[str, Sequence[Turn]]]
"""What was measured, by row, and in each by column."""


def seconds(do: Callable[[], object]) -> float:
    """How long `do` takes."""
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def speed(count: int, do: Callable[[], object]) -> float:
    """How many a second, when `do` does `count` of them."""
    return count / seconds(do)


def table(figures: Figures, columns: Sequence[str]) -> str:
    """The figures as text, one column beside the other.

    Each is the median, with slowest and fastest in brackets; beneath it stand the bare figure, with the part that is
    reached of it, and the mark.
    """
    lines = [("", *columns)]
    for what, by_column in figures.items():
        cells = [_cells(by_column[column]) for column in columns]
        label = next(iter(by_column.values()))[0]
        named = zip((what, f"  beside it: {label.beside}", "  mark: at least"), zip(*cells, strict=True), strict=True)
        lines += [(name, *row) for name, row in named if any(row)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("   ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cells(turns: Sequence[Turn]) -> tuple[str, str, str]:
    one = turns[0]
    speeds, bare_speeds = [turn.speed for turn in turns], [turn.bare_speed for turn in turns]
    if not one.beside:
        return _shown(speeds, one.unit), "", one.mark
    part = median(speeds) / median(bare_speeds)
    return _shown(speeds, one.unit), f"{_shown(bare_speeds, one.unit)} = {part:.0%} of it", one.mark


def _shown(speeds: Sequence[float], unit: str) -> str:
    took_ms = [1000 / one for one in speeds]
    match unit:
        case "ms each":
            return f"{median(took_ms):.1f} ms (95th percentile {quantiles(took_ms, n=20)[-1]:.1f})"
        case "ms":
            return f"{median(took_ms):.2f} ms ({max(took_ms):.2f}, {min(took_ms):.2f})"
        case _:
            return f"{median(speeds):,.0f} {unit}/s ({min(speeds):,.0f}, {max(speeds):,.0f})"
