"""The line to a peer's TAXII server: taxii2-client behind a connection of ours.

taxii2-client 2.3.0 has no timeout, follows redirects with credentials, reads any amount into memory and keeps the
response headers to itself; its `requests` session is the seam where all four are mended.
"""

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import requests
from taxii2client.common import _HTTPConnection
from taxii2client.exceptions import TAXIIServiceException, ValidationError
from taxii2client.v21 import ApiRoot, Collection, Server
from urllib3.exceptions import HTTPError, ReadTimeoutError

from cert.errors import PeerUnreachable, Refused
from cert.stix import parse_json, parse_timestamp

MEDIA_TYPE = "application/taxii+json;version=2.1"
USER_AGENT = "puente"
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 300  # for a whole answer, however steadily it drips
BIGGEST_ANSWER = 64 << 20
PAGE = 500
CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a peer's log: the objects with their numbers, and where to go on."""

    objects: list[Any]
    numbers: list[int]
    last_added: str
    next: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer's server is and how we sign in there. `title` is what people call him."""

    title: str
    url: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"Address({self.title}, {self.url})"


class _Connection(_HTTPConnection):  # type: ignore[misc]  # the library has no types
    """taxii2-client's connection with bounds, and without redirects; it remembers the last date header."""

    def __init__(self, address: Address) -> None:
        super().__init__(address.user, address.password, user_agent=USER_AGENT, version="2.1")
        self.origin = _origin(address.url)
        self.last_added = ""

    def get(self, url: str, headers: Any = None, params: Any = None) -> Any:
        if _origin(url) != self.origin:
            raise PeerUnreachable(f"it named an address of another server, {url}, which we do not follow.")
        with self.session.get(
            url,
            headers={"Accept": MEDIA_TYPE, "Accept-Encoding": "identity", "User-Agent": self.user_agent},
            params=params,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code != requests.codes.ok:
                raise PeerUnreachable(_status(answer.status_code))
            self.last_added = answer.headers.get("X-TAXII-Date-Added-Last", "")
            return parse_json(_bounded(answer))


class Line:
    """A kept-open line to the collection of a peer's server that holds what he released to us."""

    def __init__(self, address: Address, collection: str) -> None:
        self.address = address
        self.alias = collection
        self.connection = _Connection(address)
        self.collection: Any = None

    def page(self, added_after: str, next_token: str) -> Page:
        """The next objects after a date that the server gave, all versions, at most `PAGE`.

        Raises `PeerUnreachable` with a sentence for whatever is not a good answer; nothing is half taken.
        """
        try:
            collection = self._find()
            asked = {"next": next_token} if next_token else {}
            since = {"added_after": added_after} if added_after else {}
            envelope = collection.get_objects(version="all", limit=PAGE, **since, **asked)
            return _page(envelope, self.connection.last_added)
        except PeerUnreachable as fault:
            raise self._unreachable(str(fault)) from None
        except (requests.RequestException, HTTPError) as fault:
            raise self._unreachable(_network(fault)) from fault
        except (
            Refused,
            TAXIIServiceException,
            ValidationError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
        ) as fault:
            raise self._unreachable(f"its answer is not what TAXII 2.1 and Puente say: {fault}") from fault

    def _find(self) -> Any:
        if self.collection is None:
            named = Server(self.address.url, conn=self.connection).default
            if named is None:
                raise PeerUnreachable("it names no default API root.")
            root = ApiRoot(named.url, conn=self.connection)  # the library would open a bare connection of its own
            found: list[Collection] = [c for c in root.collections if getattr(c, "alias", None) == self.alias]
            if not found:
                raise PeerUnreachable(f"it shows us no collection {self.alias}. Has he run `puente peer add` for us?")
            self.collection = found[0]
        return self.collection

    def _unreachable(self, reason: str) -> PeerUnreachable:
        self.collection = None  # look everything up again: he may have moved
        return PeerUnreachable(f"{self.address.title} ({self.address.url}) cannot be read: {reason}")

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()


def _page(envelope: Any, last_added: str) -> Page:
    objects, marks = envelope.get("objects", []), envelope.get("x_puente_entries", [])
    next_token = envelope.get("next", "") if envelope.get("more") else ""
    if not (isinstance(objects, list) and isinstance(marks, list) and isinstance(next_token, str)):
        raise PeerUnreachable("its page is no TAXII envelope.")
    numbers = [mark[0] for mark in marks]
    if len(numbers) != len(objects) or not all(type(number) is int for number in numbers):
        raise PeerUnreachable("the entries of its page are not numbered one by one.")
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise PeerUnreachable(f"entries are missing between {numbers[0]} and {numbers[-1]} of its page.")
    if objects and not _is_time(last_added):
        raise PeerUnreachable("it does not say when the last object of its page was added.")
    return Page(objects, numbers, last_added, next_token)


def _is_time(text: str) -> bool:
    """Whether it is a date we can go on from: kept there, nonsense would stop this direction for good."""
    try:
        return parse_timestamp(text) > 0 and len(text) < 40
    except Refused:
        return False


def _bounded(answer: requests.Response) -> bytes:
    """The body, if it is plain, not too large, and complete in time; a little is read at once, so that we can tell."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise PeerUnreachable("its answer is compressed, which nobody asked for.")
    ends = time.monotonic() + ANSWER_TIMEOUT_S
    body = bytearray()
    while chunk := answer.raw.read1(CHUNK, decode_content=False):
        body += chunk
        if time.monotonic() > ends:
            raise PeerUnreachable("its answer does not end in time.")
        if len(body) > BIGGEST_ANSWER:
            raise PeerUnreachable(f"its answer is larger than {BIGGEST_ANSWER >> 20} MiB.")
    return bytes(body)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _status(code: int) -> str:
    if code in {401, 403}:
        return (
            f"it refuses our account (HTTP {code}). "
            "Ask its operators for the password, and put it into the file that password_file names."
        )
    return f"it answers HTTP {code}."


def _network(fault: requests.RequestException | HTTPError) -> str:
    if isinstance(fault, requests.Timeout | ReadTimeoutError):
        return "it does not answer in time."
    if isinstance(fault, requests.exceptions.SSLError):
        return "its certificate is not one we trust."
    if isinstance(fault, requests.ConnectionError):
        return "nothing answers there."
    return f"the network says {type(fault).__name__}."
