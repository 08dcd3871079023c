"""`puente demo`: two nations on loopback, each with its four processes, seeded, until Ctrl-C.

What is made stays in its folder, so a second start goes on where the first one stopped.
"""

import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from config import pair, processes
from config.cast import NATIONS
from config.pair import NOTHING, Told
from config.processes import Process


def run(folder: Path, *, fresh: bool, told: Told = NOTHING) -> None:
    """Set the demo up if it is not there, start it, say what to try, and stop it cleanly on Ctrl-C.

    `told` are settings of either nation, for when it is set up.
    """
    started = time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as Ctrl-C: what has been started is stopped
    for port in pair.USUAL_PORTS:
        processes.demand_free("127.0.0.1", port)  # before anything is removed: it may be another demo that listens
    if fresh and folder.exists():
        shutil.rmtree(folder)
    if not pair.is_made(folder):
        click.echo("Making two nations and their history …")
        pair.make(folder, told=told)
    both = pair.sides(folder)
    with _running(folder) as running:
        processes.wait(lambda: all(pair.is_up(side) for side in both.values()), running, folder)
        if pair.answers_wait(folder):
            processes.wait(lambda: pair.are_in_step(both), running, folder)
            pair.answer(folder, both)
        click.echo(_tour(folder, time.monotonic() - started))
        _wait_for_end(running, folder)


@contextmanager
def _running(folder: Path) -> Iterator[dict[str, Process]]:
    """The processes of both nodes, by name, stopped at the end whatever happens."""
    running: dict[str, Process] = {}
    try:
        for name in processes.NAMES:
            running[name] = processes.start(folder, name)
        yield running
    finally:
        processes.stop(running.values())


def _wait_for_end(running: Mapping[str, Process], folder: Path) -> None:
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    while not ended:
        processes.demand_alive(running, folder)
        time.sleep(0.2)
    click.echo("\nStopping both nations …")


def _tour(folder: Path, seconds: float) -> str:
    lines = [
        "",
        f"Both nations are up, after {seconds:.0f} s. Nothing here is real, and everything stays on this machine.",
        "",
    ]
    for code, described in pair.described(folder).items():
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
