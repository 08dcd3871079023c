"""Fetch what another maker's TAXII server has for us: nobody numbered or sealed it, so time is all there is to go by.

Where we stand is a date that the server itself gave, kept in the same transaction as what came before it. It is read in
runs, each from a date to the end of what there is. Since many servers date an object before they show it, some runs
begin a while before that date; what comes twice is mirrored once, so nothing grows by it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cert.errors import PeerUnreachable, msgid
from cert.stix import Micros, canonical, format_timestamp, parse_timestamp
from cert.store import current, log
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.log import Statement
from feeds import store
from feeds.line import Expired, Line, Objects, is_time
from feeds.pull import PAGES, note_contact, received
from feeds.store import Peer

MINUTE: Micros = 60_000_000
OVERLAP: Micros = 10 * MINUTE
"""How long after its date an object may appear (OpenTAXII dates it before it commits). Longer, and it is missed."""
LOOK_BACK_EVERY: Micros = MINUTE
STALE = 1_000  # so many pages in a row without anything new are a circle
ODD = 100_000  # of so many that are no STIX objects we remember that we have them


@dataclass
class _Run:
    """One reading of a server from `start` to its end: where it stands, and what it has seen on the way.

    `base` is the date at which we stood when it began. Once the dates of a run fall, `orderly` is no longer true: then
    only its end tells how far we have got.
    """

    base: str
    start: str
    since: str
    token: str = ""
    highest: str = ""
    orderly: bool = True
    came: bool = False
    brought: bool = False
    expired: bool = False
    stale: int = 0
    pages: set[bytes] = field(default_factory=set)


class Drain:
    """Reads one peer's server turn by turn; what it remembers between turns it can lose."""

    def __init__(self, db: Engine, peer: Peer, line: Line, clock: Callable[[], Micros]) -> None:
        self.db, self.peer, self.line, self.clock = db, peer, line, clock
        self.run: _Run | None = None
        self.moved = clock()
        self.looked_back: Micros = 0
        self.ended = False
        self.odd: set[bytes] = set()

    def turn(self) -> bool:
        """Fetch and mirror what there is, at most `PAGES` pages. Gives whether to go on at once.

        Raises `PeerUnreachable`, after keeping what came whole, if the server does not answer, or goes round in a
        circle.
        """
        run = self.run = self.run or self._begin()
        brought = False
        try:
            for _ in range(PAGES):
                more, new = self._page(run)
                brought = brought or new
                if not more:
                    self.run = None
                    return brought
        except PeerUnreachable:
            self.run = None  # what a token stands for may be used up: begin again where we stand
            raise
        return True

    def _begin(self) -> _Run:
        with reading(self.db) as c:
            base = store.mirrored_until(c, self.peer.name)
        now = self.clock()
        late = now - self.moved <= OVERLAP + LOOK_BACK_EVERY and now - self.looked_back >= LOOK_BACK_EVERY
        if self.ended and base and late:  # not before the end was reached once: who never gets there must go forwards
            self.looked_back = now
            start = format_timestamp(max(parse_timestamp(base) - OVERLAP, 0), 6)
            return _Run(base, start, start)
        return _Run(base, base, base)

    def _page(self, run: _Run) -> tuple[bool, bool]:
        """Take one page. Gives whether there is another, and whether this one brought anything."""
        page = self._asked(run)
        note_contact(self.db, self.peer, self.line, 0, self.clock())
        new = self._mirror(run, page) if page.objects else False
        run.came, run.brought = run.came or bool(page.objects), run.brought or new
        run.stale = 0 if new else run.stale + 1
        if page.more and page.objects:
            self._go_on(run, page)
            return True, new
        self._end(run)
        return False, new

    def _asked(self, run: _Run) -> Objects:
        try:
            return self.line.objects(run.since, run.token)
        except Expired:
            if run.expired:
                raise
        with reading(self.db) as c:
            run.since = store.mirrored_until(c, self.peer.name)
        run.expired, run.token, run.pages = True, "", set()
        return self.line.objects(run.since, "")

    def _go_on(self, run: _Run, page: Objects) -> None:
        """Where the next page is. Raises `PeerUnreachable` where that would lead nowhere.

        Only what a page holds tells a circle: medallion gives the same token with every page of a run.
        """
        seen = hashlib.sha256(canonical(page.objects)).digest()
        if (page.next and seen in run.pages) or run.stale >= STALE:
            sentence = msgid("%(peer)s: its server goes round in a circle. What came so far is kept.")
            raise PeerUnreachable(sentence, peer=self.peer.name)
        run.pages.add(seen)
        run.token = page.next
        if page.next:
            return
        if _at(page.last_added) <= _at(run.since):  # the standard: where `more` has no `next`, the date goes on
            sentence = msgid("%(peer)s: its server says that there is more, and gives no way to go on.")
            raise PeerUnreachable(sentence, peer=self.peer.name)
        before = _before(page.last_added)
        run.since = before if _at(before) > _at(run.since) else page.last_added

    def _end(self, run: _Run) -> None:
        """The server has nothing more: from now on we stand at the latest date it gave."""
        self.ended = True
        dateless = run.came and not run.highest
        if dateless or (run.brought and _at(run.highest) <= _at(run.start)):
            run.highest = self._dated(run)  # its headers say nothing that we could go on from
        if _at(run.highest) > _at(run.base):
            with writing(self.db) as c:
                store.set_mirrored_until(c, self.peer.name, run.highest)

    def _dated(self, run: _Run) -> str:
        """The latest date in the manifest, for a server whose headers do not say it."""
        latest, token = "", ""
        for _ in range(STALE):
            page = self.line.manifest(run.start, token)
            dates = [said for record in page.objects if (said := _date_of(record))]
            latest = max([latest, *dates], key=_at)
            if not (page.more and page.next and page.objects):
                break
            token = page.next
        if not latest:
            sentence = msgid("%(peer)s: its server does not say when its objects were added.")
            raise PeerUnreachable(sentence, peer=self.peer.name)
        return latest

    def _mirror(self, run: _Run, page: Objects) -> bool:
        """Keep what is new in a page, and where we stand. Gives whether anything was."""
        now = self.clock()
        came = [received(_mended(obj), self.peer.org, now) for obj in page.objects]
        with writing(self.db, bulk=True) as c:
            new = list(self._new(c, came))
            log.mirror(c, self.peer.inbound, new, now)
            stands = _stands(run, page)
            if stands is not None:
                store.set_mirrored_until(c, self.peer.name, stands)
        self._remember(new)
        if new:
            self.moved = now
        return bool(new)

    def _new(self, c: Connection, came: Sequence[Statement | bytes]) -> Iterator[Statement | bytes]:
        """What the mirror does not hold, each once."""
        known = [said.id for said in came if isinstance(said, Statement)]
        held = current.contents(c, self.peer.inbound, known)
        seen: set[Any] = {(key, digest) for key, found in held.items() for _, digest in found}
        for said in came:
            mark = ((said.id, said.version), said.digest) if isinstance(said, Statement) else _digest(said)
            if mark not in seen and mark not in self.odd:
                seen.add(mark)
                yield said

    def _remember(self, new: Sequence[Statement | bytes]) -> None:
        """What is no STIX object has no id to find it by: remembered here, it comes twice after a restart at most."""
        if len(self.odd) > ODD:
            self.odd.clear()
        self.odd |= {_digest(said) for said in new if isinstance(said, bytes)}


