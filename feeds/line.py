"""The line to a peer's TAXII server: what we ask there, and what of an answer we believe.

Discovery, the API root and the collection are found once, and again after every fault: he may have moved. Nothing that
a server names leads anywhere but to the server of the settings.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import requests
from taxii2client.exceptions import TAXIIServiceException, ValidationError
from taxii2client.v21 import Collection
from urllib3.exceptions import HTTPError

from cert.errors import PeerUnreachable, Phrase, Refused, msgid
from cert.stix import Micros, parse_timestamp
from feeds.connection import BUSY, Connection, Reply, Unreachable, network
from feeds.connection import Address as Address
from feeds.seal import read_salt

PAGE = 500
STATUS_WAITS_S = (0.2, 0.5, 1, 2, 5, 10)  # for a server that decides later
AFTER, HEAD, LAST = "x_puente_after", "X-Puente-Head", "X-Puente-Last"
"""What Puente adds to TAXII on a sealed log: a filter by number; headers with the number and link of the log's last
entry, and of the last one in the page."""
FIRST_ADDED, LAST_ADDED = "X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"
Read = TypeVar("Read")
_HEAD = re.compile("([0-9]{1,18}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log ends, as its server says: the number of the last entry, and the link there."""

    number: int
    link: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a peer's sealed log: the objects, with number and salt each, and where the log ends.

    `last_added` is when the last of them was added there, `last` the link after it as the server says; `raw` is the
    answer as it came.
    """

    objects: list[Any]
    numbers: list[int]
    salts: list[bytes]
    head: Head
    last: Head
    last_added: str
    more: bool
    raw: bytes


@dataclass(frozen=True, slots=True)
class Objects:
    """One page of a collection that nobody sealed: the objects, and where to go on.

    `first_added` and `last_added` are the dates that the server gave for the first and the last of them, "" where it
    gave none that is one.
    """

    objects: list[Any]
    first_added: str
    last_added: str
    more: bool
    next: str


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a POST: its id, whether all is decided, and what was not taken, as id to reason."""

    id: str
    complete: bool
    failures: dict[str, str]


class TooLarge(PeerUnreachable):
    """The server takes no body of that length: post less at once."""


class Expired(PeerUnreachable):
    """The server does not take the token any more that it gave: go on from the last date."""


class Line:
    """A kept-open line to one collection of a peer's server, which it calls by this alias, id or title."""

    def __init__(self, address: Address, collection: str) -> None:
        self.address = address
        self.wanted = collection
        self.connection = Connection(address)
        self.collection: Any = None

    @property
    def skew_s(self) -> float | None:
        """How many seconds the server's clock was ahead of ours at its last answer, if it said; used for nothing."""
        return self.connection.skew_s

    @property
    def certificate_until(self) -> Micros | None:
        """When the server's certificate ends, None without TLS."""
        context = getattr(self.connection.session.adapters.get("https://"), "context", None)
        ends = getattr(context, "valid_until", None)
        return None if ends is None else int(ends) * 1_000_000

    def page(self, after: int, limit: int = PAGE) -> Page:
        """The entries after this number, at most `limit`.

        Raises `PeerUnreachable` with a sentence for whatever is not a good answer; nothing is half taken.
        """
        return self._asked("objects/", {"match[version]": "all", "limit": limit, AFTER: after}, _page)

    def objects(self, added_after: str, next_token: str) -> Objects:
        """The next objects of a server that numbers nothing, after a date that it gave, all versions, at most `PAGE`.

        Raises `PeerUnreachable` as `page` does, and `Expired` where the server refuses the token.
        """
        return self._asked("objects/", _since(added_after, next_token), _objects)

    def manifest(self, added_after: str, next_token: str) -> Objects:
        """The next records of its manifest, likewise: each names an `id` and its `date_added`."""
        return self._asked("manifest/", _since(added_after, next_token), _objects)

    def longest(self) -> int:
        """How many bytes a body may have that is posted there, as its API root says."""
        return self._asked("../../", {}, lambda reply: max(1, int(reply.value["max_content_length"])))

    def deposit(self, bodies: Sequence[bytes]) -> dict[str, str]:
        """Post objects, each as its canonical JSON. Gives what the server did not take: id to reason.

        Raises `TooLarge` where the server says that it is too much at once, and `PeerUnreachable` as `page` does: then
        all of it may be posted again, as a repetition counts as a success.
        """
        status = self._asked("objects/", {}, _status, b'{"objects":[' + b",".join(bodies) + b"]}")
        for wait_s in STATUS_WAITS_S:
            if status.complete:
                break
            time.sleep(wait_s)
            status = self._asked(f"../../status/{status.id}/", {}, _status)
        return status.failures

    def _asked(
        self, what: str, params: Mapping[str, Any], read: Callable[[Reply], Read], body: bytes | None = None
    ) -> Read:
        token = "next" in params
        try:  # a token may be used up by asking with it, so that the next answer would be the page after the next
            url = urljoin(self._find().objects_url.removesuffix("objects/"), what)
            return read(self.connection.ask(url, params, again=not token, body=body))
        except Unreachable as fault:
            if fault.status == requests.codes.request_entity_too_large:
                raise TooLarge(fault.sentence, **fault.data) from None
            gone = token and fault.status >= 400 and fault.status not in {401, 403, *BUSY}
            raise self._unreachable(fault.phrase, Expired if gone else PeerUnreachable, fault.wait_s) from None
        except PeerUnreachable as fault:
            raise self._unreachable(fault.phrase) from None
        except (requests.RequestException, HTTPError) as fault:
            raise self._unreachable(network(fault)) from fault
        except (
            Refused,
            TAXIIServiceException,
            ValidationError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
        ) as fault:
            why = fault.phrase if isinstance(fault, Refused) else fault
            odd = Phrase("its answer is not what TAXII 2.1 and Puente say: %(why)s", {"why": why})
            raise self._unreachable(odd) from fault

    def _find(self) -> Any:
        if self.collection is None:
            fault: PeerUnreachable | None = None
            for root in self._roots():
                try:
                    self.collection = next(iter(self._collections(root)), None)
                except Unreachable as said:  # one root that is not for us hides no other
                    fault = fault or said
                if self.collection is not None:
                    break
            else:
                sentence = msgid("it shows us no collection %(wanted)s. Has he run `puente peer add` for us?")
                raise fault or PeerUnreachable(sentence, wanted=self.wanted)
        return self.collection

    def _roots(self) -> list[str]:
        """The addresses of its API roots, the default one first."""
        said = self.connection.get(self.address.url)
        default = said.get("default")
        named = ([default] if default else []) + list(said.get("api_roots", []))
        if not named:
            raise PeerUnreachable("it names no API root.")
        return list(dict.fromkeys(urljoin(self.address.url, root).rstrip("/") + "/" for root in named))

    def _collections(self, root: str) -> list[Collection]:
        """The collections of a root that are called what we want, by alias before id before title."""
        shown = self.connection.get(f"{root}collections/").get("collections", [])
        named = [one for name in ("alias", "id", "title") for one in shown if one.get(name) == self.wanted]
        return [
            Collection(f"{root}collections/{one['id']}/", conn=self.connection, collection_info=one) for one in named
        ]

    def _unreachable(
        self, why: Phrase, kind: type[PeerUnreachable] = PeerUnreachable, wait_s: float = 0.0
    ) -> PeerUnreachable:
        self.collection = None  # look everything up again: he may have moved
        sentence = msgid("%(peer)s (%(url)s) cannot be read: %(why)s")
        made = kind(sentence, peer=self.address.title, url=self.address.url, why=why)
        made.wait_s = wait_s
        return made

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()


