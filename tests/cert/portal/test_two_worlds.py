"""The proof that nothing hidden shows: two nodes, one of which holds more, answer its reader byte for byte alike.

Whatever the reader may not see differs between them in number, in order and in kind: objects, versions, statements on
the same address, references to what he does see, markings, releases. Every page he can reach by a link is compared,
headers included, and every resource of a collection that a machine reads.
"""

import base64
import difflib
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cert.extension import CORE
from config import wiring
from config.cast import MX, US
from feeds.taxii.app import taxii_app
from tests import cast
from tests.cast import (
    HOUR,
    MINUTE,
    OTAY,
    SECOND,
    SECRET,
    START,
    Browser,
    Node,
    address,
    concerns,
    incident,
    indicator,
    made_id,
    marked,
    relationship,
)

AGENCY = MX.agencies[0]
PAGES = 70  # that are followed from link to link
UNKNOWN = made_id("marking-definition", 77)
MASKS = re.compile(
    r'name="draft" value="[0-9a-f]+"|name="csrf_token" value="[^"]+"|bundle--[0-9a-f-]{36}|<code>[0-9a-f]{12}</code>'
)
LINK = re.compile(r'href="(/[^"#]*)')
HIDDEN = {
    "raul": (MX.name, marked("amber")),
    "luis": (MX.name, marked("red")),
    "ana": (AGENCY, [UNKNOWN]),
}
"""Reader: who states what he may not see, and under which markings."""


