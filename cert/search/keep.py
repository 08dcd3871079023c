"""What the worker does about the index, and what an operator asks for: keep it, build it anew, compare it.

The worker alone writes the live index. An index that is built anew stands beside it, is compared with the record, and
is then offered; the worker brings it level with the record and promotes it. So readers see the old one or the new one,
and never less than before.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from cert import follow
from cert.errors import Conflict, Missing
from cert.follow import Clock
from cert.search import fill
from cert.search.index import Index, Shelf
from cert.store import aside, current, log
from cert.store.engine import Engine, reading, writing
from cert.store.log import RECORD

TASK = "search"
"""The name of the worker's task, and of its lock."""

LOOK_S = 1.0  # how often the worker looks whether an index is offered
TAKE_BACK_S = 15.0  # how often what was set aside is tried again
COMPARED = 1_000  # lines a step
SHOWN = 1_000  # differences that are given one by one
LEVEL_S = 30.0  # how long a comparison waits for the worker to catch up

Progress = Callable[[str, int, int], None]
"""Told what is going on, how far it is, and how far it will go."""


class Keeper:
    """The worker's task: `turn` indexes a batch, and says whether there was anything to do.

    It makes the index when there is none, fills it from the first entry, follows the record, tries again what was set
    aside, and lets an index that is offered take the place of the live one.
    """

    def __init__(self, db: Engine, shelf: Shelf, clock: Clock, look_s: float = LOOK_S) -> None:
        self._db, self._shelf, self._clock, self._look_s = db, shelf, clock, look_s
        self._opened: dict[str, Index] = {}
        self._live, self._offered = "", ""
        self._looked = self._tried = -TAKE_BACK_S

    def turn(self) -> bool:
        """Do a batch. Raises `Missing` while the index is away; what was open is opened anew the next time."""
        try:
            return self._turn()
        except (Missing, Conflict):
            self.close()
            raise

    def close(self) -> None:
        """Let go of the index."""
        for index in self._opened.values():
            index.close()
        self._opened.clear()
        self._looked = -TAKE_BACK_S

    def _turn(self) -> bool:
        if time.monotonic() - self._looked >= self._look_s:
            self._look()
        index = self._opened[self._offered or self._live]
        if follow.turn(self._db, fill.follower(self._db, index, self._clock), self._clock):
            return True
        if self._offered:  # and level with the record now, so nobody misses anything
            self.close()
            self._shelf.promote(self._offered)
            return True
        if time.monotonic() - self._tried >= TAKE_BACK_S:
            self._tried = time.monotonic()
            return fill.take_back(self._db, index, self._clock) > 0
        return False

    def _look(self) -> None:
        """Open what is live, or else a new one, and what is offered."""
        live, offered = self._shelf.generations()
        if live is None:
            live = self._shelf.add()
            self._shelf.promote(live)
        self._live, self._offered = live, offered or ""
        for name in {*self._opened} - {live, offered}:
            self._opened.pop(name).close()
        for name in filter(None, (live, offered)):
            if name not in self._opened:
                self._open(name)
        self._looked = time.monotonic()

    def _open(self, name: str) -> None:
        index = self._shelf.open(name)
        if not _settled(self._db, index):
            index.close()
            made = self._shelf.add()
            self._shelf.promote(made)
            self._live, self._offered = made, ""
            index = self._shelf.open(made)
        self._opened[index.generation] = index


