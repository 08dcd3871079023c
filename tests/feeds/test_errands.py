"""What people ask the border process to do with a peer: it is done once, answered, and outlives a restart."""

import threading
import time
from collections.abc import Callable
from functools import partial
from html import unescape
from typing import Any

import pytest

from cert import follow
from cert.errors import PeerUnreachable, Phrase
from cert.follow import Task, now_us
from cert.stix import canonical
from cert.store import log
from cert.store.engine import reading, writing
from feeds import errands, health, ledger, store
from feeds.errands import AGAIN, TEST
from feeds.health import FLOWS, WAITS
from feeds.line import Address, Line
from feeds.store import Errand
from tests.cast import MINUTE, Browser, Node, indicator
from tests.feeds.border import Both, Nation, puente, states, told
from tests.feeds.scripted import Giver


# --- what the border process does ---------------------------------------------------------------------------------
def ask(nation: Nation, kind: str, first: int | None = None) -> Errand:
    with writing(nation.db) as c:
        return errands.ask(c, nation.peer, kind, "sofia", now_us(), first)


def answered(nation: Nation, kind: str) -> dict[str, Any]:
    """What `puente peers --json` says of an errand, once it is done."""
    found: dict[str, Any] = told(nation)[kind]
    assert found["done"] is not None
    return found


def test_the_border_process_asks_the_server_when_it_is_told_to(both: Both) -> None:
    ask(both.mx, TEST)
    assert told(both.mx)["test"]["done"] is None

    assert both.mx.tasks["errands"].turn()
    assert not both.mx.tasks["errands"].turn()

    found = answered(both.mx, "test")
    theirs = len(both.us.entries("to:mx"))
    assert (found["ok"], found["by"]) == (True, "sofia")
    assert f"lets us in. Its log ends at entry {theirs}, our mirror of it at {theirs}." in found["answer"]


def test_an_errand_outlives_a_restart_and_one_that_is_asked_for_twice_is_done_once(both: Both) -> None:
    ask(both.mx, TEST)
    ask(both.mx, TEST)
    both.mx.restart()

    assert [both.mx.tasks["errands"].turn() for _ in range(2)] == [True, False]
    assert answered(both.mx, "test")["ok"]


def test_what_is_asked_for_while_the_same_is_done_is_done_again(both: Both) -> None:
    """The answer to the first is none to the second, which may have been asked for other reasons."""
    first = ask(both.mx, TEST)
    ask(both.mx, TEST)
    with writing(both.mx.db) as c:
        store.answer(c, first, now_us(), ok=True, answer=Phrase("It was well before."))

    assert told(both.mx)["test"]["done"] is None
    assert both.mx.tasks["errands"].turn()


def test_a_test_takes_a_new_password_and_asks_however_long_the_line_keeps_quiet(both: Both) -> None:
    """Given a line that was refused and waits a minute, when the right password is there, the next test says so."""
    file = both.mx.settings.peers["us"].password_file
    right = file.read_text("utf-8")
    file.write_text("a wrong one, of which nobody knows", "utf-8")
    ask(both.mx, TEST)
    both.mx.tasks["errands"].turn()
    assert "refuses our account" in answered(both.mx, "test")["answer"]
    assert not answered(both.mx, "test")["ok"]
    with pytest.raises(PeerUnreachable, match="refuses our account"):
        both.mx.tasks["pull"].turn()

    file.write_text(right, "utf-8")
    ask(both.mx, TEST)
    both.mx.tasks["errands"].turn()

    assert "lets us in" in answered(both.mx, "test")["answer"]
    both.mx.tasks["pull"].turn()


def test_the_border_process_fetches_again_from_a_number_and_nothing_is_double(both: Both) -> None:
    before = both.mx.entries("from:us"), both.mx.seals("from:us"), len(both.mx.entries())

    ask(both.mx, AGAIN, 3)
    both.settle()

    assert (both.mx.entries("from:us"), both.mx.seals("from:us"), len(both.mx.entries())) == before
    found = answered(both.mx, "pull_again")
    assert (found["ok"], found["first"]) == (True, 3)
    assert f"Entries 3 to {len(before[0])} are fetched" in found["answer"]


def test_what_is_fetched_again_is_not_late_for_being_old(both: Both) -> None:
    later = now_us() + MINUTE
    with writing(both.mx.db) as c:
        errands.pull_again(c, both.mx.peer, errands.ask(c, both.mx.peer, AGAIN, "sofia", later, 1), later)

    assert told(both.mx)["in"]["waiting"] == len(both.mx.entries("from:us"))
    assert states(both.mx, MINUTE)[1] == FLOWS
    assert states(both.mx, 2 * MINUTE)[1] == WAITS


@pytest.mark.parametrize("first", ["99", "1000000000000000000"])
def test_a_number_that_is_none_is_refused_with_what_to_do(both: Both, first: str) -> None:
    done = puente(both.mx, "peer", "pull-again", "us", "--from", first)

    assert done.exit_code == 1
    assert f"Write a whole number from 1 to {len(both.mx.entries('from:us'))}" in done.output
    assert told(both.mx)["pull_again"] is None


def test_what_the_operator_fetches_again_stands_on_the_page_too(both: Both) -> None:
    puente(both.mx, "peer", "pull-again", "us", "--from", "3")

    assert answered(both.mx, "pull_again")["by"] == "operator"


