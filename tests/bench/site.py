"""Where it is measured: two real nodes, of which one serves, and clients whose connections stay open."""

import http.client
import itertools
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cert import intake
from cert.intake import Workbench
from cert.store.engine import Engine, reading
from config import node
from config.node import IMPORT
from config.settings import Settings
from config.wiring import BIG_CACHE_MB
from feeds import store
from feeds.store import Peer
from feeds.taxii.negotiation import MEDIA_TYPE
from tests.bench import mix
from tests.bench.engines import Engines
from tests.journeys.caller import Caller
from tests.nations import Nations, nations

OBJECTS_PATH = f"/puente/collections/{IMPORT}/objects/"


@dataclass
class Client:
    """A TAXII client with one connection."""

    connection: http.client.HTTPConnection
    headers: dict[str, str]

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """GET a path, or POST a body to it. Raises `HTTPException` where the answer is no success."""
        method = "GET" if body is None else "POST"
        more = {} if body is None else {"Content-Type": MEDIA_TYPE}
        self.connection.request(method, path, body, self.headers | more)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in {200, 202}:
            raise http.client.HTTPException(answer.status, text)
        return text


@dataclass
class Site:
    """`served` is the database of the node that HTTP reaches; `twin` holds the same and is only used in process.

    Both are to hold `held` objects.
    """

    engines: Engines
    held: int
    both: Nations
    folder: Path
    served: Engine
    twin: Engine
    client: Client
    portal: Caller
    unused: Iterator[int] = field(default_factory=lambda: itertools.count(0))

    def fresh(self, count: int) -> list[dict[str, Any]]:
        """Objects that neither node has seen; they come in whole cases, cut off at `count`."""
        return list(itertools.islice(itertools.chain.from_iterable(map(mix.case, self.unused)), count))

    def settings(self) -> Settings:
        """The settings of the node that serves."""
        return self.both.settings("mx")


@contextmanager
def site(folder: Path, engines: Engines, held: int) -> Iterator[Site]:
    """Two nodes with their seed, a portal and a TAXII server in front of one, and signed-in clients."""
    with nations(folder, "mx-portal", "mx-taxii", told=engines.told) as both:
        both.until(lambda: answers(both, "taxii") and answers(both, "portal"))
        served, twin = (node.database(both.settings(n), BIG_CACHE_MB) for n in ("mx", "us"))
        portal = Caller(both.portal("mx"))
        portal.sign_in("ana", both.password("mx", "ana"))
        made = Site(engines, held, both, folder, served, twin, client_of(both), portal)
        try:
            yield made
        finally:
            made.client.connection.close()
            portal.session.close()
            served.dispose()
            twin.dispose()


def workbench(db: Engine) -> Workbench:
    """The workbench `import` of a node."""
    with reading(db) as c:
        return intake.workbench(c, intake.WORKBENCH + IMPORT)


def peer(db: Engine) -> Peer:
    """The other nation, as a node knows it."""
    with reading(db) as c:
        return store.all_peers(c)[0]


def client_of(both: Nations) -> Client:
    """A client of the Mexican node, with the machine account of its workbench."""
    machine = both.described["mx"]["machine"]
    proof = b64encode(f"{machine['user']}:{machine['password']}".encode()).decode()
    headers = {"Authorization": f"Basic {proof}", "Accept": MEDIA_TYPE}
    return Client(_connection(both, "taxii"), headers)


def _connection(both: Nations, part: str) -> http.client.HTTPConnection:
    address = urlsplit(both.described["mx"][part])
    return http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)


def answers(both: Nations, part: str) -> bool:
    """Whether the Mexican node's `taxii` or `portal` listens."""
    connection = _connection(both, part)
    try:
        connection.connect()
    except OSError:
        return False
    connection.close()
    return True
