"""The connection below the line: taxii2-client's own, with bounds.

taxii2-client 2.3.0 has no timeout, follows redirects with credentials, reads any amount into memory and keeps the
headers of an answer to itself; its `requests` session is the seam where all of that is mended. One answer is bounded
in time and bytes however it comes: dripping, packed, or cut. What is worth trying again is tried once, soon; after
that the connection keeps quiet for as long as the server asks, whoever calls it.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any

import requests
from requests.auth import HTTPBasicAuth
from taxii2client.common import _HTTPConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import parse_url

from cert.errors import Missing, PeerUnreachable, Phrase, msgid
from cert.stix import parse_json
from feeds import packed, transport
from feeds.transport import Adapter
from feeds.trust import Trust

MEDIA_TYPE = "application/taxii+json;version=2.1"
USER_AGENT = f"puente/{version('puente')}"
BACKOFF_S = (0.1, 0.5)  # between these, by chance, before the one retry
SOON_S = 2.0  # a server that asks for no more than this is asked again at once
LONGEST_WAIT_S = 900.0  # what a server asks for beyond this is cut: he must not switch us off
REFUSED_WAIT_S = 60.0  # who refuses our account is asked once a minute: some servers lock one that is tried too often
BUSY = frozenset((429, 502, 503, 504))
SYSTEM = Trust()
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer's server is, how we sign in there, and by what we know it. `title` is what people call him.

    `password` gives the password as it is now; it may raise `Missing`.
    """

    title: str
    url: str
    user: str
    password: Callable[[], str] = field(repr=False)
    trust: Trust = SYSTEM


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: what its JSON states, its headers, and its text as it came, unpacked."""

    value: Any
    headers: Mapping[str, str]
    raw: bytes


class Unreachable(PeerUnreachable):
    """No good answer came. `status` is the one that the server gave, 0 if it gave none."""

    def __init__(self, sentence: str, status: int = 0, **data: Any) -> None:
        super().__init__(sentence, **data)
        self.status = status


class _Busy(Exception):
    """Worth another try: the server is busy for a while, or hung up before it answered."""

    def __init__(self, why: Unreachable, wait_s: float | None = None) -> None:
        super().__init__(str(why))
        self.why = why
        self.wait_s = wait_s


class Connection(_HTTPConnection):  # type: ignore[misc]  # the library has no types
    """taxii2-client's connection with bounds, to one server and no other. `skew_s` is how far his clock is ahead."""

    def __init__(self, address: Address) -> None:
        super().__init__(user_agent=USER_AGENT, version="2.1")
        self.user, self.password = address.user, address.password
        self.session.trust_env = False  # no proxy, no netrc and no certificates that a setting does not name
        self.origin = origin(address.url)
        self.trust = address.trust
        self.mounted: object = None
        self.may_pack = True
        self.quiet_until = 0.0
        self.quiet_why: Unreachable | None = None
        self.skew_s: float | None = None

    def get(self, url: str, headers: Any = None, params: Any = None) -> Any:
        """What the library calls."""
        return self.ask(url, params).value

    def ask(self, url: str, params: Any = None, *, again: bool = True, body: bytes | None = None) -> Reply:
        """One answer to a GET, or with `body` to a POST of it. `again` says whether it may be asked twice.

        Raises `Unreachable` with a sentence, `requests.RequestException` or `HTTPError`.
        """
        if origin(url) != self.origin:
            raise Unreachable("it named an address of another server, %(url)s, which we do not follow.", url=url)
        self._sign_in()
        if self.quiet_why is not None and time.monotonic() < self.quiet_until:
            self.quiet_why.wait_s = self.quiet_until - time.monotonic()
            raise self.quiet_why
        self._mount()
        try:
            return self._once(url, params, body)
        except _Busy as busy:
            wait_s = busy.wait_s if busy.wait_s is not None else 0.0
            if not again or wait_s > SOON_S:
                raise self._quiet(busy.why, wait_s) from None
        time.sleep(wait_s or BACKOFF_S[0] + (BACKOFF_S[1] - BACKOFF_S[0]) * secrets.randbelow(1000) / 1000)
        try:
            return self._once(url, params, body)
        except _Busy as busy:
            raise self._quiet(busy.why, busy.wait_s or 0.0) from None

    def _once(self, url: str, params: Any, body: bytes | None) -> Reply:
        accepted = "gzip" if self.may_pack else "identity"
        try:
            answer = self.session.request(
                "GET" if body is None else "POST",
                url,
                headers={"Accept": MEDIA_TYPE, "Accept-Encoding": accepted, "User-Agent": self.user_agent}
                | ({} if body is None else {"Content-Type": MEDIA_TYPE}),
                params=params,
                data=body,
                timeout=(transport.CONNECT_TIMEOUT_S, transport.READ_TIMEOUT_S),
                allow_redirects=False,
                stream=True,
            )
        except requests.ConnectionError as fault:
            if isinstance(fault, requests.exceptions.SSLError | requests.Timeout):
                raise
            raise _Busy(_unreachable(network(fault))) from fault
        with answer:
            self.skew_s = _skew_s(answer.headers.get("Date"))
            if answer.status_code != (requests.codes.ok if body is None else requests.codes.accepted):
                raise self._not_ok(answer)
            return self._read(answer)

    def _read(self, answer: requests.Response) -> Reply:
        try:
            raw = packed.read(answer.raw, answer.headers.get("Content-Encoding", ""), may_pack=self.may_pack)
        except packed.TooDense as fault:
            self.may_pack = False
            raise _unreachable(fault.phrase) from fault
        if "html" in answer.headers.get("Content-Type", "").lower() or raw[:64].lstrip().startswith(b"<"):
            raise Unreachable("it answers with a page for people. Is a sign-in page or a proxy in between?")
        return Reply(parse_json(raw), answer.headers, raw)

    def _not_ok(self, answer: requests.Response) -> Exception:
        code = answer.status_code
        if code in {401, 403}:
            why = Unreachable(
                "it refuses our account (HTTP %(code)d). Ask its operators for the password, and put it into the "
                "file that password_file names.",
                code,
                code=code,
            )
            return self._quiet(why, REFUSED_WAIT_S)
        if code in BUSY:
            wait_s = _retry_after_s(answer.headers.get("Retry-After"))
            if not wait_s:
                return _Busy(Unreachable("it is busy (HTTP %(code)d).", code, code=code), wait_s)
            asks = msgid("it is busy (HTTP %(code)d) and asks us to wait %(wait)d s.")
            return _Busy(Unreachable(asks, code, code=code, wait=round(wait_s)), wait_s)
        return Unreachable("it answers HTTP %(code)d.", code, code=code)

    def _quiet(self, why: Unreachable, wait_s: float) -> Unreachable:
        """Ask nothing for so long; whoever asks is told why."""
        why.wait_s = wait_s
        self.quiet_why, self.quiet_until = why, time.monotonic() + wait_s
        return why

    def _sign_in(self) -> None:
        """Take the password as it is now. A new one is tried at once, however long the old one was to keep quiet."""
        try:
            auth = HTTPBasicAuth(self.user.encode(), self.password().encode())
        except Missing as fault:
            raise _unreachable(fault.phrase) from fault
        if auth != self.session.auth:
            self.session.auth, self.quiet_until = auth, 0.0

    def _mount(self) -> None:
        """Take the files of the trust anew if one of them has changed: certificates rotate without a restart."""
        stamp = self.trust.stamp() if self.origin[0] == "https" else ()
        if stamp != self.mounted:
            old = self.session.adapters.get("https://")
            self.session.mount("https://", Adapter(self.trust if self.origin[0] == "https" else None))
            self.session.mount("http://", Adapter(None))
            self.mounted = stamp
            if old is not None:
                old.close()


