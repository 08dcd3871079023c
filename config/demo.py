"""`puente demo`: two nations on loopback, each with its four processes, seeded, until Ctrl-C.

What is made stays in `.demo/`, so a second start goes on where the first one stopped.
"""

import json
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import click

from cert.errors import Refused
from cert.follow import now_us
from cert.search import fill
from cert.store import log
from cert.store.engine import reading
from cert.store.log import RECORD
from config import node, seed, wiring
from config.cast import HOUR_US, NATIONS
from config.node import IMPORT
from config.reading import load
from config.settings import Settings
from feeds import store

PROCESSES = (("serve", "portal"), ("serve", "taxii"), ("work",), ("border",))
READY_S = 60
STOP_S = 15
ANSWERS_WAIT = "answers-wait"
"""A file that is there until the history's answers have been written."""


def run(folder: Path, *, fresh: bool) -> None:
    """Set the demo up if it is not there, start it, say what to try, and stop it cleanly on Ctrl-C."""
    started = time.monotonic()
    if fresh and folder.exists():
        shutil.rmtree(folder)
    if not (folder / "demo.json").exists():
        click.echo("Making two nations and their history …")
        _make(folder)
    settings = {code: _settings(folder, code) for code in NATIONS}
    with _processes(folder, settings) as running:
        _wait(lambda: all(_answers(one) and _has_indexed(one) for one in settings.values()), running)
        _answer(folder, settings, running)
        click.echo(_tour(folder, time.monotonic() - started))
        _wait_for_end(running)


def _settings(folder: Path, code: str) -> Settings:
    return load(folder / f"{code}.toml", {})


def _make(folder: Path) -> None:
    """Make both nodes in a folder beside, and move it in place when it is whole: a broken start leaves nothing."""
    half = folder.with_name(folder.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    passwords = {code: secrets.token_urlsafe(32) for code in NATIONS}  # by which each nation reads at the other
    made, now = {}, now_us()
    for code, nation in NATIONS.items():
        template = resources.files("config") / "nodes" / f"{code}.toml"
        (half / f"{code}.toml").write_text(template.read_text("utf-8"), "utf-8")
        settings = _settings(half, code)
        other = "us" if code == "mx" else "mx"
        node.init(settings, now - seed.YEAR_HOURS * HOUR_US, nation.identity)
        settings.peers[other].password_file.write_text(passwords[code] + "\n", "utf-8")
        people, machine = seed.seed(node.database(settings), code, passwords[other], now)
        made[code] = _described(settings, people, machine)
    (half / ANSWERS_WAIT).touch()
    (half / "demo.json").write_text(json.dumps({"nodes": made}, indent=2) + "\n", "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)


def _described(settings: Settings, people: Sequence[seed.Account], machine: seed.Account) -> dict[str, Any]:
    """What scripts and other people's software need to know of a node."""
    return {
        "portal": f"http://{settings.portal_host}:{settings.portal_port}/",
        "taxii": f"{settings.taxii_url}/taxii2/",
        "people": [asdict(person) for person in people],
        "machine": {"user": machine.user, "password": machine.password},
        "workbench": f"{settings.taxii_url}/puente/collections/{IMPORT}/",
    }


def _answer(folder: Path, settings: dict[str, Settings], running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Once both have met, write the notes by which each answered what the other one had shared."""
    wait = folder / ANSWERS_WAIT
    if not wait.exists():
        return
    _wait(lambda: all(_has_admitted(one, settings) for one in settings.values()), running)
    for code, one in settings.items():
        seed.answer(node.database(one), code, now_us())
    wait.unlink()


@contextmanager
def _processes(folder: Path, settings: dict[str, Settings]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes of both nodes, stopped at the end whatever happens; what they say goes to a file each."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for code in settings:
            for words in PROCESSES:
                running.append(_start(folder, code, words))
        yield running
    finally:
        for process in running:
            process.terminate()
        _reap(running)


def _start(folder: Path, code: str, words: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "config", "--settings", str(folder / f"{code}.toml"), *words]
    (folder / "logs").mkdir(exist_ok=True)
    with (folder / "logs" / f"{code}-{words[-1]}.log").open("ab") as out:
        # A group of its own: Ctrl-C reaches us alone, and we stop the others in order.
        return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 our own command


def _reap(running: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + STOP_S
    for process in running:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(done: Callable[[], bool], running: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + READY_S
    while not done():
        _demand_alive(running)
        if time.monotonic() > deadline:
            raise Refused("demo-slow", f"The demo was not ready in {READY_S} s. What went wrong stands in .demo/logs.")
        time.sleep(0.1)


def _demand_alive(running: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in running:
        if process.poll() is not None:
            name = " ".join(map(str, process.args[3:] if isinstance(process.args, list) else ()))
            raise Refused("demo-died", f"`puente {name}` ended at once. Why stands in .demo/logs.")


def _answers(settings: Settings) -> bool:
    for host, port, path, status in (
        (settings.portal_host, settings.portal_port, "/sign-in", 200),
        (settings.taxii_host, settings.taxii_port, "/taxii2/", 401),
    ):
        try:
            with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5) as answer:
                found = answer.status
        except urllib.error.HTTPError as refused:
            found = refused.code
        except OSError:
            return False
        if found != status:
            return False
    return True


def _has_indexed(settings: Settings) -> bool:
    try:
        index = wiring.index_of(settings)()
    except Refused:
        return False
    with reading(node.database(settings)) as c:
        return log.cursor(c, fill.cursor_name(index)) == log.head(c, RECORD)


def _has_admitted(settings: Settings, everyone: dict[str, Settings]) -> bool:
    """Whether all that the other nation has released is in our record."""
    with reading(node.database(settings)) as c:
        (peer,) = store.all_peers(c)
        here = log.cursor(c, f"admit:{peer.name}")
    with reading(node.database(everyone[peer.name])) as c:
        (me,) = store.all_peers(c)
        released = log.cursor(c, f"release:{me.name}") == log.head(c, RECORD)
        return released and log.head(c, me.outbound) == here


def _wait_for_end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    while not ended:
        _demand_alive(running)
        time.sleep(0.2)
    click.echo("\nStopping both nations …")


def _tour(folder: Path, seconds: float) -> str:
    nodes = json.loads((folder / "demo.json").read_text("utf-8"))["nodes"]
    lines = [
        "",
        f"Both nations are up, after {seconds:.0f} s. Nothing here is real, and everything stays on this machine.",
        "",
    ]
    for code, described in nodes.items():
        lines.append(f"  {NATIONS[code].name}   {described['portal']}")
        lines += [f"    {one['user']:<6} {one['password']}   {one['role']}" for one in described["people"]]
        lines.append(
            f"    TAXII  {described['taxii']}   {described['machine']['user']} {described['machine']['password']}"
        )
        lines.append("")
    lines += [
        "Try first:",
        "  1. Sign in to CERT México as ana. File an incident on the Otay Mesa cargo lane and paste 203.0.113.7;",
        "     tick it, choose AMBER, share with the United States, and release what the preview shows.",
        "  2. Sign in to CERT United States as grace, in another browser or a private window. Search for your title,",
        "     then open her own incident on the handheld readers: yours is linked there, with the reasons.",
        "  3. Answer with a note, release it, and see it arrive in Mexico.",
        "",
        f"The same for scripts: {folder / 'demo.json'}   What the processes say: {folder / 'logs'}",
        "Ctrl-C stops both. A second start keeps what you filed; `make demo FRESH=1` begins anew.",
    ]
    return "\n".join(lines)
