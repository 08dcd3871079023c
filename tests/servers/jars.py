"""The jars of Elasticsearch and a Java to run them: fetched, compiled and prepared once a machine, kept in its cache.

A later start finds all of it in `~/.cache/puente-tests/elasticsearch` (or under `XDG_CACHE_HOME`) and needs no network.
"""

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import NotInstalled, locked

HERE = Path(__file__).parent
MAIN = HERE / "ElasticNode.java"
JAVA_OF = {8: 17, 9: 21}
"""The oldest Java that each Elasticsearch runs on."""
DEBIAN_OF = {17: "12 or newer", 21: "13 or newer"}
JVMS = Path("/usr/lib/jvm")
FETCH_S = 600


@dataclass(frozen=True, slots=True)
class Jars:
    """What a node is started from. `netty` is the one module; `classes` is Java's archive of what it has loaded."""

    java: Path
    server: tuple[Path, ...]
    netty: tuple[Path, ...]
    classes: Path


def jars(version: str, write_classes: Callable[[Jars], None]) -> Jars:
    """All that a node of that version needs, made if it is not there yet. Raises `NotInstalled`.

    `write_classes` runs a node that leaves `classes` behind: starting from that archive takes half the time.
    """
    home = java(version)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "puente-tests" / "elasticsearch"
    with locked(cache / f"{version}.lock"):
        fetched = _whole(cache / version, lambda folder: _fetch(version, folder))
        server = tuple(sorted(fetched.glob("server/*.jar")))
        key = hashlib.sha256(MAIN.read_bytes() + bytes(home) + (home / "release").read_bytes()).hexdigest()[:12]
        compiled = _whole(cache / f"{version}-{key}", lambda folder: _compile(home, server, folder))
        netty = tuple(fetched.glob("netty/*.jar"))
        found = Jars(home / "bin" / "java", (compiled / "main.jar", *server), netty, compiled / "classes.jsa")
        if not found.classes.exists():
            write_classes(found)
    return found


def java(version: str) -> Path:
    """The home of the oldest Java here that runs this Elasticsearch. Raises `NotInstalled`."""
    least = JAVA_OF[int(version.partition(".")[0])]
    fit = sorted((number, home) for home in set(_homes()) if (number := _number(home)) >= least)
    if not fit:
        raise NotInstalled(
            f"Elasticsearch {version} needs a JDK {least} or newer: apt install default-jdk-headless "
            f"(Debian {DEBIAN_OF[least]}), or say where one is by JAVA_HOME."
        )
    return fit[0][1]


def _homes() -> Iterator[Path]:
    on_path = shutil.which("javac")
    candidates = [Path(on_path).resolve().parents[1]] if on_path else []
    candidates += [Path(home) for home in [os.environ.get("JAVA_HOME")] if home]
    for home in (*candidates, *JVMS.glob("*")):
        if (home / "bin" / "javac").exists():
            yield home.resolve()


def _number(home: Path) -> int:
    release = home / "release"
    found = re.search(r'JAVA_VERSION="(\d+)', release.read_text("utf-8")) if release.exists() else None
    return int(found[1]) if found else 0


def _whole(folder: Path, fill: Callable[[Path], None]) -> Path:
    """The folder, filled whole or not there at all."""
    if not folder.exists():
        half = folder.with_name(folder.name + ".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir()
        fill(half)
        half.rename(folder)
    return folder


def _fetch(version: str, folder: Path) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise NotInstalled("The jars of Elasticsearch are fetched, once, by Maven: apt install maven.")
    goal = ("dependency:copy-dependencies", f"-Delasticsearch.version={version}", f"-DoutputDirectory={folder}/server")
    _run(maven, "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml"), *goal)
    (folder / "netty").mkdir()
    for jar in folder.glob("server/*netty*.jar"):
        jar.rename(folder / "netty" / jar.name)


def _compile(home: Path, server: tuple[Path, ...], folder: Path) -> None:
    """Make `main.jar`. A jar, since Java's archive of classes takes none from a folder."""
    path = os.pathsep.join(map(str, server))
    _run(str(home / "bin" / "javac"), "-cp", path, "-d", str(folder), str(MAIN))
    with zipfile.ZipFile(folder / "main.jar", "w") as jar:
        for made in folder.glob("*.class"):
            jar.write(made, made.name)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S, check=False)
    if done.returncode:
        raise NotInstalled(f"{Path(command[0]).name} could not prepare Elasticsearch:\n{done.stdout}{done.stderr}")