@pytest.fixture
def worlds(pristine: Path, tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    """Two copies of one node."""
    with cast.opened(pristine, tmp_path / "one") as one, cast.opened(pristine, tmp_path / "other") as other:
        yield one, other


def visible(mx: Node, n: int) -> None:
    """What both worlds hold, part `n` of it: incidents with all that hangs on them. It is filed at the same time."""
    mx.clock.now = START + n * SECOND
    green: dict[str, Any] = {"object_marking_refs": marked("green")}
    event, data = made_id("incident", n), made_id("observed-data", n)
    seen = {"first_observed": "2026-05-04T09:00:00Z", "last_observed": "2026-05-04T09:00:00Z", "number_observed": 1}
    value = address(f"203.0.113.{n % 4}", **green)
    extensions = concerns(OTAY["mx" if n % 2 else "us"])
    core = {"determination": "suspected", "criticality": 70, "investigation_status": "open"}
    extensions[CORE] = {"extension_type": "property-extension", **core}
    described = {"description": f"Lector sin servicio {n}", "labels": ['rsit:availability="sabotage"'], "lang": "es"}
    mx.say(
        value,
        incident(n, START + n // 3 * MINUTE, **described, extensions=extensions, created_by_ref=MX.identity, **green),
        incident(n, type="observed-data", id=data, name=None, object_refs=[value["id"]], **seen, **green),
        relationship(n, "related-to", data, event, **green),
        relationship(n + 500, "impacts", event, OTAY["mx"], **green),
        incident(n, type="note", id=made_id("note", n), name=None, content="Nota", object_refs=[event], **green),
    )


def hidden(mx: Node, n: int, org: str, marking: list[str]) -> None:
    """What only one of them holds: it touches everything that is visible."""
    marks: dict[str, Any] = {"object_marking_refs": marking}
    event, secret, other = made_id("incident", n), made_id("incident", 1_000 + n), made_id("relationship", 2_000 + n)
    value = address(f"203.0.113.{n % 4}", **marks)
    green = {"object_marking_refs": marked("green")}
    mx.say(
        incident(1_000 + n, START + n * MINUTE, name="Secreto", extensions=concerns(OTAY["mx"]), **marks),
        value,
        indicator(1_000 + n, pattern=f"[ipv4-addr:value = '{value['value']}']", **marks),
        relationship(1_000 + n, "related-to", secret, event, **marks),
        relationship(3_000 + n, "duplicate-of", OTAY["mx"], made_id("infrastructure", n), **marks),
        incident(
            n, type="note", id=made_id("note", 1_000 + n), name=None, content="Secreta", object_refs=[event], **marks
        ),
        incident(n, START + n // 3 * MINUTE, type="incident", id=made_id("incident", 4_000 + n), **green),
        incident(n, START + HOUR, id=made_id("incident", 4_000 + n), **marks),  # once it could be seen
        org=org,
    )
    assert other


def filled(mx: Node, login: str, extra: bool) -> None:
    org, marking = HIDDEN[login]
    for owner, obj in cast.systems():
        mx.say(obj, org=owner)
    for n in range(27):
        if extra:
            hidden(mx, n, org, marking)
        visible(mx, n)
    if extra:
        mx.receive(incident(900, name="Secreto", object_marking_refs=marking, created_by_ref=US.identity))
    mx.settle()


def told(answer: TestResponse) -> list[str]:
    """An answer line by line, without its tokens; bundles have a new id each time."""
    kept = [f"{name}: {value}" for name, value in answer.headers if name not in {"Set-Cookie", "Content-Length"}]
    return [str(answer.status_code), *kept, *MASKS.sub("", answer.text).splitlines()]


def differing(one: list[str], other: list[str]) -> str:
    """The lines that differ: what a reader could tell the two worlds apart by."""
    return "\n".join(difflib.unified_diff(one, other, lineterm="", n=0))


def crawl(one: Browser, other: Browser) -> list[str]:
    """Compare every page that can be reached; gives their addresses."""
    seen: list[str] = []
    waiting = ["/", "/search", "/search?q=lector", "/search?q=203.0.113.1", "/search?q=secreto", "/systems"]
    waiting += [f"/incidents/{made_id('incident', n)}" for n in (1, 1_001, 4_001)]
    while waiting and len(seen) < PAGES:
        page = waiting.pop(0)
        seen.append(page)
        first, second = told(one.get(page)), told(other.get(page))
        assert differing(first, second) == "", page
        links = [unescape(link) for link in LINK.findall("\n".join(first))]
        known = {*seen, *waiting}
        waiting += [link for link in dict.fromkeys(links) if link not in known and not link.startswith("/static")]
        waiting.sort(key=lambda link: "lang=" in link or "theme=" in link)
    return seen


@pytest.mark.parametrize("login", HIDDEN)
def test_it_shows_a_reader_the_same_pages_whatever_is_hidden_from_him(worlds: tuple[Node, Node], login: str) -> None:
    one, other = worlds
    filled(one, login, extra=False)
    filled(other, login, extra=True)

    seen = crawl(one.browser(one.portal(), login), other.browser(other.portal(), login))

    assert len(seen) == PAGES
    assert any("after=" in page for page in seen)
    assert len(other.everything()) > len(one.everything()) + 150


@pytest.mark.parametrize("login", HIDDEN)
def test_it_shows_the_same_while_hidden_things_are_not_indexed_yet(worlds: tuple[Node, Node], login: str) -> None:
    """How far the index is behind counts only what the reader will find there."""
    _, other = worlds
    for world in worlds:
        visible(world, 1)
        world.settle()
        visible(world, 2)
    for n in range(3):
        hidden(other, n, *HIDDEN[login])

    pages = ("/", "/search", "/search?q=lector", f"/incidents/{made_id('incident', 1)}")
    readers = [world.browser(world.portal(), login) for world in worlds]
    for page in pages:
        assert differing(*(told(reader.get(page)) for reader in readers)) == "", page


def test_it_gives_a_bound_the_same_way_whatever_is_hidden(worlds: tuple[Node, Node]) -> None:
    """The state of the exchange in the frame says nothing of how much a nation files at home (L19)."""
    one, other = worlds
    visible(one, 1)
    visible(other, 1)
    for n in range(80):
        hidden(other, n, MX.name, marked("red"))
    for world in worlds:
        world.settle()

    assert differing(*(told(world.browser(world.portal(), "luis").get("/systems")) for world in worlds)) == ""


# --- machines ----------------------------------------------------------------------------------------------------
def asked(mx: Node, account: str, path: str) -> tuple[int, list[tuple[str, str]], str]:
    app = taxii_app(mx.db, title="CERT", secret_key=b"k" * 32, clock=mx.clock, page_limit=3)
    credentials = base64.b64encode(f"{account}:{SECRET}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Accept": "application/taxii+json;version=2.1"}
    answer = app.test_client().get(path, headers=headers)
    return answer.status_code, list(answer.headers), re.sub(r'"error_id":"[^"]+"', "", answer.text)


@pytest.mark.parametrize(("account", "alias"), [("us", "to-us"), ("us", "from-us"), ("sensor", "import")])
def test_it_serves_a_machine_the_same_whatever_else_is_held(
    worlds: tuple[Node, Node], account: str, alias: str
) -> None:
    """L14, L19: file a thousand private incidents, hold some back, and the peer's bytes are equal."""
    for world, extra in zip(worlds, (False, True), strict=True):
        for n in range(5):
            if extra:
                hidden(world, n, MX.name, marked("red"))
            visible(world, n)
        world.deposit(*(indicator(n) for n in range(5)))
        world.follow(wiring.intake_follower("bench:import"))
        for n in range(2):
            world.release(world.newest(made_id("incident", n))[0])
        world.cross()

    one, other = worlds
    assert len(other.everything()) > len(one.everything()) + 30
    base = f"/puente/collections/{alias}"
    paths = [f"{base}/", "/puente/collections/", f"{base}/objects/?match[version]=all", f"{base}/manifest/"]
    paths += [f"{base}/objects/{made_id('incident', n)}/" for n in (1, 1_001, 8_888)]
    paths += [f"{base}/objects/{made_id('incident', n)}/versions/" for n in (1, 1_001, 8_888)]
    for path in paths:
        while path:
            first = asked(one, account, path)
            assert first == asked(other, account, path), path
            token = re.search(r'"next":"([^"]+)"', first[2])
            path = f"{base}/objects/?match[version]=all&next={token[1]}" if token and "objects/?" in path else ""
