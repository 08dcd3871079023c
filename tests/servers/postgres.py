"""A real PostgreSQL on loopback, with a user who has a password and may do no more than an operator's would.

with postgres.running(folder) as server, postgres.database(server) as url:
    open_db(url)                # empty, and gone afterwards
    server.kill()               # -9, all its processes
    server.start()
"""

import functools
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tests.servers.process import NotInstalled, Process, children, end, free_ports, kill, wait

OLDEST = 15
ADMIN, USER = "postgres", "puente"

SPANISH, BYTES = "es-MX", "C"
"""How a database sorts text: in Spanish, unless a test says otherwise, so that none leans on the order of bytes."""

USUAL = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "200"}
HASTY = {"fsync": "off", "full_page_writes": "off"}
"""What it has written survives `kill`, but not a power cut."""

Settings = Mapping[str, str]
NONE: Settings = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Door:
    """The way into a server that runs, whoever runs it: databases are made and dropped here."""

    port: int
    password: str

    def url(self, database: str, user: str = USER) -> str:
        """The address of a database, with user and password."""
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def fresh_database(self, order: str = SPANISH, name: str = "") -> str:
        """The address of a new, empty database that belongs to `puente`; `order` is an ICU locale, or `C`."""
        name = name or f"t{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} OWNER {USER} {_sorting(order)}")
        return self.url(name)

    def copy(self, database: str, name: str) -> str:
        """The address of a new database that holds what another does, to which nobody may be connected."""
        self.run(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {database}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop the database at an address, whoever is still connected."""
        name = url.rpartition("/")[2]
        # FORCE alone tells them to go, and sleeps 100 ms before it looks again: told now, they are gone by then.
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608 our own name
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def run(self, sql: str, database: str = ADMIN, user: str = ADMIN) -> str:
        """Do something, as the administrator unless another is named; rows come as lines, with `|` between columns.

        Raises `AssertionError` with what the server said against it.
        """
        done = _psql(self.url(database, user), sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@dataclass(slots=True)
class Server:
    """A server of one's own. Its folder holds its data and `server.log`; started again it has the port it had."""

    folder: Path
    door: Door
    settings: Settings
    process: Process | None = field(default=None, repr=False)
    watch: Process | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        """What it has said."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Start it and wait until it answers; after a kill it recovers first."""
        assert self.process is None, "it runs already"
        options = [f"--{name}={value}" for name, value in {**self.settings, "port": str(self.door.port)}.items()]
        command = (*_as_somebody(), str(binaries() / "postgres"), "-D", str(self.folder / "data"), *options)
        with self.log.open("ab") as out:
            # In a group of its own, so that Ctrl-C reaches us alone.
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=_environment(), start_new_session=True)
        # It does not notice when we are gone, so a shell waits for that on its behalf.
        until_gone = ("sh", "-c", 'read -r nothing; kill -QUIT "$0"', str(self.process.pid))
        self.watch = subprocess.Popen(until_gone, stdin=subprocess.PIPE, start_new_session=True)
        wait(lambda: _psql(self.door.url(ADMIN, ADMIN), "SELECT 1").returncode == 0, self.process, self.log)

    def stop(self) -> None:
        """End all connections and close its files."""
        if self.process and self.watch:
            kill(self.watch)
            end(self.process, signal.SIGINT)
        self.process = self.watch = None

    def kill(self) -> None:
        """End all its processes with signal 9."""
        if self.process and self.watch:
            kill(self.watch)
            self.process.send_signal(signal.SIGSTOP)  # it starts no more of them
            for child in children(self.process.pid):
                os.kill(child, signal.SIGKILL)
            kill(self.process)
        self.process = self.watch = None

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def fresh_database(self, order: str = SPANISH, name: str = "") -> str:
        """The address of a new, empty database; see `Door.fresh_database`."""
        return self.door.fresh_database(order, name)


@contextmanager
def running(folder: Path, *, port: int = 0, durable: bool = False, settings: Settings = NONE) -> Iterator[Server]:
    """A server that is up, with what `folder` holds already; stopped at the end. Raises `NotInstalled`.

    `durable` waits for the disk, as an operator's server does; `settings` are those of postgresql.conf.
    """
    folder = folder.resolve()
    _make(folder)
    door = Door(port or free_ports(1)[0], (folder / "password").read_text("utf-8"))
    server = Server(folder, door, {**USUAL, **({} if durable else HASTY), **settings})
    try:
        server.start()
        if USER not in door.run("SELECT rolname FROM pg_roles").splitlines():
            door.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{door.password}'")
        yield server
    finally:
        server.stop()


@contextmanager
def database(server: Server | Door, order: str = SPANISH) -> Iterator[str]:
    """The address of an empty database that is dropped at the end."""
    door = server.door if isinstance(server, Server) else server
    url = door.fresh_database(order)
    yield url
    door.drop(url)


@functools.cache
def binaries() -> Path:
    """The folder of the newest PostgreSQL here. Raises `NotInstalled`."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    fit = sorted((number, folder) for folder in folders if (number := _number(folder)) >= OLDEST)
    if not fit:
        raise NotInstalled(f"There is no PostgreSQL {OLDEST} or newer here: apt install postgresql.")
    return fit[-1][1]


def _number(folder: Path) -> int:
    said = subprocess.run((folder / "initdb", "--version"), capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else 0


def _make(folder: Path) -> None:
    """Make the data of a server, whole or not at all, with a password that nobody knows."""
    if (folder / "password").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "data", ignore_errors=True)
    half = folder / "password.half"
    half.write_text(secrets.token_hex(16), "utf-8")
    order = ("--encoding=UTF8", "--locale=C", "--locale-provider=icu", f"--icu-locale={SPANISH}")
    who = (f"--username={ADMIN}", f"--pwfile={half}", "--auth=scram-sha-256")
    command = (*_as_somebody(), str(binaries() / "initdb"), "-D", str(folder / "data"), "--no-sync", *order, *who)
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
    if done.returncode:
        raise NotInstalled(f"PostgreSQL could not make a database:\n{done.stdout}{done.stderr}")
    half.rename(folder / "password")


def _as_somebody() -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: then it runs as another user, who may still enter our folders."""
    if os.geteuid():
        return ()
    known = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam(ADMIN if ADMIN in known else "nobody")
    may = ("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override")
    return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *may)


def _sorting(order: str) -> str:
    if order == SPANISH:
        return "TEMPLATE template1"
    provider = "LOCALE_PROVIDER libc" if order == BYTES else f"LOCALE_PROVIDER icu ICU_LOCALE '{order}'"
    return f"TEMPLATE template0 {provider} LOCALE 'C'"


def _psql(url: str, sql: str) -> "subprocess.CompletedProcess[str]":
    beside = binaries() / "psql"
    program = str(beside) if beside.exists() else "psql"
    how = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
    return subprocess.run(
        (program, *how, "--command", sql, url), capture_output=True, text=True, env=_environment(), check=False
    )


def _environment() -> dict[str, str]:
    """Ours, without what would send PostgreSQL's programs elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
