"""The page that says how the exchange goes: for duty officers and administrators, and what they can do there."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from html import unescape

import pytest
from click.testing import CliRunner

from cert import follow
from cert.errors import Phrase, Refused
from cert.follow import Task
from cert.stix import canonical
from cert.store import aside, log
from cert.store.engine import Connection, reading, writing
from config.cast import MX
from config.cli import main
from feeds import ledger, pull, store
from feeds.line import Address, Line
from tests.cast import DAY, HOUR, MINUTE, SECOND, Browser, Node, incident, indicator, made_id
from tests.feeds.scripted import serving

FORGED = made_id("incident", 1)


@pytest.fixture
def sofia(mx: Node) -> Browser:
    return mx.browser(mx.portal(), "sofia")


def quarantined(mx: Node) -> int:
    """The peer sends what pretends to be ours; gives the number of the entry."""
    mx.receive(incident(1, created_by_ref=MX.identity, name="Suceso <script>falso"))
    with reading(mx.db) as c:
        (one,) = aside.all_aside(c, 9)
    return one.number


@pytest.mark.parametrize(
    ("login", "may"), [("sofia", True), ("elena", True), ("ana", False), ("luis", False), ("raul", False)]
)
def test_it_is_for_duty_officers_and_administrators(mx: Node, login: str, may: bool) -> None:
    number = quarantined(mx)
    person = mx.browser(mx.portal(), login)

    for path in ("/exchange", f"/exchange/us/quarantine/{number}"):
        assert person.get(path).status_code == (200 if may else 403)
    assert ('href="/exchange"' in person.get("/").text) == may


def test_it_says_what_flows_and_what_is_in_quarantine(mx: Node, sofia: Browser) -> None:
    number = quarantined(mx)

    with at_work(mx):
        page = sofia.get("/exchange").text

    assert "flows" in page
    assert FORGED in page
    assert f"/exchange/us/quarantine/{number}" in page


def test_it_shows_the_raw_text_as_text(mx: Node, sofia: Browser) -> None:
    page = sofia.get(f"/exchange/us/quarantine/{quarantined(mx)}").text

    assert "&lt;script&gt;falso" in page
    assert "<script>falso" not in page


@contextmanager
def at_work(mx: Node) -> Iterator[None]:
    """A border process holds its locks."""
    with ExitStack() as held:
        for part in ("release", "pull", "admit"):
            lock = follow.take_lock(mx.db, f"{part}:us")
            assert lock is not None
            held.enter_context(lock)
        yield


def spanish(browser: Browser, path: str) -> str:
    """A page as somebody reads it who has chosen Spanish, spelt as it looks."""
    browser.get("/?lang=es")
    return unescape(browser.get(path).text)


def test_it_says_in_spanish_why_something_is_in_quarantine(mx: Node, sofia: Browser) -> None:
    """Given what the door refuses and what admission refuses, either reason is read in Spanish, all of it."""
    number = quarantined(mx)
    with writing(mx.db) as c:
        log.mirror(c, "from:us", [canonical(indicator(2, pattern="[ipv4-addr:value = ]"))], mx.clock())
    mx.cross()

    page = spanish(sofia, "/exchange")

    assert f"La envió como si la hubiera escrito {MX.name}, y no la hemos escrito." in page
    assert (
        "pattern no es un patrón de STIX: se esperaba un texto entre comillas o un número o una hora o bytes entre "
        "comillas, no ]. Corríjalo." in page
    )
    assert "La envió como si la hubiera escrito" in spanish(sofia, f"/exchange/us/quarantine/{number}")


def test_it_says_in_spanish_why_nothing_flows(mx: Node, sofia: Browser) -> None:
    """The border process wrote it down; machines and logs still read English."""
    with serving() as gone:
        address = Address("CERT United States", f"{gone.url}/taxii2/", "mx", lambda: "s" * 40)
    stop = threading.Event()
    with Line(address, "to-mx") as line:

        def fails() -> bool:
            stop.set()
            return pull.pull(mx.db, mx.peer, line, mx.clock)

        follow.run(mx.db, [Task("pull:us", fails)], stop, mx.clock)

    with at_work(mx):
        page = spanish(sofia, "/exchange")
    assert f"No se puede leer a CERT United States ({address.url}): ahí nada responde." in page
    told = CliRunner().invoke(main, ["--settings", str(mx.settings.data.parent / "mx.toml"), "peers", "--json"])
    assert json.loads(told.stdout)[0]["in"]["trouble"] == (
        f"CERT United States ({address.url}) cannot be read: nothing answers there."
    )


def test_it_says_in_spanish_why_a_direction_is_frozen(mx: Node, sofia: Browser) -> None:
    fault = Refused(
        "gap", "His log goes on at entry %(theirs)d, but the next one we lack is %(ours)d.", theirs=9, ours=4
    )
    with writing(mx.db) as c:
        ledger.freeze(c, "us", ledger.IN, fault, b"{}", mx.clock())

    assert "Su registro sigue en la entrada 9, pero la siguiente que nos falta es la 4." in spanish(sofia, "/exchange")


@pytest.mark.parametrize("path", ["/exchange/us/quarantine/99", "/exchange/xx/quarantine/1"])
def test_it_shows_nothing_that_is_not_in_quarantine(mx: Node, sofia: Browser, path: str) -> None:
    quarantined(mx)

    assert sofia.get(path).status_code == 404


def test_a_second_try_says_what_is_still_wrong(mx: Node, sofia: Browser) -> None:
    number = quarantined(mx)

    sofia.post(f"/exchange/us/quarantine/{number}")

    assert "It still cannot be taken" in sofia.get("/exchange").text
    with reading(mx.db) as c:
        assert len(aside.all_aside(c, 9)) == 1


def test_what_can_be_taken_now_is_taken(mx: Node, sofia: Browser) -> None:
    mx.receive(incident(2))
    with writing(mx.db) as c:
        entry = aside.Aside(
            "admit:us", "from:us", 1, made_id("incident", 2), "unexpected", Phrase("A fault."), mx.clock()
        )
        aside.put_aside(c, entry)

    sofia.post("/exchange/us/quarantine/1")

    with reading(mx.db) as c:
        assert aside.all_aside(c, 9) == []


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_direction_is_paused_and_goes_on(mx: Node, sofia: Browser, way: str) -> None:
    sofia.post(f"/exchange/us/{way}")
    with reading(mx.db) as c:
        pause = ledger.paused(c, "us", way)
    assert pause is not None
    assert pause.by == "sofia"
    assert "paused" in sofia.get("/exchange").text

    sofia.post(f"/exchange/us/{way}")
    with reading(mx.db) as c:
        assert ledger.paused(c, "us", way) is None


@pytest.mark.parametrize("path", ["/exchange/us/sideways", "/exchange/xx/in"])
def test_it_pauses_nothing_else(sofia: Browser, path: str) -> None:
    assert sofia.post(path).status_code == 404


# --- why it does not flow, and what to do -----------------------------------------------------------------------
def test_it_says_so_when_nobody_works_on_it(mx: Node, sofia: Browser) -> None:
    assert sofia.get("/exchange").text.count("<strong>stopped</strong>") == 2
    assert "An operator starts <code translate=" in sofia.get("/exchange").text

    with at_work(mx):
        assert sofia.get("/exchange").text.count("<strong>flows</strong>") == 2


def broken(c: Connection, mx: Node) -> None:
    soon = mx.clock() + 90 * SECOND
    aside.report(c, "pull:us", ok=False, why=Phrase("Nothing answers."), now=mx.clock(), next_try=soon)


def frozen(c: Connection, mx: Node) -> None:
    ledger.freeze(c, "us", ledger.IN, Refused("fork", "Entry 3 is another one."), b"{}", mx.clock())


def paused(c: Connection, mx: Node) -> None:
    ledger.pause(c, "us", ledger.IN, "elena", mx.clock())


def late(c: Connection, mx: Node) -> None:
    log.mirror(c, "from:us", [canonical(indicator(1))], mx.clock() - HOUR)


@pytest.mark.parametrize(
    ("happens", "state", "says"),
    [
        (broken, "interrupted", ["Nothing answers.", "It is tried again by itself.", "Next try: in 90 seconds, <time"]),
        (frozen, "frozen", ["Entry 3 is another one.", "by telephone", "puente peer resume"]),
        (paused, "paused", ["press “Let it go on”", "By elena, since", ">Let it go on<"]),
        (late, "late", ["One waits, for 60 minutes.", "an operator runs <code", "puente check"]),
    ],
)
def test_it_says_why_a_direction_does_not_flow_and_what_to_do(
    mx: Node, sofia: Browser, happens: Callable[[Connection, Node], None], state: str, says: list[str]
) -> None:
    with writing(mx.db) as c:
        happens(c, mx)

    with at_work(mx):
        page = sofia.get("/exchange").text

    assert f"We get: <strong>{state}</strong>" in page
    assert [words for words in says if words not in page] == []


def test_the_next_try_is_now_when_its_moment_has_come(mx: Node, sofia: Browser) -> None:
    with writing(mx.db) as c:
        broken(c, mx)
    mx.clock.now += 2 * MINUTE

    with at_work(mx):
        assert "Next try: now" in sofia.get("/exchange").text


def test_every_figure_says_what_it_counts(mx: Node, sofia: Browser) -> None:
    """F17 too: the clock of the peer, and his certificate, which somebody must renew."""
    quarantined(mx)
    contact = ledger.Contact(mx.clock(), 0, 61_000, mx.clock() + 3 * DAY)
    with writing(mx.db) as c:
        ledger.note_contact(c, "us", contact)
        store.hold(c, "us", [(1, "handling"), (2, "handling")], mx.clock())

    page = sofia.get("/exchange").text

    for figure in ("2 entries", "one entry", "One entry in all.", "61 seconds off", "Ask their operators to renew it."):
        assert figure in page


def test_a_certificate_that_lasts_is_nobody_s_work(mx: Node, sofia: Browser) -> None:
    with writing(mx.db) as c:
        ledger.note_contact(c, "us", ledger.Contact(mx.clock(), 0, 0, mx.clock() + 90 * DAY))

    page = sofia.get("/exchange").text

    assert "Their certificate lasts until" in page
    assert "renew it" not in page
    assert "less than 5 seconds off" in page


def test_every_page_says_it_when_a_direction_is_frozen(mx: Node, sofia: Browser) -> None:
    with writing(mx.db) as c:
        ledger.freeze(c, "us", ledger.IN, Refused("fork", "Entry 3 is another one."), b"{}", mx.clock())

    assert "frozen" in sofia.get("/").text
    assert "Entry 3 is another one." in sofia.get("/exchange").text