def _settled(db: Engine, index: Index) -> bool:
    """Set the cursor back to what an index really holds; gives False if it was filled from another record.

    An index may have been restored, and so be older than its cursor; a database may, and then it gives numbers out a
    second time that the index knows otherwise.
    """
    mark = index.mark()
    with writing(db) as c:
        if mark is not None:
            found = log.entries_numbered(c, RECORD, [mark.number])
            if [entry.date_added for entry in found] != [mark.added]:
                return False
        position, written = log.cursor(c, fill.cursor_name(index)), mark.number if mark else 0
        if position > written:
            log.move_cursor(c, fill.cursor_name(index), position, written)
    return True


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an index compares with the record: how many lines are right, and the numbers of those that are not.

    `lacking` are not in the index, `outdated` are there with other content, `surplus` should not be there. Each names
    at most `SHOWN`; `wrong` counts all. `behind` is how many entries the worker has not indexed yet.
    """

    right: int
    wrong: int
    lacking: tuple[int, ...]
    outdated: tuple[int, ...]
    surplus: tuple[int, ...]
    behind: int


def compare(db: Engine, index: Index, progress: Progress, level: Callable[[], None] | None = None) -> Comparison:
    """Compare each document with what the record says now.

    What differs may just have changed: it is looked at a second time after `level`, which brings the index up to date;
    left out, that is to wait until the worker has done so.
    """
    right, differing = 0, dict[int, str]()
    for line, verdict in _compared(_stated(db, progress), index.digests()):
        right += not verdict
        if verdict:
            differing[line] = verdict
    if differing:
        (level or partial(_wait_until_level, db, index))()
        again = dict(_compared(_stated_on(db, sorted(differing)), _digests_on(index, sorted(differing))))
        right += sum(not verdict for verdict in again.values())
        differing = {line: verdict for line, verdict in sorted(again.items()) if verdict}
    with reading(db) as c:
        behind = log.head(c, RECORD) - log.cursor(c, fill.cursor_name(index))
    each = {
        verdict: tuple(line for line, found in differing.items() if found == verdict)[:SHOWN]
        for verdict in ("lacking", "outdated", "surplus")
    }
    return Comparison(right, len(differing), **each, behind=behind)


def rebuild(db: Engine, shelf: Shelf, clock: Clock, progress: Progress) -> Comparison:
    """Build an index beside the live one, compare it, and let it take its place. Gives the comparison.

    Filing and searching go on meanwhile. Raises `Conflict` if somebody else does the same, or if the new index is not
    equal to the record: then the old one stays.
    """
    held = follow.take_lock(db, "rebuild")
    if held is None:
        raise Conflict("rebuilding", "The index is being rebuilt already. Wait until that is done.")
    with held:
        _forget(db, shelf.sweep())
        name = shelf.add()
        with closing(shelf.open(name)) as index:
            fill_up = partial(_fill, db, index, clock, progress)
            fill_up()
            found = compare(db, index, progress, fill_up)
        if found.wrong:
            raise Conflict(
                "index-differs",
                "The new index differs from the record on %(wrong)s lines, so the old one stays. `puente check` shows "
                "what was set aside; then rebuild again.",
                wrong=found.wrong,
            )
        shelf.offer(name)
        _hand_over(db, shelf, clock, name, progress)
    return found


def _fill(db: Engine, index: Index, clock: Clock, progress: Progress) -> None:
    follower = fill.follower(db, index, clock)
    while follow.turn(db, follower, clock):
        with reading(db) as c:
            progress("fill", log.cursor(c, follower.name), log.head(c, RECORD))


def _hand_over(db: Engine, shelf: Shelf, clock: Clock, name: str, progress: Progress) -> None:
    """Wait until the worker has promoted the index; where no worker runs, do what he would do."""
    keeper = Keeper(db, shelf, clock)
    while shelf.generations()[0] != name:
        lock = follow.take_lock(db, TASK)
        if lock is None:
            progress("wait", 0, 1)
            time.sleep(LOOK_S / 4)
            continue
        with lock, closing(keeper):
            keeper.turn()


def _forget(db: Engine, generations: Sequence[str]) -> None:
    """Forget how far the followers of indexes had come that are gone, and what they had set aside."""
    with writing(db) as c:
        for name in generations:
            log.forget_cursor(c, fill.cursor_of(name))
            aside.forget(c, fill.cursor_of(name))


def _stated(db: Engine, progress: Progress) -> Iterator[tuple[int, int]]:
    """(line, digest) of every document that the record asks for, lines rising."""
    beyond, seen = 0, 0
    with reading(db) as c:
        most = log.head(c, RECORD)
    while True:
        with reading(db) as c:
            lines = current.lines_beyond(c, RECORD, beyond, COMPARED)
            found = sorted((doc.line, doc.digest) for doc in fill.documents(c, lines))
        if not lines:
            return
        yield from found
        beyond, seen = lines[-1], seen + len(lines)
        progress("compare", min(seen, most), most)


def _stated_on(db: Engine, lines: Sequence[int]) -> Iterator[tuple[int, int]]:
    for start in range(0, len(lines), COMPARED):
        with reading(db) as c:
            part = fill.documents(c, lines[start : start + COMPARED])
            yield from sorted((doc.line, doc.digest) for doc in part)


def _digests_on(index: Index, lines: Sequence[int]) -> Iterator[tuple[int, int]]:
    for start in range(0, len(lines), COMPARED):
        yield from index.digests(lines[start : start + COMPARED])


def _compared(stated: Iterator[tuple[int, int]], indexed: Iterator[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Walk both side by side; gives each line with `lacking`, `outdated`, `surplus` or, where they agree, ""."""
    said, held = next(stated, _END), next(indexed, _END)
    while (said, held) != (_END, _END):
        line = min(said[0], held[0])
        if said[0] > line:
            yield line, "surplus"
        elif held[0] > line:
            yield line, "lacking"
        else:
            yield line, "" if said == held else "outdated"
        said = next(stated, _END) if said[0] == line else said
        held = next(indexed, _END) if held[0] == line else held


_END = (2**63, 0)  # beyond every line


def _wait_until_level(db: Engine, index: Index) -> None:
    """Wait until the index holds all that the record holds at this moment, or nobody seems to see to it."""
    with reading(db) as c:
        goal = log.head(c, RECORD)
    give_up = time.monotonic() + LEVEL_S
    while time.monotonic() < give_up:
        with reading(db) as c:
            if log.cursor(c, fill.cursor_name(index)) >= goal:
                return
        time.sleep(0.1)
