"""Two whole nations: both nodes in a temporary folder, their eight real processes, the cast and its history.

    with nations(tmp_path) as both:
        both.kill("mx-work")            # -9, in the middle of whatever it does
        both.start("mx-work")
        both.until(lambda: both.are_in_step())

Names of processes: `mx-portal`, `mx-taxii`, `mx-work`, `mx-border`, and the same for `us`.
"""

import itertools
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cert.store.engine import Engine
from config import pair, processes
from config.pair import NOTHING, Side, Told
from config.processes import NAMES, Process
from config.settings import Settings

PORTS_FROM = 20_000  # below the ports that the kernel gives to outgoing connections
PORTS = 10_000


@dataclass
class Nations:
    """Both nodes. `running` holds the processes by name; one that was stopped or killed is not in it."""

    folder: Path
    sides: dict[str, Side]
    described: dict[str, Any]
    running: dict[str, Process] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start processes, all of them if none is named; `until_up` waits for them."""
        for name in names or NAMES:
            self.running[name] = processes.start(self.folder, name)

    def stop(self, *names: str) -> None:
        """Stop processes as an operator does, all of them if none is named."""
        processes.stop([self.running.pop(name) for name in names or tuple(self.running)])

    def kill(self, *names: str) -> None:
        """Kill processes and their children with signal 9."""
        for name in names:
            processes.kill(self.running.pop(name))

    def restart(self, *names: str) -> None:
        """Stop processes and start them again."""
        self.stop(*names)
        self.start(*names)

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so; fails when a process ends meanwhile, or after a minute."""
        processes.wait(done, self.running, self.folder)

    def until_up(self) -> None:
        """Wait until both nodes answer and each index holds its whole record."""
        self.until(lambda: all(pair.is_up(side) for side in self.sides.values()))

    def are_in_step(self) -> bool:
        """Whether each nation has in its record, and in its index, all that the other one has released."""
        return pair.are_in_step(self.sides) and all(pair.has_indexed(side) for side in self.sides.values())

    def settings(self, nation: str) -> Settings:
        """The settings of a node."""
        return self.sides[nation].settings

    def db(self, nation: str) -> Engine:
        """The database of a node."""
        return self.sides[nation].db

    def portal(self, nation: str) -> str:
        """The address of a portal, without the slash at its end."""
        return str(self.described[nation]["portal"]).rstrip("/")

    def password(self, nation: str, login: str) -> str:
        """The password of somebody of the cast."""
        return next(str(one["password"]) for one in self.described[nation]["people"] if one["user"] == login)

    def said(self, since: dict[str, int] | None = None) -> str:
        """What the processes have written, all of it or since `lengths` was asked."""
        parts = []
        for name in NAMES:
            new = _read(processes.log_file(self.folder, name))[(since or {}).get(name, 0) :]
            parts += [f"--- {name}", new.decode(errors="replace")] if new else []
        return "\n".join(parts)

    def lengths(self) -> dict[str, int]:
        """How many bytes each process has written so far."""
        return {name: len(_read(processes.log_file(self.folder, name))) for name in NAMES}


@contextmanager
def nations(folder: Path, *names: str, told: Told = NOTHING) -> Iterator[Nations]:
    """Two nodes made in `folder`, with the processes named (all of them if none is) up; stopped at the end.

    `told` are further settings of either.
    """
    nodes = folder / "nations"
    pair.make(nodes, dict(zip(pair.USUAL_PORTS, free_ports(len(pair.USUAL_PORTS)), strict=True)), told)
    sides = pair.sides(nodes)
    both = Nations(nodes, sides, pair.described(nodes))
    try:
        both.start(*names)
        if not names:
            both.until_up()
            both.until(both.are_in_step)
            pair.answer(nodes, sides)
            both.until(both.are_in_step)
        yield both
    finally:
        both.stop()
        for side in sides.values():
            side.db.dispose()


def on_servers(folder: Path, database_url: str, elastic_url: str, alias: str) -> Mapping[str, str]:
    """The settings of a node on PostgreSQL and Elasticsearch."""
    return {**on_postgres(folder, database_url), "elasticsearch": elastic_url, "elasticsearch_alias": alias}


def on_postgres(folder: Path, database_url: str) -> Mapping[str, str]:
    """The settings of a node on PostgreSQL; the password in the URL goes to a file in `folder`."""
    there = urlsplit(database_url)
    secret = folder / "database.password"
    secret.write_text(there.password or "", "utf-8")
    database = f"postgresql://{there.username}@{there.hostname}:{there.port}{there.path}"
    return {"database": database, "database_password_file": str(secret)}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on. Processes that look at the same time look in different places."""
    start = os.getpid() * count % PORTS
    candidates = (PORTS_FROM + (start + n) % PORTS for n in itertools.count())
    with ExitStack() as held:
        return list(itertools.islice((port for port in candidates if _is_free(port, held)), count))


def _is_free(port: int, held: ExitStack) -> bool:
    try:
        held.enter_context(socket.create_server(("127.0.0.1", port)))
    except OSError:
        return False
    return True


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
