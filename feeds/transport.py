"""The sockets below the connection: a time limit for a whole answer, and TLS by our own context alone."""

import http.client
import io
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from feeds.trust import Trust

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 300  # for a whole answer with its headers, however steadily it drips


class _Clocked(io.RawIOBase):
    """What comes from a socket, until the time for one answer is over."""

    def __init__(self, sock: Any) -> None:
        self.sock, self.from_sock = sock, sock.makefile("rb", buffering=0)
        self.ends = time.monotonic() + ANSWER_TIMEOUT_S

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> Any:
        left_s = self.ends - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer does not end in time")
        self.sock.settimeout(min(READ_TIMEOUT_S, left_s))
        return self.from_sock.readinto(into)

    def close(self) -> None:
        self.from_sock.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer of which headers and body together have a time limit: `requests` limits each wait alone."""

    def __init__(self, sock: Any, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_Clocked(sock))


class _Plain(HTTPConnection):
    response_class = _Answer


class _Safe(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SafePool(HTTPSConnectionPool):
    ConnectionCls = _Safe


class Adapter(HTTPAdapter):
    """Speaks TLS by our own context, and by nothing that `requests` adds to it."""

    def __init__(self, trust: Trust | None) -> None:
        self.context = trust.context() if trust else None
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more, ssl_context=self.context)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SafePool}

    def cert_verify(self, *_: Any) -> None:
        """Nothing: it would add the certificates of all the world to those that we trust this peer by."""
