"""A cable between two servers on this machine that can be cut, and be as slow, long and lossy as a real one.

with cable.to("127.0.0.1", 8090, Quality(bytes_s=250_000, delay_s=0.1, loss=0.01)) as link:
    …                                # a client is told http://127.0.0.1:{link.port}
    link.cut()                       # every connection breaks, new ones are refused
    link.mend()
"""

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

SEGMENT = 1460  # bytes, as in a packet
AGAIN_S = 0.25  # until what was lost is sent again


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the cable is each way: bytes a second (0: no limit), seconds on the way, and the part that is lost."""

    bytes_s: int = 0
    delay_s: float = 0.0
    loss: float = 0.0


@dataclass
class Cable:
    """A running cable; `carried` counts the bytes in both directions, `opened` the connections."""

    target: tuple[str, int]
    quality: Quality
    server: socket.socket
    carried: int = 0
    opened: int = 0
    is_cut: bool = False
    ends: list[socket.socket] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 the same losses each time

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self.server.getsockname()[1])

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        with self.guard:
            self.is_cut = True
            for end in self.ends:
                _close(end)
            self.ends.clear()

    def mend(self) -> None:
        """Let connections through again."""
        self.is_cut = False

    def accept(self) -> None:
        """Carry every connection, until the cable is taken away."""
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target, 5)
            except OSError:
                near.close()
                continue
            with self.guard:
                if self.is_cut:
                    _close(near)
                    _close(far)
                    continue
                self.opened += 1
                self.ends += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        """Bytes come out as late as they would at the other end of a real cable, and in order."""
        waiting: list[tuple[float, bytes]] = []
        more, over = threading.Condition(), threading.Event()
        out = threading.Thread(target=self._deliver, args=(sink, waiting, more, over), daemon=True)
        out.start()
        free_at = 0.0
        with suppress(OSError):
            while chunk := source.recv(SEGMENT * 8):
                free_at = max(time.monotonic(), free_at)
                if self.quality.bytes_s:
                    free_at += len(chunk) / self.quality.bytes_s
                lost = sum(self.chance.random() < self.quality.loss for _ in range(0, len(chunk), SEGMENT))
                free_at += lost * AGAIN_S
                with more:
                    waiting.append((free_at + self.quality.delay_s, chunk))
                    more.notify()
        over.set()
        with more:
            more.notify()

    def _deliver(
        self, sink: socket.socket, waiting: list[tuple[float, bytes]], more: threading.Condition, over: threading.Event
    ) -> None:
        with suppress(OSError):
            while True:
                with more:
                    while not waiting and not over.is_set():
                        more.wait()
                    if not waiting:
                        break
                    due, chunk = waiting.pop(0)
                time.sleep(max(0.0, due - time.monotonic()))
                sink.sendall(chunk)
                self.carried += len(chunk)
            sink.shutdown(socket.SHUT_WR)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def to(host: str, port: int, quality: Quality = Quality()) -> Iterator[Cable]:
    """A cable to a server, until the end of the block."""
    server = socket.create_server(("127.0.0.1", 0))
    cable = Cable((host, port), quality, server)
    thread = threading.Thread(target=cable.accept)
    thread.start()
    try:
        yield cable
    finally:
        cable.cut()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
