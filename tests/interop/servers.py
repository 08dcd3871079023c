"""Other people's TAXII 2.1 servers, each in an environment of its own, made once and kept between runs."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from config.processes import Process, kill
from tests.nations import free_ports
from tests.servers.process import NotInstalled

HERE = Path(__file__).parent
CACHE = Path.home() / ".cache" / "puente-tests" / "interop"
MEDALLION = ("medallion==3.0.0",)
OPENTAXII = ("OpenTAXII==0.9.3", "gunicorn>=23", "psycopg[binary]>=3.2,<4")
SOON_S = 30
USER, PASSWORD = "mx", "s" * 40
COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
OBJECTS = f"/root/collections/{COLLECTION}/objects/"
STORED = "data.json"
TITLE = "Shared indicators"
MEDIA_TYPE = "application/taxii+json;version=2.1"
PER_POST = 50

_OPENTAXII = """
auth_api:
  class: opentaxii.auth.sqldb.SQLDatabaseAPI
  parameters: {{db_connection: "sqlite:///{folder}/auth.db", create_tables: yes, secret: "{secret}"}}
taxii1:
taxii2:
  persistence_api:
    class: opentaxii.persistence.sqldb.Taxii2SQLDatabaseAPI
    parameters: {{db_connection: "{database}", create_tables: yes}}
  title: OpenTAXII
  public_discovery: no
  max_content_length: 10000000
logging: {{opentaxii: error, root: error}}
"""


@dataclass
class Server:
    """A server of somebody else: its discovery address, and how it is started, on the same port each time."""

    url: str
    folder: Path
    words: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    process: Process | None = None

    def start(self, patience_s: float = SOON_S) -> None:
        """Start it and wait until it answers. Raises `NotUp` with what it said."""
        log = self.folder / "server.log"
        with log.open("ab") as said:
            # A group of its own, so that it ends with all its workers.
            self.process = subprocess.Popen(
                self.words, stdout=said, stderr=said, env=os.environ | self.env, start_new_session=True
            )
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                requests.get(self.url, timeout=5)
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return
        self.kill()
        raise NotUp(f"{self.url} was not up in {patience_s:.0f} s: {log.read_text('utf-8')[-2_000:]}")

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        if self.process:
            kill(self.process)
            self.process = None


class NotUp(Exception):
    """A server of somebody else has ended, or did not answer in time."""


@contextmanager
def running(server: Server, patience_s: float = SOON_S) -> Iterator[Server]:
    """The server, up; ended afterwards."""
    try:
        server.start(patience_s)
        yield server
    finally:
        server.kill()


@contextmanager
def medallion(folder: Path, objects: Sequence[Any]) -> Iterator[str]:
    """medallion 3.0.0 with these objects posted to it; gives its discovery address."""
    with running(medallion_in(folder)) as server:
        for start in range(0, len(objects), PER_POST):
            _post(urljoin(server.url, OBJECTS), objects[start : start + PER_POST])
        yield server.url


def medallion_in(folder: Path, page: int = 100, token_s: int = 30) -> Server:
    """medallion 3.0.0, not started yet, with one collection; when it starts it reads what `folder / STORED` holds.

    `page` is the most objects in a page, `token_s` how long a `next` is good for: its own defaults.
    """
    python = environment("medallion", MEDALLION)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    shown = {"id": COLLECTION, "title": TITLE, "can_read": True, "can_write": True}
    shown |= {"media_types": ["application/stix+json;version=2.1"], "objects": [], "manifest": []}
    roots = [f"{url}/root/"]
    about = {"title": "Root", "versions": [MEDIA_TYPE], "max_content_length": 10_000_000}
    data = {
        "/discovery": {"title": "medallion", "default": roots[0], "api_roots": roots},
        "root": {"information": about, "status": [], "collections": [shown]},
    }
    (folder / STORED).write_text(json.dumps(data), "utf-8")
    backend = {
        "module": "medallion.backends.memory_backend",
        "module_class": "MemoryBackend",
        "filename": str(folder / STORED),
        "session_timeout": token_s,
    }
    told = {"backend": backend, "users": {USER: PASSWORD}, "taxii": {"max_page_size": page}}
    (folder / "medallion.json").write_text(json.dumps(told), "utf-8")
    words = (str(python), "-m", "medallion.scripts.run", "--port", str(port), str(folder / "medallion.json"))
    return Server(f"{url}/taxii2/", folder, words)


@contextmanager
def opentaxii(folder: Path, objects: Sequence[Any]) -> Iterator[str]:
    """OpenTAXII 0.9.3 with these objects put into its store: its POST answers 500 as released.

    So does its list of collections, which is mended here: without it nobody can read from it at all.
    """
    server = opentaxii_in(folder)
    with loading(server) as loader:
        loader.do(json.dumps({"objects": objects}).encode())
    with running(server):
        yield server.url


def opentaxii_in(folder: Path, database: str = "") -> Server:
    """OpenTAXII 0.9.3, not started yet, on SQLite if it is not told a database. It runs as its manual says."""
    python = environment("opentaxii", OPENTAXII)
    database = database or f"sqlite:///{folder}/data.db"
    told = _OPENTAXII.format(folder=folder, secret=PASSWORD, database=database)
    (folder / "opentaxii.yml").write_text(told, "utf-8")
    (port,) = free_ports(1)
    bind = ("--bind", f"127.0.0.1:{port}", "--chdir", str(HERE), "--worker-class", "gthread", "--threads", "8")
    words = (str(python), "-m", "gunicorn", "--timeout", "0", "--keep-alive", "75", *bind, "opentaxii_serve:app")
    env = {"OPENTAXII_CONFIG": str(folder / "opentaxii.yml")}
    return Server(f"http://127.0.0.1:{port}/taxii2/", folder, words, env)


@dataclass
class Loader:
    """A process that fills the store of OpenTAXII; `objects` is where they are served. `opentaxii_load.py` says how."""

    process: Process
    log: Path
    objects: str = ""

    def do(self, asked: bytes) -> int:
        """Have it do what a line of JSON says; gives how many objects it has put there by then."""
        assert self.process.stdin
        self.process.stdin.write(asked + b"\n")
        self.process.stdin.flush()
        return int(self.answer()["held"])

    def answer(self) -> Any:
        """What it says next."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.log.read_text("utf-8")
        return json.loads(line)


