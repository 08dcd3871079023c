"""What the writer processes of the contract suite do. It imports little: a process starts for each."""

import random
import sys

from cert.errors import Refused
from cert.stix import sha256
from cert.store import log
from cert.store.engine import open_db, writing
from cert.store.log import Statement


def made(n: int) -> Statement:
    """A statement that nobody else makes."""
    stix_id = f"indicator--00000000-0000-4000-8000-{n:012}"
    body = f'{{"id":"{stix_id}","type":"indicator"}}'.encode()
    return Statement(1, stix_id, 0, sha256(body), body)


def write_many(url: str, writer: int, batches: int) -> None:
    """Append many small batches, a few of which are taken back in the middle and appended anew."""
    db = open_db(url)
    dice = random.Random(writer)  # noqa: S311 the batches must differ, not be secret
    for batch in range(batches):
        first = writer * 1_000_000 + batch * 100
        statements = [made(first + n) for n in range(dice.randint(1, 9))]
        for taken_back in (dice.random() < 0.2, False):
            try:
                with writing(db) as c:
                    log.append(c, "record", statements, 0)
                    if taken_back:
                        raise Refused("taken-back", "This batch is taken back.")
            except Refused:
                continue
            break
    db.dispose()


def write_and_hang(url: str) -> None:
    """Append within a transaction, say so, and never commit."""
    with writing(open_db(url)) as c:
        log.append(c, "record", [made(7)], 0)
        sys.stdout.write("appended\n")
        sys.stdout.flush()
        sys.stdin.readline()
