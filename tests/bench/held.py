"""A TAXII server that holds so many objects, ours or somebody else's, and what it is filled with and asked."""

import http.client
import itertools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from cert import intake
from cert.errors import Refused
from cert.follow import now_us
from cert.intake import WORKBENCH
from cert.stix import format_timestamp, objects_of, parse_json
from cert.store import log, pages
from cert.store.engine import Engine, reading
from config.node import IMPORT
from config.pair import NOTHING, Told
from config.processes import Process
from tests.bench import machine, mix
from tests.bench.site import OBJECTS_PATH, Client, answers, client_of, workbench
from tests.interop.servers import NotUp
from tests.nations import nations

ENVELOPE = 500
REQUESTS = 20  # a turn
PART = 10_000


class Unanswered(Exception):
    """A server did not answer in time, or not what was asked; says which."""


class NotHeld(Exception):
    """A server does not come to hold so many objects; says how far it came."""


@dataclass(frozen=True, slots=True)
class Load:
    """So many objects in a file, one a line, no id twice; envelopes of others, and ids of some that are held."""

    file: Path
    held: int
    envelopes: list[bytes]
    ids: list[str]


def load(file: Path, held: int, envelopes: int) -> Load:
    """The same for the same numbers."""
    fresh = _unique(itertools.chain.from_iterable(map(mix.case, itertools.count())))
    with file.open("wb") as lines:
        for obj in itertools.islice(fresh, held):
            lines.write(orjson.dumps(obj) + b"\n")
    bodies = [orjson.dumps({"objects": list(itertools.islice(fresh, ENVELOPE))}) for _ in range(envelopes)]
    chance = random.Random(1)  # noqa: S311 it chooses what to ask for, and the same each time
    cases = [chance.randrange(held // 25) for _ in range(REQUESTS)]
    ids = [next(obj["id"] for obj in mix.case(n) if obj["type"] == "incident") for n in cases]
    return Load(file, held, bodies, ids)


def _unique(objects: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen = set()
    for obj in objects:
        if obj["id"] not in seen:
            seen.add(obj["id"])
            yield obj


@dataclass
class Held:
    """A server that is full and up.

    `middle` is the date of the object in the middle, `page` the largest page it is drained by. `put` takes an envelope
    as its POST does, without HTTP. `start` starts it anew where `kill` has ended it, with what it held.
    """

    client: Client
    path: str
    middle: str
    page: int
    process: Callable[[], Process | None]
    kill: Callable[[], object]
    start: Callable[[], object]
    put: Callable[[bytes], object] | None = None
    most_mb: float = 0.0
    is_down: bool = False

    def ask(self, query: str, until: float, body: bytes | None = None) -> bytes:
        """GET what follows its objects' address, or POST to it. Raises `Unanswered`, after `until` at the latest."""
        if self.is_down:
            raise Unanswered("did not come up again")
        started = time.monotonic()
        patience_s = max(0.1, until - started)
        self.client.connection.timeout = patience_s
        if self.client.connection.sock:
            self.client.connection.sock.settimeout(patience_s)
        try:
            return self.client.ask(self.path + query, body)
        except TimeoutError:
            raise Unanswered(f"no answer in {patience_s:.0f} s") from None
        except (OSError, http.client.HTTPException) as fault:
            raise Unanswered(f"answers {fault.args[0]}" if fault.args else repr(fault)) from fault

    def hang_up(self) -> None:
        """Close the connection, which the server may have let go of meanwhile; the next question opens it again."""
        self.client.connection.close()

    def renew(self) -> None:
        """Start it anew: one that did not answer may still be at work on it, and would be slow in all that follows."""
        self.hang_up()
        self.memory_mb()
        self.kill()
        try:
            self.start()
        except (NotUp, Refused):
            self.is_down = True

    def memory_mb(self) -> float:
        """The most memory that one of its processes has had so far, in megabytes."""
        if process := self.process():
            self.most_mb = max(self.most_mb, machine.peak_mb(process.pid))
        return self.most_mb


@contextmanager
def puente(folder: Path, what: Load, told: Told = NOTHING) -> Iterator[Held]:
    """Ours, filled in process as `puente import` fills it."""
    with nations(folder, "mx-taxii", told=told) as both:

        def up() -> None:
            both.until(lambda: answers(both, "taxii"))

        def start() -> None:
            both.start("mx-taxii")
            up()

        up()
        db = both.db("mx")
        _fill(db, what.file)
        yield Held(
            client_of(both),
            OBJECTS_PATH,
            _middle(db),
            both.settings("mx").page_limit,
            lambda: both.running.get("mx-taxii"),
            lambda: both.kill("mx-taxii"),
            start,
            lambda body: _deposit(db, objects_of(parse_json(body))),
        )


def _fill(db: Engine, file: Path) -> None:
    with file.open("rb") as lines:
        while part := list(itertools.islice(lines, PART)):
            _deposit(db, map(orjson.loads, part))


def _deposit(db: Engine, objects: Any) -> None:
    """What a POST does, without HTTP: validate, append, commit."""
    for _ in intake.deposit(db, workbench(db), objects, now_us):
        pass


def _middle(db: Engine) -> str:
    with reading(db) as c:
        half = log.head(c, WORKBENCH + IMPORT) // 2
        found = pages.objects(c, WORKBENCH + IMPORT, pages.Wanted(None, pages.EVERY), pages.Span(half - 1, 1, 1))
    return format_timestamp(found.added[0], 6)
