"""How fast objects cross: release on one node, pull over TAXII and admission on the other."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from cert.follow import now_us
from cert.intake import WORKBENCH
from cert.store import log
from cert.store.engine import Engine, reading, writing
from cert.store.log import BATCH, RECORD
from config import signing, wiring
from config.node import IMPORT
from config.reading import secret_in
from feeds import pull, release
from feeds.close import closer
from feeds.line import Address, Line
from feeds.store import Peer
from tests.bench.clock import Turn
from tests.bench.site import Site, peer, workbench
from tests.bench.writes import SAMPLE, TIMES, follow_to_end


def crossing(site: Site) -> Iterator[Turn]:
    """Release the newest objects of the record, fetch and admit them. Speeds count what crossed, not what was held."""
    us, mx = peer(site.served), peer(site.twin)
    sending, _ = wiring.peer_followers(us, closer(signing.signer(site.settings())))
    _, admitting = wiring.peer_followers(mx, closer(signing.signer(site.both.settings("us"))))
    follow_to_end(site.served, sending)
    with Line(_address(site), "to-us") as line:
        for part in range(TIMES):
            _name(site, us, part)
            released = _growth(site.served, us.outbound, lambda: follow_to_end(site.served, sending))
            yield Turn("release, with its gate", "objects", released)
            pulled = _growth(site.twin, mx.inbound, lambda: pull.pull(site.twin, mx, line, now_us))
            yield Turn("pull over TAXII and mirror", "objects", pulled)
            admitted = _growth(site.twin, RECORD, lambda: follow_to_end(site.twin, admitting))
            yield Turn("admit to the record", "objects", admitted)


def _name(site: Site, to: Peer, part: int) -> None:
    """Write the release acts for one part of the newest objects of the workbench's owner."""
    owner = workbench(site.served).org.n
    with reading(site.served) as c:
        start = max(0, log.head(c, WORKBENCH + IMPORT) - (TIMES - part) * SAMPLE)
        entries = [entry for entry in log.after(c, RECORD, start, SAMPLE) if entry.origin == owner]
    for first in range(0, len(entries), BATCH):
        with writing(site.served) as c:
            release.append_act(c, "ana", to, entries[first : first + BATCH], now_us())


def _growth(db: Engine, log_name: str, do: Callable[[], object]) -> float:
    """By how many entries a second a log grows while `do` works."""
    with reading(db) as c:
        before = log.head(c, log_name)
    started = time.perf_counter()
    do()
    took_s = time.perf_counter() - started
    with reading(db) as c:
        return (log.head(c, log_name) - before) / took_s


def _address(site: Site) -> Address:
    there = site.both.settings("us").peers["mx"]
    return Address("CERT México", there.url, there.user, partial(secret_in, there.password_file))
