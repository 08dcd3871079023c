"""Page by page: everything once, in order, for nobody else."""

from typing import Any

import orjson
import pytest
import requests

from cert import door
from cert.store import log
from cert.store.engine import Connection, reading, writing
from feeds import ledger, seal
from tests.feeds.taxii.conftest import Start
from tests.feeds.taxii.house import KEY
from tests.feeds.taxii.node import BENCH, MANIFEST, OBJECTS, START, TO_US, Node, assert_error, ids, indicator

SALT = bytes(seal.SALT_BYTES)
FIRST, LAST = "X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last"


def walk(node: Node, path: str, query: str) -> list[requests.Response]:
    """Every page, by `next`."""
    pages = [node.ask(f"{path}?{query}")]
    while pages[-1].json().get("more"):
        pages.append(node.ask(f"{path}?{query}&next={pages[-1].json()['next']}"))
    return pages


def walk_by_dates(node: Node, path: str, query: str) -> list[requests.Response]:
    """Every page, by the date of the last object."""
    pages = [node.ask(f"{path}?{query}")]
    while pages[-1].json().get("more"):
        pages.append(node.ask(f"{path}?{query}&added_after={pages[-1].headers[LAST]}"))
    return pages


@pytest.mark.row("TX-53", "TX-68", "TX-69", "TX-70", "TX-73", "TX-G3")
@pytest.mark.parametrize("way", [walk, walk_by_dates])
@pytest.mark.parametrize("path", [OBJECTS, MANIFEST])
@pytest.mark.parametrize(("limit", "sizes"), [(3, [3, 3, 1]), (6, [6, 1]), (7, [7]), (8, [7]), (999_999, [7])])
def test_it_gives_everything_once_in_order(node: Node, way: Any, path: str, limit: int, sizes: list[int]) -> None:
    node.post(*map(indicator, range(7)))

    pages = way(node, path, f"limit={limit}")

    assert [len(ids(page)) for page in pages] == sizes
    assert [found for page in pages for found in ids(page)] == [indicator(n)["id"] for n in range(7)]


@pytest.mark.row("TX-72", "TX-73", "TX-G1")
def test_it_pages_through_one_big_post(start: Start) -> None:
    node = start(page_limit=400)
    node.post(*map(indicator, range(5_000)))

    pages = walk_by_dates(node, OBJECTS, "limit=999")
    assert [len(ids(page)) for page in pages] == [400] * 12 + [200]
    assert [found for page in pages for found in ids(page)] == [indicator(n)["id"] for n in range(5_000)]


@pytest.mark.row("TX-74", "TX-79")
def test_it_dates_a_page_by_its_first_and_last_record(node: Node) -> None:
    node.post(*map(indicator, range(5)))
    dates = [record["date_added"] for record in node.ask(MANIFEST).json()["objects"]]

    for path in (OBJECTS, MANIFEST):
        pages = walk(node, path, "limit=2")
        assert [(page.headers[FIRST], page.headers[LAST]) for page in pages] == [
            (dates[0], dates[1]),
            (dates[2], dates[3]),
            (dates[4], dates[4]),
        ]
    assert sorted(set(dates)) == dates
    assert all(len(date) == 27 for date in dates)


@pytest.mark.row("TX-75", "TX-78", "TX-82", "TX-84", "TX-G4")
@pytest.mark.parametrize("path", [OBJECTS, MANIFEST])
def test_it_says_nothing_on_an_empty_page(node: Node, path: str) -> None:
    answer = node.ask(path)

    assert answer.status_code == 200
    assert answer.content == b"{}"
    assert FIRST not in answer.headers
    assert LAST not in answer.headers


@pytest.mark.row("TX-76", "TX-72")
def test_it_gives_the_same_page_again_even_after_a_restart(start: Start) -> None:
    node = start()
    node.post(*map(indicator, range(5)))
    token = node.ask(f"{OBJECTS}?limit=2").json()["next"]
    once = node.ask(f"{OBJECTS}?limit=2&next={token}")

    again = start().ask(f"{OBJECTS}?limit=2&next={token}")

    assert once.content == again.content
    assert_error(start(secret_key=KEY.upper()).ask(f"{OBJECTS}?limit=2&next={token}"), 400)


@pytest.mark.row("TX-25", "TX-71")
def test_it_takes_a_token_only_for_the_question_it_answers(node: Node) -> None:
    node.post(*map(indicator, range(5)))
    token = node.ask(f"{OBJECTS}?limit=2").json()["next"]
    flipped = ("B" if token[9] == "A" else "A").join((token[:9], token[10:]))

    assert node.ask(f"{OBJECTS}?limit=3&next={token}").status_code == 200
    assert_error(node.ask(f"{OBJECTS}?limit=2&next={token}", "reader"), 400)
    assert_error(node.ask(f"{MANIFEST}?limit=2&next={token}"), 400)
    assert_error(node.ask(f"{OBJECTS}?limit=2&match[version]=all&next={token}"), 400)
    assert_error(node.ask(f"{OBJECTS}?limit=2&next={flipped}"), 400)
    assert_error(node.ask(f"{OBJECTS}?limit=2&next={token[:16]}"), 400)