def _stands(run: _Run, page: Objects) -> str | None:
    """Where we stand after a page; None where that has not changed.

    While dates rise that is the last one, or just before it while there is more: what shares it may still be to come
    (all that was posted to medallion at once does). When dates fall, older objects may still come: then it is where the
    run began, until it is at its end.
    """
    dates = [at for at in map(_at, (run.highest, page.first_added, page.last_added)) if at]
    run.highest = max(run.highest, page.first_added, page.last_added, key=_at)
    if run.orderly and dates != sorted(dates):
        run.orderly = False
        return run.base
    at = _before(run.highest) if page.more else run.highest
    return at if run.orderly and _at(at) > _at(run.base) else None


def _before(date: str) -> str:
    """The last instant before a date that a server gave, "" for none."""
    return format_timestamp(_at(date) - 1, 6) if date else ""


def _mended(obj: Any) -> Any:
    """An object as it was before OpenTAXII 0.9.3 gave it out, which writes the type where `spec_version` belongs."""
    if isinstance(obj, dict) and isinstance(obj.get("type"), str) and obj.get("spec_version") == obj["type"]:
        return obj | {"spec_version": "2.1"}
    return obj


def _at(date: str) -> Micros:
    """A date that a server gave; 0 for none."""
    return parse_timestamp(date) if date else 0


def _date_of(record: Any) -> str:
    date = record.get("date_added") if isinstance(record, dict) else None
    return date if isinstance(date, str) and is_time(date) else ""


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
