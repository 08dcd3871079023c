"""Builds the apps and the tables of followers: the only place where real things meet."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cert import follow, intake
from cert.follow import Follower, Task, now_us
from cert.search import fill
from cert.search.embedded import Embedded, open_embedded
from cert.search.index import Index
from cert.store import people
from cert.store.engine import Engine, reading
from cert.store.log import RECORD
from config import node
from config.reading import secret_in
from config.settings import Settings
from feeds import admit, release, store
from feeds.store import Peer

if TYPE_CHECKING:
    from flask import Flask

    from feeds.line import Address

BIG_CACHE_MB = 200  # for the processes that write many objects; web processes have many connections and need little
INDEX_BATCH = 2_000  # entries; an index commits in some 20 ms, however little it writes


def portal_app(settings: Settings) -> "Flask":
    """The portal of this node. Raises `Missing` if the node has not been made."""
    from config.pages import make_portal  # the pages bring stix2 along, which no other process needs

    return make_portal(settings, node.database(settings), index_of(settings), now_us)


def taxii_app(settings: Settings) -> "Flask":
    """The TAXII 2.1 server of this node. Raises `Missing` if the node has not been made."""
    from feeds.taxii.app import taxii_app as make_taxii_app  # workers and commands need no web framework

    return make_taxii_app(
        node.database(settings),
        title=settings.name,
        secret_key=secret_in(settings.secret_key_file).encode(),
        clock=now_us,
        max_content_length=settings.max_content_length,
        page_limit=settings.page_limit,
        page_bytes=settings.page_bytes,
    )


def index_of(settings: Settings) -> Callable[[], Index]:
    """A way to the index that opens it when it is first asked, and again if its folder has been replaced."""
    opened: list[tuple[int, Embedded]] = []

    def index() -> Index:
        inode = _inode(settings.index)
        if not opened or opened[0][0] != inode:
            opened[:] = [(inode, open_embedded(settings.index))]
        return opened[0][1]

    return index


@contextmanager
def worker_tasks(settings: Settings) -> Iterator[tuple[Engine, list[Task]]]:
    """The database and the tasks of `puente work`: intake of every workbench, and search."""
    db = node.database(settings, BIG_CACHE_MB)
    yield db, [Task("intake", partial(_intake, db)), Task("search", _search(db, settings.index))]


@contextmanager
def border_tasks(settings: Settings) -> Iterator[tuple[Engine, list[Task]]]:
    """The database and the tasks of `puente border`: release, pull and admission, for every peer."""
    from feeds import pull  # the only process that speaks to a peer needs a client
    from feeds.line import Line

    db = node.database(settings, BIG_CACHE_MB)
    with reading(db) as c:
        peers = store.all_peers(c)
        names = {org.n: org.name for org in people.all_organisations(c).values()}
    with ExitStack() as lines:
        tasks = []
        for peer in peers:
            tasks += [_task(db, follower) for follower in peer_followers(peer)]
            if peer.name in settings.peers:
                line = lines.enter_context(Line(_address(settings, peer, names[peer.org]), f"to-{settings.nation}"))
                every_s = settings.poll_interval_ms / 1000
                tasks.append(Task(f"pull:{peer.name}", partial(pull.pull, db, peer, line, now_us), every_s))
        yield db, tasks


def peer_followers(peer: Peer) -> list[Follower]:
    """What follows the logs for one peer: release fills his, admission reads our mirror of his."""
    return [
        Follower(f"release:{peer.name}", RECORD, inside=release.send(peer), bulk=True, take=release.one_act),
        Follower(f"admit:{peer.name}", peer.inbound, inside=admit.admit(peer), bulk=True),
    ]


def intake_follower(log_name: str) -> Follower:
    """What follows a workbench: intake carries it to the record."""
    name = f"intake:{log_name.removeprefix(intake.WORKBENCH)}"
    return Follower(name, log_name, inside=intake.carry(name, log_name), bulk=True)


def search_follower(db: Engine, index: Index) -> Follower:
    """What keeps an index equal to the record."""
    return Follower(fill.cursor_name(index), RECORD, outside=fill.fill(db, index), batch=INDEX_BATCH)


def _task(db: Engine, follower: Follower) -> Task:
    return Task(follower.name, partial(follow.turn, db, follower, now_us))


def _intake(db: Engine) -> bool:
    """One batch of each workbench; a workbench made meanwhile is found at once."""
    worked = [follow.turn(db, intake_follower(name), now_us) for name in intake.workbenches(db)]
    return any(worked)


def _search(db: Engine, folder: Path) -> Callable[[], bool]:
    """Index a batch. The index is opened for writing once, made if it is missing, and opened anew when it is lost."""
    opened: list[tuple[int, Embedded]] = []

    def turn() -> bool:
        if not opened or opened[0][0] != _inode(folder):
            opened.clear()
            index = open_embedded(folder, writer=True, create=True)
            opened.append((_inode(folder), index))
        return follow.turn(db, search_follower(db, opened[0][1]), now_us)

    return turn


def _inode(folder: Path) -> int:
    try:
        return folder.stat().st_ino
    except FileNotFoundError:
        return 0


def _address(settings: Settings, peer: Peer, title: str) -> "Address":
    from feeds.line import Address

    there = settings.peers[peer.name]
    return Address(title, there.url, there.user, secret_in(there.password_file))