@pytest.mark.row("TX-72")
def test_it_takes_a_token_without_the_date_it_began_with(node: Node) -> None:
    """As OpenCTI's connector sends it; with a later date it gives nothing that is older."""
    node.post(*map(indicator, range(6)))
    dates = [record["date_added"] for record in node.ask(MANIFEST).json()["objects"]]
    token = node.ask(f"{OBJECTS}?limit=2&added_after={dates[0]}").json()["next"]

    for date, first in ((None, 3), (dates[0], 3), (dates[1], 3), (dates[4], 5)):
        asked = f"&added_after={date}" if date else ""
        found = node.ask(f"{OBJECTS}?next={token}{asked}")
        assert ids(found) == [indicator(n)["id"] for n in range(first, 6)]
    assert_error(node.ask(f"{OBJECTS}?match[type]=indicator&next={token}"), 400)


@pytest.mark.row("TX-77")
def test_it_goes_on_to_what_came_meanwhile(node: Node) -> None:
    node.post(indicator(1), indicator(2), indicator(3))
    token = node.ask(f"{OBJECTS}?limit=2").json()["next"]
    node.post(indicator(4), indicator(3, START + 1_000))

    rest = node.ask(f"{OBJECTS}?limit=2&next={token}").json()

    assert [obj["id"] for obj in rest["objects"]] == [indicator(4)["id"], indicator(3)["id"]]
    assert "more" not in rest


@pytest.mark.row("TX-122")
def test_it_ends_a_page_before_it_has_too_many_bytes(start: Start) -> None:
    node = start(page_bytes=10_000)
    node.post(indicator(0, description="x" * 30_000), *map(indicator, range(1, 60)))

    pages = walk(node, OBJECTS, "limit=1000")

    assert len(ids(pages[0])) == 1
    assert all(len(page.content) < 11_000 for page in pages[1:])
    assert sum(len(ids(page)) for page in pages) == 60


def release(node: Node, *objects: dict[str, Any]) -> None:
    with writing(node.db) as c:
        checked = [door.check(obj, START) for obj in objects]
        log.append(c, "to:us", [log.statement(one, 1) for one in checked], START)
        seal_all(c, "to:us")


def seal_all(c: Connection, name: str) -> None:
    """Seal what an append has added, as the border process does."""
    last = ledger.last_seal(c, name, seal.NOTHING)
    entries = log.after(c, name, last.number, 1_000)
    ledger.add_seals(c, name, seal.chained(last, [(SALT, entry.body) for entry in entries]))


def test_it_goes_on_from_a_number_on_a_border_log_only(node: Node) -> None:
    release(node, indicator(1), indicator(2), indicator(3))

    found = node.ask(f"/puente/collections/{TO_US}/objects/?x_puente_after=2", "us").json()

    assert [mark[0] for mark in found["x_puente_entries"]] == [3]
    assert node.ask(f"/puente/collections/{TO_US}/objects/?x_puente_after=-1", "us").status_code == 400


def test_it_keeps_back_what_no_checkpoint_has_closed(node: Node) -> None:
    release(node, indicator(1))
    with writing(node.db) as c:
        log.append(c, "to:us", [log.statement(door.check(indicator(2), START), 1)], START)

    found = node.ask(f"/puente/collections/{TO_US}/objects/", "us")

    assert [obj["id"] for obj in found.json()["objects"]] == [indicator(1)["id"]]
    assert found.headers["X-Puente-Head"].startswith("1 ")


@pytest.mark.row("TX-82")
def test_it_numbers_the_entries_of_a_border_log(node: Node) -> None:
    release(node, indicator(1), indicator(2))
    with writing(node.db) as c:
        log.append_acts(c, "to:us", "note-to-self", [{"secret": "act"}], START)
        seal_all(c, "to:us")
    release(node, indicator(1, START + 1_000), indicator(3))
    path = f"/puente/collections/{TO_US}/objects/"

    whole = node.ask(f"{path}?match[version]=all", "us")
    newest = node.ask(path, "us").json()

    salt = seal.salt_text(SALT)
    assert whole.json()["x_puente_entries"] == [[1, salt], [2, salt], [4, salt], [5, salt]]
    assert newest["x_puente_entries"] == [[2, salt], [4, salt], [5, salt]]
    number, link = whole.headers["X-Puente-Head"].split()
    with reading(node.db) as c:
        assert (int(number), bytes.fromhex(link)) == (5, ledger.link_at(c, "to:us", seal.NOTHING, 5))
    assert whole.headers["X-Puente-Last"] == whole.headers["X-Puente-Head"]
    assert [obj["id"] for obj in newest["objects"]] == [indicator(n)["id"] for n in (2, 1, 3)]
    assert b"secret" not in whole.content
    assert "x_puente_entries" not in node.ask(path.replace(TO_US, BENCH)).json()


@pytest.mark.row("TX-85")
def test_it_serves_the_bytes_it_stored(node: Node) -> None:
    sent = indicator(1, x_zero=1.50, x_list=[{"b": 1, "a": []}], lang="es")
    release(node, sent)

    body = node.ask(f"/puente/collections/{TO_US}/objects/", "us").content

    assert body.startswith(b'{"objects":[' + door.check(sent, START).body + b"]")
    assert orjson.loads(body)["objects"] == [sent]
