"""Real Elasticsearch on loopback: one node, or a cluster whose nodes can be killed, paused and started again.

with elastic.running(folder) as node:
    node.ask("GET", "/_cluster/health")
with elastic.cluster(folder) as three:
    three.nodes[1].kill()           # -9, in the middle of whatever it does
    three.nodes[1].start()
    three.until_up()
"""

import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from tests.servers.jars import Jars, jars
from tests.servers.process import Process, end, free_ports, kill, wait

V8, V9 = "8.19.5", "9.2.0"
HEAP_MB = 512  # at most; it begins with 64 and a test seldom takes more than 200
ANSWER_S = 60
SOON = "1s"
BLOCKS = ("cluster.blocks.read_only", "cluster.blocks.read_only_allow_delete")

Settings = Mapping[str, object]
NONE: Settings = MappingProxyType({})

QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms64m")
"""Starts in half the time, which is most of what a test waits for; a node that is measured goes without."""

QUIET = "-Xlog:cds*=off"
"""Java would name each class that its archive cannot hold."""

MODULE = """\
name=transport-netty4
description=HTTP and the nodes' own protocol
version={version}
elasticsearch.version={version}
java.version=17
classname=org.elasticsearch.transport.netty4.Netty4Plugin
"""

LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d{HH:mm:ss,SSS}][%p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


@dataclass(slots=True)
class Node:
    """One node. Its folder holds its data, and `node.log`; started again it has the ports and the data it had."""

    folder: Path
    port: int
    jars: Jars
    flags: tuple[str, ...]
    process: Process | None = field(default=None, repr=False)
    paused: bool = False

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def lives(self) -> bool:
        """Whether it runs and is not paused."""
        return self.process is not None and self.process.poll() is None and not self.paused

    @property
    def log(self) -> Path:
        """What it has said: warnings and errors."""
        return self.folder / "node.log"

    def start(self) -> None:
        """Start it; `until_up` waits for it."""
        assert self.process is None, "it runs already"
        path = os.pathsep.join(map(str, self.jars.server))
        command = (str(self.jars.java), *self.flags, "-cp", path, "ElasticNode", str(self.folder))
        with self.log.open("ab") as out:
            # The pipe is what ends it when we are gone. In a group of its own, so that Ctrl-C reaches us alone.
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
            )

    def until_up(self, nodes: int = 1) -> None:
        """Wait until it answers and sees so many nodes, itself included, and a copy of every shard."""
        path = f"/_cluster/health?wait_for_status=yellow&wait_for_nodes={nodes}&timeout={SOON}"
        assert self.process is not None, "it was not started"
        wait(lambda: self._answers(path), self.process, self.log)

    def stop(self) -> None:
        """Let it close its files and end."""
        if self.process:
            end(self.process)
        self.process, self.paused = None, False

    def kill(self) -> None:
        """End it with signal 9."""
        if self.process:
            kill(self.process)
        self.process, self.paused = None, False

    def pause(self) -> None:
        """Stop it where it is: it keeps its connections and answers nothing."""
        assert self.process is not None, "it does not run"
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        """Let it go on."""
        assert self.process is not None, "it does not run"
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Its answer, as the function `ask` has it. Raises `AssertionError` for a refusal."""
        status, answer = ask(self.url, method, path, body)
        assert status < 400, f"{method} {path}: {status} {answer}"
        return answer

    def _answers(self, path: str) -> bool:
        try:
            status, answer = ask(self.url, "GET", path)
        except (OSError, http.client.HTTPException):
            return False
        return status == 200 and not answer["timed_out"]


@dataclass(slots=True)
class Cluster:
    """Several nodes, each of which may be master and holds data."""

    nodes: list[Node]

    @property
    def urls(self) -> list[str]:
        """Where they answer, in the order of the nodes."""
        return [node.url for node in self.nodes]

    @property
    def living(self) -> list[Node]:
        """The nodes that run and are not paused."""
        return [node for node in self.nodes if node.lives]

    def until_up(self, nodes: int = 0) -> None:
        """Wait until those that live see one another and no other (or `nodes` of them), and a copy of every shard."""
        for node in self.living:
            node.until_up(nodes or len(self.living))

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer of the first node that lives."""
        return self.living[0].ask(method, path, body)

    def heal(self) -> None:
        """As on the first day: all nodes run, with the settings they had then, and hold nothing."""
        for node in self.nodes:
            if node.paused:
                node.resume()
            elif not node.lives:
                node.stop()
                node.start()
        self.until_up()
        for name in (*BLOCKS, "*"):  # a block is lifted only by a request that does nothing else
            self.ask("PUT", "/_cluster/settings", {"persistent": {name: None}})
        sweep(self.urls[0], "")


@contextmanager
def running(
    folder: Path,
    version: str = V8,
    *,
    port: int = 0,
    quick: bool = True,
    heap_mb: int = HEAP_MB,
    settings: Settings = NONE,
) -> Iterator[Node]:
    """One node that is up, with what `folder` holds already; stopped at the end. Raises `NotInstalled`.

    `settings` are those of elasticsearch.yml; `quick=False` starts slowly and then runs at full speed.
    """
    free, transport = free_ports(2)
    alone = {"discovery.type": "single-node", "transport.port": transport, **settings}
    node = made(folder, version, port or free, alone, quick=quick, heap_mb=heap_mb)
    try:
        node.start()
        node.until_up()
        yield node
    finally:
        node.stop()


