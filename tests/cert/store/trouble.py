"""Trouble on the way to PostgreSQL: connections that end, and answers that are lost."""

import contextlib
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit

from cert.store.engine import Engine
from tests.servers.postgres import Door

CHUNK = 1 << 16


def end_connections(server: Door, db: Engine) -> None:
    """End every connection to a database, whatever it does, as a server that shuts down would."""
    there = f"datname = '{db.url.database}'"
    server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {there}")  # noqa: S608 our own name


class Relay:
    """A way to the server that loses an answer when it is told to: what was asked is done, and nobody is told.

    `url` leads through it; `lost` counts what it lost.
    """

    def __init__(self, url: str) -> None:
        there = urlsplit(url)
        self._there = (str(there.hostname), int(there.port or 0))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{there.port}/", f":{self._door.getsockname()[1]}/")
        self.lost = 0
        self._losing = b""
        self._threads = [threading.Thread(target=self._let_in)]

    def __enter__(self) -> "Relay":
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: object, trace: TracebackType | None) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in self._threads:
            thread.join(30)

    def lose_answer_to(self, words: bytes) -> None:
        """Let the next request that holds these words through, and end the connection in place of its answer."""
        self._losing = words

    def _let_in(self) -> None:
        with contextlib.suppress(OSError):  # the door is closed
            while True:
                client, _ = self._door.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._there) as server:
            silent = threading.Event()
            back = threading.Thread(target=self._pass_on, args=(server, client, silent))
            back.start()
            with contextlib.suppress(OSError):
                while asked := client.recv(CHUNK):
                    if self._losing and self._losing in asked:
                        self._losing = b""
                        silent.set()
                    server.sendall(asked)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join(30)

    def _pass_on(self, server: socket.socket, client: socket.socket, silent: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while answer := server.recv(CHUNK):
                if silent.is_set():
                    self.lost += 1
                    break
                client.sendall(answer)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
