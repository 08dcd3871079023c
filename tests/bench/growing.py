"""Ours beside other people's TAXII servers, as the number of objects held grows: each figure in turns, so that what
slows the machine down for a while slows down all of them.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import quote

import orjson

from cert.follow import now_us
from cert.stix import format_timestamp
from tests.bench import held
from tests.bench.clock import seconds
from tests.bench.held import ENVELOPE, REQUESTS, Held, Load, NotHeld, Unanswered
from tests.bench.peers import Open
from tests.servers.process import NotInstalled

TURNS = 5
PAGE = 1_000
OURS = "Puente"
_NEXT = re.compile(rb'"next": ?"([^"]+)"')


@dataclass
class Cell:
    """What one server gave for one figure, or why it gave nothing; and the time this took."""

    figures: list[float] = field(default_factory=list)
    why: str = ""
    spent_s: float = 0.0
    last_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of one server: nothing begins after `enough`, and no answer is waited for after `until`."""

    server: Held
    what: Load
    n: int
    enough: float
    until: float


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: what it is called, how a turn takes it, and whether more is better."""

    name: str
    take: Callable[[Turn], list[float]]
    is_speed: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """The seconds in which a server must hold a size, or twice what ours took; and those it has for each figure."""

    budget_s: float
    patience_s: float


def side_by_side(folder: Path, count: int, others: Mapping[str, Open], limits: Limits) -> str:
    """The table of one size: ours, and the others."""
    folder.mkdir()
    what = held.load(folder / "objects", count, 2 * TURNS)
    servers: dict[str, Held] = {}
    missing: dict[str, str] = {}
    with ExitStack() as opened:
        started = time.monotonic()
        servers[OURS] = opened.enter_context(held.puente(folder / "puente", what))
        budget_s = max(limits.budget_s, 2 * (time.monotonic() - started))
        for name, other in others.items():
            place = folder / re.sub(r"\W+", "-", name)
            place.mkdir()
            try:
                servers[name] = opened.enter_context(other(place, what, budget_s))
            except (NotHeld, NotInstalled) as why:
                missing[name] = str(why)
        figures = {row: _in_turns(row, servers, what, limits.patience_s) for row in ROWS}
        figures[MEMORY] = {name: Cell([server.memory_mb()]) for name, server in servers.items()}
    return _table(count, [OURS, *others], figures, missing)


def _in_turns(row: Row, servers: Mapping[str, Held], what: Load, patience_s: float) -> dict[str, Cell]:
    cells = {name: Cell() for name in servers}
    for n in range(TURNS):
        for name, server in servers.items():
            cell = cells[name]
            if cell.why or cell.spent_s + cell.last_s > patience_s:
                continue
            server.hang_up()
            started = time.monotonic()
            turn = Turn(server, what, n, started + patience_s / (2 * TURNS), started + patience_s - cell.spent_s)
            try:
                cell.figures += row.take(turn)
            except Unanswered as why:
                cell.why = str(why)
                server.renew()
            cell.last_s = time.monotonic() - started
            cell.spent_s += cell.last_s
    return cells


def _draining(turn: Turn) -> list[float]:
    """Page by page from the first on, until there is no more or the time is up."""
    got, token, started = 0, "", time.monotonic()
    query = f"?match[version]=all&limit={turn.server.page}"
    while True:
        asked = time.monotonic()
        text = turn.server.ask(query + token, turn.until)
        got += _count(text)
        found = _NEXT.search(text[:200]) or _NEXT.search(text[-200:])
        now = time.monotonic()
        if found is None and got != turn.what.held:
            raise Unanswered(f"gives {got:,} objects")
        if found is None or now + (now - asked) > turn.until:
            return [got / (now - started)]
        token = "&next=" + quote(found[1].decode(), safe="")


def _paging(turn: Turn) -> list[float]:
    query = f"?match[version]=all&limit={PAGE}&added_after={turn.server.middle}"
    return _requests(turn, [query] * (REQUESTS // 2), 1)


def _polling(turn: Turn) -> list[float]:
    later = format_timestamp(now_us() + 60_000_000, 6)
    return _requests(turn, [f"?match[version]=all&limit={PAGE}&added_after={later}"] * REQUESTS, 0)


def _getting(turn: Turn, query: str = "") -> list[float]:
    return _requests(turn, [f"{one}/{query}" for one in turn.what.ids], 1)


def _requests(turn: Turn, queries: list[str], least: int) -> list[float]:
    """How many milliseconds each takes."""
    took: list[float] = []
    for query in queries:
        started = time.perf_counter()
        text = turn.server.ask(query, turn.until)
        took.append(1000 * (time.perf_counter() - started))
        if not least <= _count(text) <= least * PAGE:
            raise Unanswered(f"gives {_count(text)} objects")
        if time.monotonic() + max(took) / 1000 > turn.enough:
            break
    return took


def _posting(turn: Turn) -> list[float]:
    body = turn.what.envelopes[turn.n]
    started = time.perf_counter()
    status = turn.server.ask("", turn.until, body)
    took_s = time.perf_counter() - started
    if failed := orjson.loads(status)["failure_count"]:
        raise Unanswered(f"takes {ENVELOPE - failed} of {ENVELOPE}")
    return [ENVELOPE / took_s]


def _putting(turn: Turn) -> list[float]:
    if turn.server.put is None:
        raise Unanswered("-")
    return [ENVELOPE / seconds(partial(turn.server.put, turn.what.envelopes[TURNS + turn.n]))]


def _count(text: bytes) -> int:
    """How many objects an answer holds: each has one of these, and reading it all would slow the client down."""
    return text.count(b'"spec_version":')


ROWS = (
    Row("poll, ms", _polling),
    Row("get by id, ms", _getting),
    Row("get by id, every version, ms", partial(_getting, query="?match[version]=all")),
    Row(f"page of {PAGE:,} in the middle, ms", _paging),
    Row("drain, objects/s", _draining, is_speed=True),
    Row("POST, objects/s", _posting, is_speed=True),
    Row("the same without HTTP, objects/s", _putting, is_speed=True),
)
MEMORY = Row("memory at most, MB", lambda _: [])


def _table(count: int, names: list[str], figures: Mapping[Row, Mapping[str, Cell]], missing: Mapping[str, str]) -> str:
    lines = [(f"{count:,} objects held", *names)]
    for row, cells in figures.items():
        ours = cells[OURS]
        shown = (_shown(row, cells[name], ours) if name in cells else "-" for name in names)
        lines.append((row.name, *shown))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["   ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([*text, *(f"{name}: {why}" for name, why in missing.items())])


def _shown(row: Row, cell: Cell, ours: Cell) -> str:
    if not cell.figures:
        return cell.why
    figure = median(cell.figures)
    text = f"{figure:,.0f}" if row.is_speed or figure >= 100 else f"{figure:.2f}"
    if cell is ours or not ours.figures:
        return text
    times = median(ours.figures) / figure if row.is_speed else figure / median(ours.figures)
    return f"{text} ({times:,.0f}x)" if times >= 10 else f"{text} ({times:.1f}x)"