def _since(added_after: str, next_token: str) -> dict[str, Any]:
    filters = {"added_after": added_after, "next": next_token}
    return {name: said for name, said in filters.items() if said} | {"match[version]": "all", "limit": PAGE}


def _page(reply: Reply) -> Page:
    envelope, headers = reply.value, reply.headers
    objects, marks = envelope.get("objects", []), envelope.get("x_puente_entries", [])
    last_added, more = headers.get(LAST_ADDED, ""), envelope.get("more", False)
    if not (isinstance(objects, list) and isinstance(marks, list) and isinstance(more, bool)):
        raise PeerUnreachable("its page is no TAXII envelope.")
    numbers = [mark[0] for mark in marks]
    if len(numbers) != len(objects) or not all(type(number) is int for number in numbers):
        raise PeerUnreachable("the entries of its page are not numbered one by one.")
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        sentence = msgid("entries are missing between %(first)d and %(last)d of its page.")
        raise PeerUnreachable(sentence, first=numbers[0], last=numbers[-1])
    if objects and not is_time(last_added):
        raise PeerUnreachable("it does not say when the last object of its page was added.")
    salts = [read_salt(mark[1] if len(mark) > 1 else None) for mark in marks]
    head, last = _head(headers, HEAD), _head(headers, LAST) if objects else Head(0, b"")
    return Page(objects, numbers, salts, head, last, last_added, more, reply.raw)


def _objects(reply: Reply) -> Objects:
    envelope = reply.value
    objects, more, next_token = envelope.get("objects", []), envelope.get("more", False), envelope.get("next", "")
    if not (isinstance(objects, list) and isinstance(more, bool) and isinstance(next_token, str)):
        raise PeerUnreachable("its page is no TAXII envelope.")
    said = [reply.headers.get(name, "") for name in (FIRST_ADDED, LAST_ADDED)]
    first, last = (date if is_time(date) else "" for date in said)
    return Objects(objects, first, last, more, next_token)


def _status(reply: Reply) -> Status:
    """A status resource, read liberally: lists may be missing, and what it says of successes is not needed."""
    said = reply.value
    failures = {str(one.get("id")): str(one.get("message") or "no reason given") for one in said.get("failures", [])}
    complete = said.get("status") == "complete"
    if said.get("failure_count", 0) and complete and not failures:
        raise PeerUnreachable("it took some objects not, and does not say which.")
    return Status(quote(str(said["id"]), safe=""), complete, failures)


def _head(headers: Mapping[str, str], name: str) -> Head:
    """A number and a link, as they stand in a header of ours."""
    said = _HEAD.fullmatch(headers.get(name, ""))
    if said is None:
        sentence = msgid("it does not say where its log ends (%(header)s). Is a proxy between us that drops headers?")
        raise PeerUnreachable(sentence, header=name)
    return Head(int(said[1]), bytes.fromhex(said[2]))


def is_time(text: str) -> bool:
    """Whether it is a date we can go on from: kept there, nonsense would stop this direction for good."""
    try:
        return parse_timestamp(text) > 0 and len(text) < 40
    except Refused:
        return False
