"""Two nations in one process: both nodes as they are made, their real TAXII servers, and border processes that a test
turns by hand. So a test sees every step, and nothing waits."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from cert import door
from cert.follow import Task, now_us
from cert.stix import Micros
from cert.store import log, people
from cert.store.engine import Engine, reading, sqlite_module, writing
from cert.store.log import RECORD, Entry
from config import node, pair, wiring
from config.cli import main
from config.settings import Settings
from feeds import health, ledger, release, store
from feeds.store import Peer
from tests.feeds.stores import Stock
from tests.nations import free_ports

SQLITE = sqlite_module()
TURNS = 200  # more than any exchange takes that comes to an end


@dataclass
class Nation:
    """One of the two: its settings, its database, and the tasks of its border process by name."""

    settings: Settings
    db: Engine
    tasks: dict[str, Task] = field(default_factory=dict)
    opened: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start the border process, as far as it is one."""
        db, tasks = self.opened.enter_context(wiring.border_tasks(self.settings))
        self.opened.callback(db.dispose)
        self.tasks = {task.name.partition(":")[0]: task for task in tasks}

    def restart(self) -> None:
        """Stop it and start it again."""
        self.opened.close()
        self.start()

    @property
    def peer(self) -> Peer:
        with reading(self.db) as c:
            return store.all_peers(c)[0]

    def entries(self, name: str = RECORD) -> list[Entry]:
        with reading(self.db) as c:
            return log.after(c, name, 0, 100_000)

    def seals(self, name: str) -> list[tuple[int, bytes]]:
        """Number and link of every entry of a border log."""
        with reading(self.db) as c:
            found = [ledger.seal_of(c, name, entry.number) for entry in log.after(c, name, 0, 100_000)]
        return [(one.number, one.link) for one in found if one]

    def give(self, *objects: dict[str, Any]) -> None:
        """Put objects into the record as the CERT's own statements, and release them to the peer."""
        with writing(self.db) as c:
            ours = people.our_cert(c)
            said = [log.statement(door.check(obj, now_us()), ours.n) for obj in objects]
            numbers = [verdict.number for verdict in log.append(c, RECORD, said, now_us())]
            release.append_act(c, "ana", self.peer, log.entries_numbered(c, RECORD, numbers), now_us())

    def receipt_for(self, number: int) -> str:
        """What the peer's receipts say of an entry of what we gave: the outcome, or "" while there is none."""
        with reading(self.db) as c:
            found = ledger.receipt_for(c, self.peer.name, ledger.GOT, number)
        return "" if found is None else found[1].outcome if found[1] else "accepted"

    def frozen(self, direction: str = ledger.IN) -> str:
        """Why a direction is frozen, "" if it is not."""
        with reading(self.db) as c:
            found = ledger.frozen(c, self.peer.name, direction)
        return found.code if found else ""


@dataclass
class Both:
    """The two nations, in step or on the way there."""

    mx: Nation
    us: Nation

    def settle(self) -> int:
        """Turn everything until nobody has anything to do. Gives how many turns did something."""
        done = 0
        for _ in range(TURNS):
            worked = [task.turn() for nation in (self.mx, self.us) for task in nation.tasks.values()]
            if not any(worked):
                return done
            done += sum(worked)
        raise AssertionError("the two nations talk for ever")


def puente(nation: Nation, *words: str) -> Result:
    """What the command `puente` says on a node."""
    path = nation.settings.data.parent / f"{nation.settings.nation}.toml"
    return CliRunner().invoke(main, ["--settings", str(path), *words])


def told(nation: Nation) -> dict[str, Any]:
    """What `puente peers --json` says of the peer."""
    found: list[dict[str, Any]] = json.loads(puente(nation, "peers", "--json").stdout)
    return found[0]


def states(nation: Nation, later: Micros = 0) -> tuple[str, str]:
    """How the two directions are, out and in, or will be so much later if nothing happens."""
    with reading(nation.db) as c:
        (found,) = health.look(c, now_us() + later)
    return found.out.state, found.into.state


def copied(nation: Nation) -> Path:
    """A copy of a node's database, as a backup holds it."""
    backup = nation.settings.data / "backup.db"
    with closing(SQLITE.connect(nation.settings.data / "puente.db")) as live:
        live.execute("VACUUM INTO ?", (str(backup),))
    return backup


def restored(nation: Nation, backup: Path) -> None:
    """The node is put back to a backup, and its border process starts again."""
    nation.opened.close()
    with (
        closing(SQLITE.connect(backup)) as older,
        closing(SQLITE.connect(nation.settings.data / "puente.db")) as live,
    ):
        older.backup(live)
    nation.start()


def make(folder: Path, told: pair.Told = pair.NOTHING) -> None:
    """Make two nodes to copy; `told` are further settings of either."""
    pair.make(folder, dict(zip(pair.USUAL_PORTS, free_ports(len(pair.USUAL_PORTS)), strict=True)), told)


@contextmanager
def both(made: Path, folder: Path) -> Iterator[Both]:
    """A copy of two nodes on SQLite, with their TAXII servers up and their borders ready to be turned."""
    with Stock(made).copied(folder), at(folder) as two:
        yield two


@contextmanager
def at(folder: Path) -> Iterator[Both]:
    """The two nodes in a folder, likewise."""
    with ExitStack() as started:
        sides = pair.sides(folder)
        nations = {code: Nation(side.settings, side.db) for code, side in sides.items()}
        for nation in nations.values():
            started.enter_context(node.disposing(nation.db))
            started.enter_context(_serving(nation))
        for nation in nations.values():
            nation.start()
            started.callback(nation.opened.close)
        yield Both(nations["mx"], nations["us"])


@contextmanager
def _serving(nation: Nation) -> Iterator[None]:
    settings, app = nation.settings, wiring.taxii_app(nation.settings, nation.db)
    server = make_server(settings.taxii_host, settings.taxii_port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
