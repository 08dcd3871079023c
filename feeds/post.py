"""Posts what was released to a peer whose server cannot fetch it: a collection of any TAXII 2.1 server.

It follows the peer's log as he would himself. What his server does not take is set aside with its reason, in plain
sight; a POST that was cut is simply sent again, as a repetition counts as a success there.
"""

from collections.abc import Callable, Iterator, Sequence

from cert.errors import Phrase
from cert.follow import Follower
from cert.stix import Micros
from cert.store import aside, log
from cert.store.engine import Engine, writing
from cert.store.log import Entry
from feeds import wire
from feeds.line import Line, TooLarge
from feeds.store import Peer

BATCH = 100
MOST_TEXT = 500  # of what the server says of an object
AROUND = 20  # bytes of an envelope beside its objects


def follower(db: Engine, peer: Peer, line: Line, clock: Callable[[], Micros]) -> Follower:
    """What follows the log of what was released to a peer, and posts it to his server."""
    name = f"post:{peer.name}"

    def post(batch: Sequence[Entry]) -> None:
        objects = [entry for entry in batch if entry.kind == log.OBJECT and not wire.kind(entry.obj())]
        if objects:
            refused = [pair for part in _parts(objects, line.longest()) for pair in _deposit(line, part)]
            _set_aside(db, name, peer.outbound, refused, clock())

    return Follower(name, peer.outbound, outside=post, batch=BATCH)


def _parts(entries: Sequence[Entry], longest: int) -> Iterator[list[Entry]]:
    """These entries in envelopes that are no longer than the server takes, unless one object alone is."""
    part, size = list[Entry](), AROUND
    for entry in entries:
        if part and size + len(entry.body) + 1 > longest:
            yield part
            part, size = [], AROUND
        part.append(entry)
        size += len(entry.body) + 1
    yield part


def _deposit(line: Line, part: Sequence[Entry]) -> list[tuple[Entry, Phrase]]:
    """Post a part, halved as often as the server finds it too large. Gives what it did not take, with the reason."""
    try:
        failures = line.deposit([entry.body for entry in part])
    except TooLarge:
        if len(part) == 1:
            return [(part[0], Phrase("The peer's server takes no object of this length."))]
        middle = len(part) // 2
        return [*_deposit(line, part[:middle]), *_deposit(line, part[middle:])]
    return [(entry, Phrase(failures[entry.id][:MOST_TEXT])) for entry in part if entry.id in failures]


def _set_aside(db: Engine, name: str, log_name: str, refused: Sequence[tuple[Entry, Phrase]], now: Micros) -> None:
    if not refused:
        return
    with writing(db) as c:
        for entry, why in refused:
            aside.put_aside(c, aside.Aside(name, log_name, entry.number, entry.id, "post-refused", why, now))
