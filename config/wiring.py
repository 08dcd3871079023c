"""Builds the apps and the tables of followers: the only place where real things meet."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cert import follow, intake
from cert.errors import Missing
from cert.follow import Follower, Task, now_us
from cert.search.embedded import EmbeddedShelf
from cert.search.index import Index, Shelf
from cert.search.keep import TASK, Keeper
from cert.store import people
from cert.store.engine import Engine, reading
from cert.store.log import RECORD
from config import node, signing
from config.reading import secret_in
from config.settings import Settings
from feeds import admit, ledger, receipts, release, store
from feeds.close import Close, close_old, closer
from feeds.store import Peer

if TYPE_CHECKING:
    from flask import Flask

    from config.tls import Tls
    from feeds.line import Address, Line

BIG_CACHE_MB = 200  # for the processes that write many objects; web processes have many connections and need little


def portal_app(settings: Settings) -> "Flask":
    """The portal of this node. Raises `Missing` if the node has not been made."""
    from config.pages import make_portal  # the pages bring stix2 along, which no other process needs

    return make_portal(settings, node.database(settings), index_of(settings), now_us)


def taxii_app(settings: Settings, db: Engine | None = None) -> "Flask":
    """The TAXII 2.1 server of this node, over its own connections or those of `db`.

    Raises `Missing` if the node has not been made.
    """
    from feeds.taxii.app import taxii_app as make_taxii_app  # workers and commands need no web framework

    return make_taxii_app(
        db or node.database(settings),
        title=settings.name,
        secret_key=secret_in(settings.secret_key_file).encode(),
        clock=now_us,
        max_content_length=settings.max_content_length,
        page_limit=settings.page_limit,
        page_bytes=settings.page_bytes,
        proxies=settings.trust_proxy,
    )


def tls_of(settings: Settings) -> "Tls | None":
    """What the TAXII server ends TLS with, if it is to do that itself."""
    from config.tls import Tls

    if settings.taxii_tls_cert_file is None or settings.taxii_tls_key_file is None:
        return None
    return Tls(settings.taxii_tls_cert_file, settings.taxii_tls_key_file, settings.taxii_client_ca_file)


def shelf_of(settings: Settings) -> Shelf:
    """Where the index of this node stands: in its cluster, if it has one, else in its folder.

    Raises `Missing` if the cluster is one that Puente cannot speak to; one that is away just now comes back by itself.
    """
    if not settings.elasticsearch:
        return EmbeddedShelf(settings.index)
    from cert.search.elastic import Cluster, ElasticShelf  # a node with the embedded index needs no client

    cluster = Cluster(
        tuple(settings.elasticsearch.split()),
        settings.elasticsearch_alias,
        settings.elasticsearch_user,
        _secret(settings.elasticsearch_password_file),
        _secret(settings.elasticsearch_api_key_file),
        settings.elasticsearch_ca_file,
    )
    shelf = ElasticShelf(cluster)
    shelf.demand_usable()
    return shelf


def index_of(settings: Settings) -> Callable[[], Index]:
    """A way to the live index that opens it when it is first asked, and again until that succeeds."""
    shelf = shelf_of(settings)
    opened: list[Index] = []

    def index() -> Index:
        if not opened:
            opened.append(shelf.live())
        return opened[0]

    return index


@contextmanager
def worker_tasks(settings: Settings) -> Iterator[tuple[Engine, list[Task]]]:
    """The database and the tasks of `puente work`: intake of every workbench, and search."""
    db = node.database(settings, BIG_CACHE_MB)
    with closing(Keeper(db, shelf_of(settings), now_us)) as keeper:
        yield db, [Task("intake", partial(_intake, db)), Task(TASK, keeper.turn)]


@contextmanager
def border_tasks(settings: Settings) -> Iterator[tuple[Engine, list[Task]]]:
    """The database and the tasks of `puente border`: release, pull and admission, for every peer."""
    from feeds import drain, errands, post, pull  # the only process that speaks to a peer needs a client
    from feeds.restore import Whole

    db, close = node.database(settings, BIG_CACHE_MB), closer(signing.signer(settings))
    with reading(db) as c:
        peers = store.all_peers(c)
    with ExitStack() as lines:
        tasks = []
        for peer in peers:
            sends, admits = peer_followers(peer, close)
            send, pulls = partial(_send, db, peer, close, sends), list[Task]()
            if peer.name in settings.peers:
                every_s = settings.poll_interval_ms / 1000
                line = lines.enter_context(line_in(settings, db, peer))
                sealed = partial(pull.pull, db, peer, line, now_us)
                fetch = sealed if peer.seals else drain.Drain(db, peer, line, now_us).turn
                pulls = [Task(f"pull:{peer.name}", fetch, every_s)]
                asks = partial(errands.turn, db, peer, partial(line_in, settings, db, peer), now_us)
                pulls.append(Task(f"errands:{peer.name}", asks, errands.EVERY_S))
                if peer.seals:
                    mirror = lines.enter_context(line_to(settings, db, peer, f"from-{settings.nation}"))
                    send = partial(Whole(db, peer, mirror, now_us).then, send)
                if settings.peers[peer.name].post_to:
                    there = lines.enter_context(line_to(settings, db, peer, settings.peers[peer.name].post_to))
                    pulls.append(_task(db, post.follower(db, peer, there, now_us)))
            tasks += [Task(sends.name, send), _task(db, admits), *pulls]
        yield db, tasks


def line_in(settings: Settings, db: Engine, peer: Peer) -> "Line":
    """A line to the collection that holds what a peer gives us."""
    there = settings.peers.get(peer.name)
    return line_to(settings, db, peer, (there and there.collection) or f"to-{settings.nation}")


def line_to(settings: Settings, db: Engine, peer: Peer, collection: str) -> "Line":
    """A line to a collection at a peer's server, by its alias. Raises `Missing` if the settings do not say where."""
    from feeds.line import Line

    if peer.name not in settings.peers:
        raise Missing("peer-address", f"Nobody said where {peer.name} is. Put [peers.{peer.name}] into the settings.")
    with reading(db) as c:
        title = people.all_organisations(c)[peer.org].name
    return Line(_address(settings, peer, title), collection)


