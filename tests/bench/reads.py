"""How fast objects come out: by TAXII, by search, and by the reads beneath."""

import random
import re
from collections.abc import Callable, Iterator
from functools import partial

from cert import sight
from cert.follow import now_us
from cert.intake import WORKBENCH
from cert.search.index import Index
from cert.search.query import FIELDS, parse
from cert.stix import format_timestamp
from cert.store import current, log, pages, signin
from cert.store.engine import Connection, reading
from cert.store.log import RECORD
from cert.store.pages import EVERY, Span, Wanted
from config import wiring
from config.commands.shared import viewer_named
from config.node import IMPORT
from tests.bench import mix
from tests.bench.clock import REQUEST, Turn, speed
from tests.bench.site import OBJECTS_PATH, Site

IMPORTED = WORKBENCH + IMPORT
PAGE, PAGE_BYTES = 1_000, 8_000_000
HITS = 25
REQUESTS, SEARCHES = 100, 20
KNOWN = 50_000  # the first objects, among which one is asked for
TIMES = 5
_NEXT = re.compile(rb'"next":"([^"]+)"')

Ask = Callable[[int], object]


def draining(site: Site) -> Iterator[Turn]:
    """Fetch the whole workbench page by page; beside it the same pages read and joined in process."""
    with reading(site.served) as c:
        held = log.head(c, IMPORTED)
    for _ in range(TIMES):
        over_http, in_process = speed(held, partial(_drain, site)), speed(held, partial(_join, site))
        yield Turn("TAXII drain", "objects", over_http, "read and join", in_process)


def polling(site: Site) -> Iterator[Turn]:
    """Ask for what has been added since now, which is nothing."""
    asked = now_us() + 60_000_000
    path = f"{OBJECTS_PATH}?match[version]=all&added_after={format_timestamp(asked, 6)}"

    def beneath(c: Connection, log_name: str) -> None:
        span = Span(pages.number_at(c, log_name, asked), PAGE, PAGE_BYTES)
        assert not pages.objects(c, log_name, Wanted(None, EVERY), span).numbers

    return _requests("TAXII poll, nothing new", lambda _: site.client.ask(path), lambda _: _signed_in(site, beneath))


def getting(site: Site) -> Iterator[Turn]:
    """Ask for one object by its id, another each time."""
    chance = random.Random(1)  # noqa: S311 it chooses what to ask for, and the same each time
    ids = [obj["id"] for obj in chance.sample(mix.objects(min(site.held, KNOWN)), REQUESTS)]

    def beneath(c: Connection, log_name: str, n: int) -> None:
        assert pages.objects(c, log_name, Wanted((ids[n],)), Span(0, PAGE, PAGE_BYTES)).numbers

    return _requests(
        "TAXII get by id",
        lambda n: site.client.ask(f"{OBJECTS_PATH}{ids[n]}/"),
        lambda n: _signed_in(site, partial(beneath, n=n)),
    )


def searching(site: Site) -> Iterator[Turn]:
    """Ask for a word, newest first, with every facet: the portal's page, and the index and the reads beneath it."""
    index = wiring.index_of(site.settings())()
    asked = [f"{mix.WORDS[n % len(mix.WORDS)]} type:{'incident' if n % 2 else 'indicator'}" for n in range(SEARCHES)]

    def page(n: int) -> None:
        answer = site.portal.get("/search", q=asked[n])
        assert answer.status_code == 200, answer.text
        assert "notice-problem" not in answer.text, "the index was too slow, so this was no search of it"

    return _requests(
        "search page", page, lambda n: _search(site, index, asked[n]), "ask the index, read the hits", SEARCHES
    )


def _requests(
    what: str, ask: Ask, beneath: Ask, beside: str = "the same reads", count: int = REQUESTS
) -> Iterator[Turn]:
    for _ in range(TIMES):
        over_http, in_process = (speed(count, partial(_each, count, one)) for one in (ask, beneath))
        yield Turn(what, REQUEST, over_http, beside, in_process)


def _each(count: int, ask: Ask) -> None:
    for n in range(count):
        ask(n)


def _drain(site: Site) -> None:
    query = f"?match[version]=all&limit={PAGE}"
    found = _NEXT.search(site.client.ask(OBJECTS_PATH + query)[:200])
    while found:
        found = _NEXT.search(site.client.ask(f"{OBJECTS_PATH}{query}&next={found[1].decode()}")[:200])


def _join(site: Site) -> None:
    after, more = 0, True
    while more:
        with reading(site.served) as c:
            page = pages.objects(c, IMPORTED, Wanted(None, EVERY), Span(after, PAGE, PAGE_BYTES))
        after, more = page.position, page.more
        assert b'{"objects":[' + b",".join(page.bodies) + b"]}"


def _signed_in(site: Site, read: Callable[[Connection, str], None]) -> None:
    """Read as the server does: with the account looked up first, and the collection it asks for."""
    machine = site.both.described["mx"]["machine"]
    with reading(site.served) as c:
        account = signin.account(c, machine["user"], machine["password"])
        assert account
    with reading(site.served) as c:
        read(c, signin.collections_of(c, account.n, IMPORT)[0].log)


def _search(site: Site, index: Index, text: str) -> None:
    with reading(site.served) as c:
        viewer = viewer_named(c, "ana")
        page = index.search(parse(text), viewer.labels, HITS, None, FIELDS)
        entries = current.by_line(c, RECORD, [hit.line for hit in page.hits])
        assert sight.visible(c, viewer, list(entries.values()))
