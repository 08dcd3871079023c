"""The page that says how the exchange goes: for duty officers and administrators, and what they can do there."""

import pytest

from cert.store import aside
from cert.store.engine import reading, writing
from config.cast import MX
from feeds import ledger
from tests.cast import Browser, Node, incident, made_id

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

    page = sofia.get("/exchange").text

    assert "flows" in page
    assert FORGED in page
    assert f"/exchange/us/quarantine/{number}" in page


def test_it_shows_the_raw_text_as_text(mx: Node, sofia: Browser) -> None:
    page = sofia.get(f"/exchange/us/quarantine/{quarantined(mx)}").text

    assert "&lt;script&gt;falso" in page
    assert "<script>falso" not in page


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
        entry = aside.Aside("admit:us", "from:us", 1, made_id("incident", 2), "unexpected", "A fault.", mx.clock())
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


def test_every_page_says_it_when_a_direction_is_frozen(mx: Node, sofia: Browser) -> None:
    with writing(mx.db) as c:
        ledger.freeze(c, "us", ledger.IN, "fork", "Entry 3 is another one.", b"{}", mx.clock())

    assert "frozen" in sofia.get("/").text
    assert "Entry 3 is another one." in sofia.get("/exchange").text