def _send(db: Engine, peer: Peer, close: Close, follower: Follower) -> bool:
    """One batch of what a peer is to get; before it, what an earlier version left open, and new keys."""
    with reading(db) as c:
        if ledger.paused(c, peer.name, ledger.OUT):
            return False
    return close_old(db, peer, close, now_us()) or follow.turn(db, follower, now_us)


def peer_followers(peer: Peer, close: Close) -> tuple[Follower, Follower]:
    """What follows the logs for one peer: release fills his, and admission reads our mirror of his, as far as it is
    closed by a checkpoint."""
    upto = peer.closed if peer.seals else None
    return (
        Follower(f"release:{peer.name}", RECORD, inside=release.send(peer, close), bulk=True, take=release.one_act),
        Follower(receipts.follower_name(peer), peer.inbound, inside=admit.admit(peer), bulk=True, upto=upto),
    )


def intake_follower(log_name: str) -> Follower:
    """What follows a workbench: intake carries it to the record."""
    name = f"intake:{log_name.removeprefix(intake.WORKBENCH)}"
    return Follower(name, log_name, inside=intake.carry(name, log_name), bulk=True)


def _task(db: Engine, follower: Follower) -> Task:
    return Task(follower.name, partial(follow.turn, db, follower, now_us))


def _intake(db: Engine) -> bool:
    """One batch of each workbench; a workbench made meanwhile is found at once."""
    worked = [follow.turn(db, intake_follower(name), now_us) for name in intake.workbenches(db)]
    return any(worked)


def _secret(file: Path | None) -> str:
    return secret_in(file) if file is not None else ""


def _address(settings: Settings, peer: Peer, title: str) -> "Address":
    from feeds.line import Address
    from feeds.trust import Trust

    there = settings.peers[peer.name]
    trust = Trust(there.ca_file, there.client_cert_file, there.client_key_file, frozenset(there.pins.split()))
    return Address(title, there.url, there.user, partial(secret_in, there.password_file), trust)