# --- what is pressed on the page ----------------------------------------------------------------------------------
@pytest.fixture
def sofia(sealed: Node) -> Browser:
    return sealed.browser(sealed.portal(), "sofia")


@pytest.fixture
def sealed(mx: Node) -> Node:
    """The peer seals what he gives, and three of his entries are here."""
    Giver().known_to(mx)
    with writing(mx.db) as c:
        log.mirror(c, "from:us", [canonical(indicator(n)) for n in range(3)], mx.clock())
    return mx


def asked(mx: Node) -> list[tuple[str, int | None, str]]:
    """The errands that wait: which, from which entry on, and who asked."""
    with reading(mx.db) as c:
        return [(one.kind, one.first, one.by) for one in store.all_errands(c, "us") if one.done is None]


def test_what_is_fetched_again_is_still_counted_as_here(sealed: Node) -> None:
    """Nothing of it is gone while the peer is silent, and nobody should think so."""
    with writing(sealed.db) as c:
        errand = errands.ask(c, store.peer(c, "us"), errands.AGAIN, "sofia", sealed.clock(), 1)
        errands.pull_again(c, store.peer(c, "us"), errand, sealed.clock())
    with reading(sealed.db) as c:
        (found,) = health.look(c, sealed.clock())

    assert (found.into.total, found.into.waiting) == (3, 3)


def trail(mx: Node, kind: str) -> list[dict[str, Any]]:
    return [entry.obj() for entry in mx.everything("acts") if entry.kind == kind]


def test_a_press_asks_the_border_process_and_is_in_the_trail(sealed: Node, sofia: Browser) -> None:
    """Whoever serves the page speaks to no peer: what is asked waits, however often it is pressed."""
    for _ in range(2):
        assert sofia.post("/exchange/us/test").status_code == 302
    assert sofia.post("/exchange/us/pull-again", first=" 2 ").status_code == 302

    assert sorted(asked(sealed)) == [("pull-again", 2, "sofia"), ("test", None, "sofia")]
    assert trail(sealed, "peer-test") == [{"who": "sofia", "peer": "us"}] * 2
    assert trail(sealed, "peer-pull-again") == [{"who": "sofia", "peer": "us", "first": 2}]
    assert sofia.get("/exchange").text.count("asked, and not answered yet.") == 2


@pytest.mark.parametrize("login", ["ana", "luis", "raul"])
@pytest.mark.parametrize("path", ["/exchange/us/test", "/exchange/us/pull-again"])
def test_nobody_else_may_ask(sealed: Node, login: str, path: str) -> None:
    assert sealed.browser(sealed.portal(), login).post(path, first="1").status_code == 403
    assert asked(sealed) == []


def test_the_answer_is_read_on_the_page_in_the_reader_s_language(sealed: Node, sofia: Browser) -> None:
    """The border process is there, so it has answered before the next page is drawn."""
    gone = Address("CERT United States", "http://127.0.0.1:1/taxii2/", "mx", lambda: "s" * 40)
    works = Task("errands:us", partial(errands.turn, sealed.db, sealed.peer, lambda: Line(gone, "to-mx"), sealed.clock))
    pulls = Task("pull:us", lambda: False)
    stop = threading.Event()
    border = threading.Thread(target=follow.run, args=(sealed.db, [works, pulls], stop, sealed.clock))
    border.start()
    until(lambda: health.is_worked_on(sealed.db, sealed.peer, ledger.IN))

    sofia.post("/exchange/us/test")
    until(lambda: not asked(sealed))
    sofia.post("/exchange/us/pull-again", first="2")
    until(lambda: not asked(sealed))
    stop.set()
    border.join()

    page = sofia.get("/exchange").text
    assert "cannot be read: nothing answers there." in page
    assert "Entries 2 to 3 are fetched, compared with ours, and admitted again." in page
    sofia.get("/?lang=es")
    page = unescape(sofia.get("/exchange").text)
    assert "ahí nada responde." in page
    assert "Las entradas 2 a 3 se traen de nuevo" in page
    assert "not answered yet" not in page


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("first", ["", "0", "4", "-1", "1.5", "two", "9" * 30, "1 2", "٣"])
def test_a_number_that_is_none_is_refused_with_what_to_write(sealed: Node, sofia: Browser, first: str) -> None:
    answer = sofia.post("/exchange/us/pull-again", first=first)

    assert answer.status_code == 422
    assert "Write a whole number from 1 to 3" in answer.text
    assert f'value="{first}"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert asked(sealed) == []


def test_there_is_no_number_to_begin_at_where_a_peer_numbers_nothing(mx: Node) -> None:
    sofia = mx.browser(mx.portal(), "sofia")
    mx.receive(indicator(1))

    assert "Pull again" not in sofia.get("/exchange").text
    assert "numbers nothing" in sofia.post("/exchange/us/pull-again", first="1").text


@pytest.mark.parametrize("path", ["/exchange/xx/test", "/exchange/xx/pull-again"])
def test_nothing_is_asked_of_a_peer_that_there_is_not(sofia: Browser, path: str) -> None:
    assert sofia.post(path, first="1").status_code == 404
