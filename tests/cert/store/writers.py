"""What the writer processes of the contract suite do. It imports little: a process starts for each."""

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from cert.errors import Refused
from cert.stix import sha256
from cert.store import log
from cert.store.engine import Engine, OperationalError, open_db, writing
from cert.store.log import Statement

PATIENCE_S = 60
WRITTEN = ("record", "bench:x", "to:us")
"""The logs that they write to."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a writer appends at once; some batches are taken back in the middle and appended anew."""

    log: str
    bulk: bool
    taken_back: bool
    statements: list[Statement]


def made(n: int) -> Statement:
    """A statement that nobody else makes."""
    stix_id = f"indicator--00000000-0000-4000-8000-{n:012}"
    body = f'{{"id":"{stix_id}","type":"indicator"}}'.encode()
    return Statement(1, stix_id, 0, sha256(body), body)


def planned(writer: int, batches: int) -> Iterator[Batch]:
    """What a writer appends, small and in bulk, to several logs: the same for the same number."""
    dice = random.Random(writer)  # noqa: S311 the batches must differ, not be secret
    for batch in range(batches):
        bulk = dice.random() < 0.3
        first = writer * 1_000_000 + batch * 1_000
        statements = [made(first + n) for n in range(dice.randint(1, 200 if bulk else 9))]
        yield Batch(dice.choice(WRITTEN), bulk, dice.random() < 0.2, statements)


def write_many(url: str, writer: int, batches: int) -> None:
    """Append what is planned. What the database could not take is appended again, as an operator would."""
    db = open_db(url)
    for batch in planned(writer, batches):
        deadline = time.monotonic() + PATIENCE_S
        while not _appended(db, batch):
            assert time.monotonic() < deadline
    db.dispose()


def _appended(db: Engine, batch: Batch) -> bool:
    try:
        if batch.taken_back:
            _append(db, batch, taken_back=True)
        _append(db, batch, taken_back=False)
    except OperationalError:
        return False
    return True


def _append(db: Engine, batch: Batch, *, taken_back: bool) -> None:
    try:
        with writing(db, bulk=batch.bulk) as c:
            log.append(c, batch.log, batch.statements, 0)
            if taken_back:
                raise Refused("taken-back", "This batch is taken back.")
    except Refused:
        pass


def write_and_hang(url: str) -> None:
    """Append within a transaction, say so, and never commit."""
    with writing(open_db(url)) as c:
        log.append(c, "record", [made(7)], 0)
        sys.stdout.write("appended\n")
        sys.stdout.flush()
        sys.stdin.readline()
