"""Reads the body of an answer: plain or in one layer of gzip, and never more than an answer may hold (N6, TX-212)."""

import zlib
from collections.abc import Iterator
from typing import Any

from cert.errors import PeerUnreachable

BIGGEST_ANSWER = 64 << 20
CHUNK = 1 << 16
DENSEST = 20  # unpacked bytes for one that came
_SMALL = 1 << 20  # what is small may be as dense as it likes


class TooDense(PeerUnreachable):
    """The answer unpacks to so much that it may be meant to harm; an honest one can be asked for unpacked."""


def read(raw: Any, encoding: str, *, may_pack: bool) -> bytes:
    """The whole body of an answer, unpacked. `raw` gives a little at a time, so that we can tell when to stop."""
    match encoding.strip().lower():
        case "" | "identity":
            pieces = _plain(raw)
        case "gzip" | "x-gzip" if may_pack:
            pieces = _unpacked(raw)
        case other:
            raise PeerUnreachable("its answer is compressed as %(how)s, which nobody asked for.", how=repr(other[:40]))
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > BIGGEST_ANSWER:
            raise PeerUnreachable("its answer is larger than %(most)d MiB.", most=BIGGEST_ANSWER >> 20)
    return bytes(body)


def _plain(raw: Any) -> Iterator[bytes]:
    while chunk := raw.read1(CHUNK, decode_content=False):
        yield chunk


def _unpacked(raw: Any) -> Iterator[bytes]:
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
    came = gave = 0
    try:
        for chunk in _plain(raw):
            came += len(chunk)
            rest = chunk
            while rest and not unpack.eof:
                piece = unpack.decompress(rest, CHUNK)
                rest, gave = unpack.unconsumed_tail, gave + len(piece)
                if gave > _SMALL and gave > DENSEST * came:
                    raise TooDense(
                        "its answer is packed more than %(densest)d to 1. From now on we ask for plain ones.",
                        densest=DENSEST,
                    )
                yield piece
            if rest or unpack.unused_data:
                raise PeerUnreachable("its answer goes on after its packed end.")
        while piece := unpack.decompress(unpack.unconsumed_tail, CHUNK):
            yield piece
    except zlib.error as fault:
        raise PeerUnreachable("its answer cannot be unpacked.") from fault
    if not unpack.eof:
        raise PeerUnreachable("its packed answer is cut.")
