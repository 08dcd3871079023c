"""A peer that lies, and a node that must survive it: what the node did, and what its people can see of that."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cert import follow
from cert.follow import Task
from cert.store import aside
from cert.store.engine import reading, writing
from config import wiring
from feeds import ledger, pull
from feeds.ledger import GAVE, GOT, IN, Outcome
from feeds.line import Line
from tests.cast import Node, made_id
from tests.feeds.scripted import OBJECTS, Script

SOON_S = 60.0  # no lie may keep us busy for longer in one turn, on a machine with other work
PULL = "pull:us"
FIRST, SECOND = made_id("indicator", 1), made_id("indicator", 2)
"""What the honest peer gave before, and gives after, he lies."""


@dataclass
class Victim:
    """The Mexican node with its border process, which a test turns by hand, and the server that may lie to it."""

    mx: Node
    us: Script
    line: Line

    def attempt(self, fetch: Callable[[], bool] | None = None) -> None:
        """Let the border process pull once, with all that it reports, and admit what may be."""
        stop, started = threading.Event(), time.monotonic()

        def once() -> bool:
            stop.set()
            return fetch() if fetch else pull.pull(self.mx.db, self.mx.peer, self.line, self.mx.clock)

        follow.run(self.mx.db, [Task(PULL, once)], stop, self.mx.clock)
        _, admits = wiring.peer_followers(self.mx.peer, self.mx.close)
        self.mx.follow(admits)
        assert time.monotonic() - started < SOON_S

    def tell_the_truth(self) -> None:
        """The server is itself again, and people have let the direction go on; then pull what there is."""
        self.us.pages.clear()
        self.us.answers.pop(OBJECTS, None)
        self.line.connection.quiet_until = 0
        with writing(self.mx.db) as c:
            ledger.settle(c, "us", IN, self.mx.clock())
        self.attempt()
        self.attempt()

    def fault(self) -> str:
        """What the health page says of the pull, "" if it is well."""
        with reading(self.mx.db) as c:
            found = [part for part in aside.all_health(c) if part.name == PULL and not part.ok]
        return str(found[0].why) if found else ""

    def frozen(self) -> str:
        """Why nothing is taken from the peer, "" if that is not so; there is evidence for it."""
        with reading(self.mx.db) as c:
            found = ledger.frozen(c, "us", IN)
        assert found is None or (found.body and len(str(found.why)) > 20)
        return found.code if found else ""

    def aside(self) -> dict[str, str]:
        """What was set aside: the id of each object, and the code of its reason."""
        with reading(self.mx.db) as c:
            return {one.stix_id: one.code for one in aside.all_aside(c, 999)}

    def admitted(self) -> set[str]:
        """The ids of what was admitted to the record as the peer's."""
        return {entry.id for entry in self.mx.everything() if entry.origin == self.mx.peer.org}

    def refused(self) -> list[Outcome]:
        """What the receipts that we gave say of what we did not take."""
        with reading(self.mx.db) as c:
            last = ledger.receipted(c, "us", GAVE)
            return ledger.exceptions_among(c, "us", GAVE, 1, last)

    def receipted(self) -> int:
        """How far the peer has acknowledged what we gave."""
        with reading(self.mx.db) as c:
            return ledger.receipted(c, "us", GOT)