@contextmanager
def loading(server: Server) -> Iterator[Loader]:
    """A loader for an OpenTAXII, whether that runs or not; it has made the account and the collection."""
    words = (server.words[0], str(HERE / "opentaxii_load.py"), USER, PASSWORD, TITLE)
    log, pipe = server.folder / "load.log", subprocess.PIPE
    with (
        log.open("wb") as said,
        subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=said, env=os.environ | server.env) as process,
    ):
        loader = Loader(process, log)
        loader.objects = loader.answer()["objects"]
        yield loader


def environment(name: str, wanted: tuple[str, ...]) -> Path:
    """The Python that has this software. It is installed when it is first asked for.

    Raises `NotInstalled` where there is no network.
    """
    mark = hashlib.sha256(" ".join((*wanted, sys.version)).encode()).hexdigest()[:12]
    place = CACHE / f"{name}-{mark}"
    python = place / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not (place / "done").exists():
            shutil.rmtree(place, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
            words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
            installed = subprocess.run(words, check=False, capture_output=True, text=True)
            if installed.returncode:
                raise NotInstalled(f"{' '.join(wanted)} cannot be installed: {installed.stderr.strip()[-300:]}")
            (place / "done").touch()
    return python


def _post(url: str, objects: Sequence[Any]) -> None:
    headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
    answer = requests.post(url, json={"objects": list(objects)}, auth=(USER, PASSWORD), headers=headers, timeout=SOON_S)
    assert answer.status_code == 202, answer.text
    assert answer.json()["failure_count"] == 0, answer.text
