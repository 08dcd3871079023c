"""What Puente adds to TAXII on the border logs, so that a peer can check that nothing is missing or changed.

Other software ignores it: one property more in the envelope, two headers, and a filter by number.
"""

import bisect
from collections.abc import Sequence

import orjson

from cert.store.engine import Connection
from cert.store.pages import ObjectsPage
from feeds import ledger, seal
from feeds.seal import Seal

LOGS = ("to:", "from:")
HEAD, LAST = "X-Puente-Head", "X-Puente-Last"


def is_border(log: str) -> bool:
    """Whether a log crosses the border, or mirrors one that does."""
    return log.startswith(LOGS)


def closed(c: Connection, log: str, page: ObjectsPage) -> ObjectsPage:
    """A page without what no checkpoint has closed yet, which nobody outside may see."""
    if not page.numbers:
        return page
    head = ledger.last_seal(c, log, seal.NOTHING).number
    kept = bisect.bisect_right(page.numbers, head)
    if kept == len(page.numbers):
        return page
    position = page.numbers[kept - 1] if kept else page.position
    return ObjectsPage(page.numbers[:kept], page.added[:kept], page.bodies[:kept], False, position)


def marks(c: Connection, log: str, numbers: Sequence[int]) -> bytes:
    """`x_puente_entries`: for each object of a page, in order, its number in the log and its salt."""
    salts = ledger.salts(c, log, numbers)
    return orjson.dumps([[n, seal.salt_text(salts[n])] if n in salts else [n] for n in numbers])


def headers(c: Connection, log: str, numbers: Sequence[int]) -> dict[str, str]:
    """The number and link of the last sealed entry of a log, and of the last one in the page."""
    said = {HEAD: _said(ledger.last_seal(c, log, seal.NOTHING))}
    found = ledger.seal_of(c, log, numbers[-1]) if numbers else None
    return said | ({LAST: _said(found)} if found else {})


def _said(at: Seal) -> str:
    return f"{at.number} {at.link.hex()}"