@contextmanager
def cluster(
    folder: Path,
    version: str = V8,
    *,
    count: int = 3,
    quick: bool = True,
    heap_mb: int = HEAP_MB,
    settings: Settings = NONE,
) -> Iterator[Cluster]:
    """A cluster that is up, killed at the end. Its nodes are `n1`, `n2`, …, each in a folder of that name."""
    names = [f"n{n}" for n in range(1, count + 1)]
    free = free_ports(2 * count)
    ports = dict(zip(names, zip(free[:count], free[count:], strict=True), strict=True))
    together = {
        "cluster.initial_master_nodes": names,
        "discovery.seed_hosts": [f"127.0.0.1:{transport}" for _, transport in ports.values()],
        **settings,
    }
    nodes = [
        made(folder / name, version, port, {"transport.port": transport, **together}, quick=quick, heap_mb=heap_mb)
        for name, (port, transport) in ports.items()
    ]
    several = Cluster(nodes)
    try:
        for node in nodes:
            node.start()
        several.until_up()
        yield several
    finally:
        for node in nodes:
            node.kill()  # one that is stopped first hands over to the others, which takes time


def prefix() -> str:
    """A beginning for the names of indices, aliases and templates that nobody else has."""
    return f"t{secrets.token_hex(6)}-"


def sweep(url: str, begins: str) -> None:
    """Remove the indices and index templates whose names begin so. By name: a real node refuses patterns."""
    for one in ask(url, "GET", f"/_cat/indices/{begins}*?format=json&h=index&expand_wildcards=all")[1]:
        ask(url, "DELETE", f"/{one['index']}")
    for template in ask(url, "GET", f"/_index_template/{begins}*")[1]["index_templates"]:
        ask(url, "DELETE", f"/_index_template/{template['name']}")


@contextmanager
def swept(url: str) -> Iterator[str]:
    """A prefix of one's own, as `prefix` gives it; what was named so is removed at the end."""
    begins = prefix()
    try:
        yield begins
    finally:
        sweep(url, begins)


def made(folder: Path, version: str, port: int, settings: Settings, *, quick: bool, heap_mb: int) -> Node:
    """A node with its folder and settings, not started. Raises `NotInstalled`."""
    parts = jars(version, lambda parts: _write_classes(version, parts))
    flags = (f"-XX:SharedArchiveFile={parts.classes}", f"-Xmx{heap_mb}m", QUIET)
    speed = QUICK if quick else ("-XX:+UseG1GC", f"-Xms{heap_mb}m")
    return _laid_out(folder.resolve(), version, port, settings, parts, (*flags, *speed))


def ask(url: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and answer, from JSON. A body that is text goes as it is (a bulk).

    Raises `OSError` or `HTTPException` when there is no answer.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_S)
    text = body if isinstance(body, str | None) else json.dumps(body)
    kind = "application/x-ndjson" if isinstance(body, str) else "application/json"
    try:
        connection.request(method, path, text and text.encode(), {"content-type": kind} if text else {})
        response = connection.getresponse()
        said = response.read()
    finally:
        connection.close()
    return response.status, json.loads(said) if said else None


def _laid_out(folder: Path, version: str, port: int, settings: Settings, parts: Jars, flags: tuple[str, ...]) -> Node:
    usual = {
        "cluster.name": "puente-tests",
        "node.name": folder.name,
        "network.host": "127.0.0.1",
        "http.port": port,
        "path.data": str(folder / "data"),
        "cluster.routing.allocation.disk.threshold_enabled": False,  # a full laptop is no reason to refuse writes
    }
    module = folder / "modules" / "transport-netty4"
    shutil.rmtree(module, ignore_errors=True)
    for needed in (module, *(folder / name for name in ("config", "data", "lib", "logs"))):
        needed.mkdir(parents=True, exist_ok=True)
    for jar in parts.netty:
        (module / jar.name).symlink_to(jar)
    (module / "plugin-descriptor.properties").write_text(MODULE.format(version=version), "utf-8")
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in {**usual, **settings}.items()]
    (folder / "config" / "elasticsearch.yml").write_text("".join(lines), "utf-8")
    (folder / "config" / "log4j2.properties").write_text(LOG4J, "utf-8")
    return Node(folder, port, parts, flags)


def _write_classes(version: str, parts: Jars) -> None:
    """Run a node once, so that Java writes down the classes that it loads."""
    half = parts.classes.with_suffix(".half")
    http_port, transport = free_ports(2)
    alone = {"discovery.type": "single-node", "transport.port": transport}
    with tempfile.TemporaryDirectory() as folder:
        node = _laid_out(
            Path(folder), version, http_port, alone, parts, (f"-XX:ArchiveClassesAtExit={half}", QUIET, *QUICK)
        )
        node.start()
        node.until_up()
        node.stop()
    half.replace(parts.classes)
