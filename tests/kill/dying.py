"""Processes of a node that die at a given point: forked from one that has imported the armed exchange already.

A victim does what its process does, turn by turn, until it dies or there is nothing left to do.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import Any

from werkzeug.serving import make_server

from cert import follow, sight
from cert.errors import PeerUnreachable
from cert.follow import Task, now_us
from cert.store.engine import reading
from config import node, wiring
from config.cli import main
from config.commands.shared import viewer_named
from config.reading import load
from config.settings import Settings
from feeds import release, store
from tests.cast import Browser

IDLE = 3  # rounds of turns without anything to do, after which there is nothing left
WAIT_S = 30
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "tests.kill.armed", "tests.kill.dying"])

Told = Mapping[str, Any]
NOTHING: Told = MappingProxyType({})


def dies(
    victim: str,
    settings: Path,
    point: str,
    times: int,
    told: Told = NOTHING,
    meanwhile: Callable[[Any], None] | None = None,
) -> bool:
    """Let a victim run until it reaches the point so often. Gives whether it died there, or else ran to its end.

    `meanwhile` is what others do while it runs, with what the victim has to say first. Fails when it ends otherwise.
    """
    ours, its = PROCESSES.Pipe()
    process = PROCESSES.Process(target=run, args=(victim, settings, point, times, its, dict(told)), daemon=True)
    process.start()
    its.close()
    with ours:
        if meanwhile is not None:
            assert ours.poll(WAIT_S), f"{victim} does not come up"
            meanwhile(ours.recv())
        process.join(WAIT_S if meanwhile is None else 1)
        if process.is_alive():
            process.terminate()
            process.join()
            assert meanwhile is not None, f"{victim} neither died at {point} nor came to an end"
            return False
    assert process.exitcode in {0, -9}, f"{victim} ended with {process.exitcode}"
    return process.exitcode == -9


def run(victim: str, path: Path, point: str, times: int, told: Connection, more: dict[str, Any]) -> None:
    """What the process does: `victim` on the node with these settings."""
    from tests.kill import armed  # here alone: whoever starts a victim is not armed himself

    armed.arm(point, times)
    VICTIMS[victim](load(path, {}), path, told, **more)


def turned(tasks: Sequence[Task]) -> None:
    """Turn tasks until none has anything to do, or can do it."""
    idle = 0
    while idle < IDLE:
        worked = False
        for task in tasks:
            with suppress(PeerUnreachable):
                worked = task.turn() or worked
        idle = 0 if worked else idle + 1


def border(settings: Settings, _path: Path, _told: Connection) -> None:
    """The border process, its tasks one after the other, so that each run is the same."""
    with wiring.border_tasks(settings) as (_, tasks):
        turned(tasks)


def whole_border(settings: Settings, _path: Path, _told: Connection) -> None:
    """The border process as it is started: a thread and a lock for each task."""

    with wiring.border_tasks(settings) as (db, tasks):
        follow.run(db, tasks, threading.Event(), now_us)


def worker(settings: Settings, _path: Path, _told: Connection) -> None:
    """The worker: intake and search."""
    with wiring.worker_tasks(settings) as (_, tasks):
        turned(tasks)


def taxii(settings: Settings, _path: Path, told: Connection) -> None:
    """The TAXII server, on a port that it tells."""
    server = make_server("127.0.0.1", 0, wiring.taxii_app(settings), threaded=True)
    told.send(server.server_port)
    server.serve_forever(0.01)


def portal(settings: Settings, _path: Path, _told: Connection, *, token: str, method: str, page: str) -> None:
    """The portal, asked for one page by somebody who has signed in, on one form that stands on `/exchange`."""
    browser = Browser(wiring.portal_app(settings).test_client())
    with browser.client.session_transaction() as session:
        session["_user_id"] = token
    assert browser.get("/exchange").status_code == 200
    answer = browser.get(page) if method == "GET" else browser.post(page)
    assert answer.status_code in {200, 302}, answer.text


def releaser(settings: Settings, _path: Path, _told: Connection, *, root: str) -> None:
    """Ana, who looks at what a release would do and confirms it."""
    confirm(settings, root)


def confirm(settings: Settings, root: str) -> None:
    """Look at what Ana's release would do, and confirm it."""
    with node.disposing(node.database(settings)) as db:
        with reading(db) as c:
            ana, peer = viewer_named(c, "ana"), store.all_peers(c)[0]
            seen = release.preview(c, ana, peer, sight.find(c, ana, root))
        release.release(db, ana, peer, root, seen.digest, now_us())


def command(_settings: Settings, path: Path, _told: Connection, *, words: list[str]) -> None:
    """A command of `puente`."""
    main(["--settings", str(path), *words], standalone_mode=False)


VICTIMS: dict[str, Callable[..., None]] = {
    one.__name__: one for one in (border, whole_border, worker, taxii, portal, releaser, command)
}