def origin(url: str) -> tuple[str | None, str | None, int | None]:
    """Scheme, host and port of an address, as the library that will ask there reads it."""
    parts = parse_url(url)
    return parts.scheme, parts.host, parts.port or _PORTS.get(parts.scheme or "")


def network(fault: requests.RequestException | HTTPError) -> Phrase:
    """What a fault of the network means, as a sentence."""
    if isinstance(fault, requests.Timeout | ReadTimeoutError):
        return Phrase("it does not answer in time.")
    if isinstance(fault, requests.exceptions.SSLError):
        return Trust.reason(fault)
    if isinstance(fault, requests.ConnectionError):
        return Phrase("nothing answers there.")
    return Phrase("the network says %(fault)s.", {"fault": type(fault).__name__})


def _unreachable(why: Phrase) -> Unreachable:
    return Unreachable(why.sentence, **why.data)


def _skew_s(date: str | None) -> float | None:
    """How many seconds a `Date` header is ahead of our clock; None without one."""
    try:
        return parsedate_to_datetime(date).timestamp() - time.time() if date else None
    except (ValueError, OverflowError):
        return None


def _retry_after_s(said: str | None) -> float | None:
    """How long a server wants us to wait, at most `LONGEST_WAIT_S`; None if it does not say."""
    if said is None:
        return None
    wait_s = float(said[:9]) if said.isdecimal() else _skew_s(said) or 0.0
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)
