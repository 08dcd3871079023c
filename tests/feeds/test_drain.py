"""Other people's servers: what they hold is mirrored once, whatever they say about dates and pages."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from cert.errors import PeerUnreachable
from cert.stix import format_timestamp, parse_timestamp
from cert.store import aside
from cert.store.engine import reading
from feeds import drain, ledger, store
from feeds.drain import LOOK_BACK_EVERY, OVERLAP, Drain
from feeds.line import PAGE, Line
from tests.cast import DAY, HOUR, MINUTE, SECOND, START, Node, indicator, made_id
from tests.feeds.circles import CIRCLES
from tests.feeds.scripted import MANIFEST, OBJECTS, Answer, Script, date, envelope

PAGES = 4


class Shelf:
    """What another maker's server holds, by date, and how it gives it."""

    def __init__(self, us: Script) -> None:
        self.held: list[tuple[str, Any]] = []
        self.limit = 2
        self.change: Callable[[dict[str, Any], dict[str, str | None]], None] = lambda body, headers: None
        us.answers[OBJECTS] = self.objects
        us.answers[MANIFEST] = self.manifest

    def hold(self, *numbers: int) -> None:
        """Hold an indicator, added at the date of its number."""
        self.held += [(date(n), indicator(n)) for n in numbers]

    def objects(self, query: dict[str, str]) -> Answer:
        found = [(at, obj) for at, obj in self.held if at > query.get("added_after", "")]
        at = int(query.get("next", "0"))
        page = found[at : at + self.limit]
        body: dict[str, Any] = {"objects": [obj for _, obj in page]} if page else {}
        more = len(found) > at + self.limit
        body |= {"more": True, "next": str(at + self.limit)} if more else {}
        names = ("X-TAXII-Date-Added-First", "X-TAXII-Date-Added-Last")
        headers: dict[str, str | None] = {}
        headers |= dict(zip(names, (page[0][0], page[-1][0]), strict=True)) if page else {}
        self.change(body, headers)
        return Answer(json.dumps(body).encode(), headers=headers)

    def manifest(self, query: dict[str, str]) -> Answer:
        found = [(at, obj) for at, obj in self.held if at > query.get("added_after", "")]
        records = [{"id": obj["id"], "date_added": at, "version": obj["modified"]} for at, obj in found]
        return Answer(json.dumps({"objects": records}).encode())


@pytest.fixture
def shelf(us: Script) -> Shelf:
    return Shelf(us)


@pytest.fixture
def drained(mx: Node, line: Line, monkeypatch: pytest.MonkeyPatch) -> Drain:
    """What drains the peer's server, which seals nothing, in short turns."""
    monkeypatch.setattr(drain, "PAGES", PAGES)
    return Drain(mx.db, mx.peer, line, mx.clock)


def finish(drained: Drain) -> int:
    """Turn until there is nothing new. Gives how many turns brought anything."""
    for turn in range(100):
        if not drained.turn():
            return turn
    raise AssertionError("it never comes to an end")


def unreachable(drained: Drain) -> str:
    with pytest.raises(PeerUnreachable) as told:
        finish(drained)
    return str(told.value)


def mirrored(mx: Node) -> list[Any]:
    return [entry.obj() for entry in mx.everything(mx.peer.inbound)]


def all_of(*numbers: int) -> list[Any]:
    return [indicator(n) for n in numbers]


def just_before(number: int) -> str:
    return format_timestamp(parse_timestamp(date(number)) - 1, 6)


def until(mx: Node) -> str:
    with reading(mx.db) as c:
        return store.mirrored_until(c, "us")


# --- what a good server gives ------------------------------------------------------------------------------------
@pytest.mark.row("TX-220")
def test_it_mirrors_all_pages_and_remembers_where_it_stands(mx: Node, us: Script, shelf: Shelf, drained: Drain) -> None:
    shelf.hold(1, 2, 3, 4, 5)

    finish(drained)

    assert mirrored(mx) == all_of(1, 2, 3, 4, 5)
    assert until(mx) == date(5)
    assert not drained.turn()
    assert us.polls()[-1]["added_after"] == date(5)
    assert {(q["limit"], q["match[version]"]) for q in us.polls()} == {(str(PAGE), "all")}  # TX-220


def test_it_notes_that_the_server_has_answered(mx: Node, drained: Drain) -> None:
    """So that people see when, and how far its clock is off."""
    finish(drained)

    with reading(mx.db) as c:
        contact = ledger.contact(c, "us")
    assert contact is not None
    assert (contact.at, contact.skew_ms is None) == (mx.clock(), False)


@pytest.mark.row("TX-207")
def test_it_goes_on_with_the_same_question_and_the_server_s_next(
    mx: Node, us: Script, shelf: Shelf, drained: Drain
) -> None:
    """TX-207."""
    shelf.hold(1, 2, 3, 4, 5)
    drained.turn()

    assert [(q.get("added_after"), q.get("next")) for q in us.polls()] == [(None, None), (None, "2"), (None, "4")]


@pytest.mark.row("TX-207")
def test_it_asks_by_date_when_more_comes_without_next(mx: Node, us: Script, shelf: Shelf, drained: Drain) -> None:
    """TX-207, N5, OpenCTI#6734: from just before it, as others may share it."""
    shelf.change = lambda body, headers: body.pop("next", None) and None
    shelf.hold(1, 2, 2, 3, 4, 5)
    shelf.held[2] = (date(2), indicator(22))

    finish(drained)

    assert mirrored(mx) == all_of(1, 2, 22, 3, 4, 5)
    assert [q.get("added_after") for q in us.polls()][:2] == [None, just_before(2)]


@pytest.mark.row("TX-206")
def test_it_goes_only_by_what_the_server_says_of_time(mx: Node, us: Script, shelf: Shelf, drained: Drain) -> None:
    """TX-206, minemeld#400: neither by our clock nor by `modified`."""
    years = [START - 30 * 365 * DAY, START + HOUR, START - DAY]
    shelf.held = [(date(n), indicator(n, years[n], created=format_timestamp(years[0]))) for n in range(3)]
    mx.clock.now = START + 3 * 365 * DAY

    finish(drained)
    shelf.hold(7)
    finish(drained)

    assert len(mirrored(mx)) == 4
    assert us.polls()[-1]["added_after"] == date(7)


def test_it_takes_few_pages_a_turn_and_goes_on_in_the_next(mx: Node, us: Script, shelf: Shelf, drained: Drain) -> None:
    shelf.limit = 1
    shelf.hold(*range(PAGES + 5))

    assert drained.turn()
    assert len(us.polls()) == PAGES
    finish(drained)
    assert mirrored(mx) == all_of(*range(PAGES + 5))
    assert len([q for q in us.polls() if "next" not in q]) == 2  # the run, and the look whether there is more


@pytest.mark.row("TX-209")
def test_another_process_goes_on_where_one_was_killed(
    mx: Node, us: Script, line: Line, shelf: Shelf, drained: Drain
) -> None:
    """TX-209: what came is kept with where we stand, page by page."""
    shelf.limit = 1
    shelf.hold(*range(1, PAGES + 5))
    drained.turn()

    finish(Drain(mx.db, mx.peer, line, mx.clock))

    assert mirrored(mx) == all_of(*range(1, PAGES + 5))


def test_it_takes_the_same_next_as_long_as_it_leads_on(mx: Node, us: Script, drained: Drain) -> None:
    """medallion: one token for a whole run, and each use of it gives the next page."""
    us.pages = [envelope([indicator(n)], n, next="a" if n < 9 else "") for n in range(1, 10)]

    finish(drained)

    assert mirrored(mx) == all_of(*range(1, 10))


def test_it_loses_nothing_of_what_shares_a_date_where_it_is_cut_off(
    mx: Node, us: Script, line: Line, shelf: Shelf, drained: Drain
) -> None:
    """M11: medallion dates all that was posted at once alike."""
    shelf.held = [(date(1), indicator(n)) for n in range(7)]
    us.answers[OBJECTS] = lambda query: Answer(status=502) if query.get("next") == "4" else shelf.objects(query)
    assert unreachable(drained)
    assert mirrored(mx) == all_of(0, 1, 2, 3)

    us.answers[OBJECTS] = shelf.objects
    finish(Drain(mx.db, mx.peer, line, mx.clock))
    assert mirrored(mx) == all_of(*range(7))


# --- circles -----------------------------------------------------------------------------------------------------
@pytest.mark.row("TX-207", "TX-208")
@pytest.mark.parametrize("what", CIRCLES)
def test_it_comes_to_an_end_on_every_circle_and_keeps_what_came(
    mx: Node, us: Script, drained: Drain, what: str
) -> None:
    CIRCLES[what](us)

    assert unreachable(drained).startswith("us: its server")
    assert 1 <= len(us.polls()) <= 4
    assert mirrored(mx)[0]["type"] == "indicator"


def test_it_comes_to_an_end_on_pages_that_never_repeat_and_bring_nothing(
    mx: Node, us: Script, drained: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N4: with another `next` and another order each time, nothing but what we hold."""
    monkeypatch.setattr(drain, "STALE", 30)
    many = [indicator(n) for n in range(9)]
    us.pages = [envelope(many[n % 9 :] + many[: n % 9] + many[: n // 9], 1, next=f"n{n}") for n in range(99)]

    assert "circle" in unreachable(drained)
    assert len(us.polls()) <= 32
    assert len(mirrored(mx)) == 9


def test_it_ends_when_a_server_has_more_but_nothing_to_give(mx: Node, us: Script, drained: Drain) -> None:
    us.pages = [envelope([], more=True, next="a") for _ in range(50)]

    assert not drained.turn()
    assert len(us.polls()) == 1


def test_it_asks_an_inclusive_server_for_the_last_one_again_and_keeps_it_once(
    mx: Node, us: Script, shelf: Shelf, drained: Drain
) -> None:
    """OpenCTI connectors #1298, #7604."""
    shelf.hold(1, 2, 3)
    finish(drained)
    us.answers[OBJECTS] = envelope([indicator(3)], 3)

    for _ in range(5):
        assert not drained.turn()
    assert mirrored(mx) == all_of(1, 2, 3)
    assert MANIFEST not in [path for path, _ in us.asked]


# --- what appears late -------------------------------------------------------------------------------------------
@pytest.mark.row("TX-210")
def test_it_finds_what_appears_under_an_older_date(mx: Node, us: Script, shelf: Shelf, drained: Drain) -> None:
    """TX-210, O10: a server that dates an object before it commits it."""
    shelf.hold(1, 2, 9)
    finish(drained)
    shelf.held.insert(2, (date(5), indicator(5)))

    finish(drained)
    assert mirrored(mx) == all_of(1, 2, 9)

    mx.clock.now += LOOK_BACK_EVERY
    finish(drained)
    assert mirrored(mx) == all_of(1, 2, 9, 5)
    assert until(mx) == date(9)


def test_the_mirror_does_not_grow_by_looking_back(mx: Node, us: Script, shelf: Shelf, drained: Drain) -> None:
    shelf.hold(1, 2, 3)
    shelf.held.append((date(4), {"type": "nonsense"}))
    finish(drained)

    for _ in range(30):
        mx.clock.now += LOOK_BACK_EVERY
        finish(drained)

    assert mirrored(mx) == [*all_of(1, 2, 3), {"type": "nonsense"}]


def test_it_looks_back_only_as_long_as_something_may_be_late(
    mx: Node, us: Script, shelf: Shelf, drained: Drain
) -> None:
    """A server where nothing happens is asked for nothing that we hold."""
    shelf.hold(1, 2, 3)
    finish(drained)
    for _ in range(25):
        mx.clock.now += MINUTE
        finish(drained)

    back = format_timestamp(parse_timestamp(date(3)) - OVERLAP, 6)
    asked = [q.get("added_after") for q in us.polls() if "next" not in q]
    assert 9 <= asked.count(back) <= 12
    assert set(asked[-12:]) == {date(3)}


# --- dates that are wrong ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("said", [None, "", "Fri Jan 05 2024 10:00:00 GMT+0100", "1970-01-01T00:00:00Z", "undefined"])
def test_it_takes_the_date_from_the_manifest_where_the_headers_are_wrong(
    mx: Node, us: Script, shelf: Shelf, drained: Drain, said: str | None
) -> None:
    """OpenCTI#6973, attack-workbench#32, M12: pages with `next`, but no date to go on from."""

    def wrong(body: dict[str, Any], headers: dict[str, str | None]) -> None:
        headers.update(dict.fromkeys(headers, said))

    shelf.change = wrong
    shelf.hold(1, 2, 3)

    finish(drained)
    assert (mirrored(mx), until(mx)) == (all_of(1, 2, 3), date(3))

    shelf.hold(4)
    finish(drained)
    assert (mirrored(mx), until(mx)) == (all_of(1, 2, 3, 4), date(4))


def test_it_says_so_when_nothing_tells_where_to_go_on(mx: Node, us: Script, drained: Drain) -> None:
    us.pages = [envelope([indicator(1)], "never"), envelope([indicator(1)], "never")]
    us.answers[MANIFEST] = Answer(b"{}")

    assert "does not say when its objects were added" in unreachable(drained)
    assert unreachable(drained)
    assert mirrored(mx) == all_of(1)


@pytest.mark.row("TX-221")
@pytest.mark.parametrize("order", [[3, 1, 2, 5, 4], [5, 4, 3, 2, 1], [2, 1, 4, 3, 5]])
def test_it_loses_nothing_where_pages_are_not_sorted(
    mx: Node, us: Script, shelf: Shelf, drained: Drain, order: list[int]
) -> None:
    """TX-221."""
    shelf.hold(*order)

    finish(drained)

    assert mirrored(mx) == all_of(*order)
    assert until(mx) == date(5)


@pytest.mark.row("TX-221")
def test_it_begins_anew_where_unsorted_pages_are_cut_off(mx: Node, us: Script, shelf: Shelf, drained: Drain) -> None:
    """TX-221: after a fall of the dates, where we stand is where the run began, until it is at its end."""
    shelf.hold(8, 9, 1, 2, 3, 4)
    us.answers[OBJECTS] = lambda query: shelf.objects(query) if query.get("next") != "4" else Answer(status=502)
    assert unreachable(drained)
    assert (until(mx), len(mirrored(mx))) == ("", 4)

    us.answers[OBJECTS] = shelf.objects
    finish(drained)
    assert sorted(obj["id"] for obj in mirrored(mx)) == sorted(made_id("indicator", n) for n in (1, 2, 3, 4, 8, 9))
    assert until(mx) == date(9)


@pytest.mark.parametrize("years", [-10, 10])
def test_it_follows_a_clock_that_is_years_off(mx: Node, us: Script, shelf: Shelf, drained: Drain, years: int) -> None:
    """F17."""
    shelf.held = [(format_timestamp(START + years * 365 * DAY + n * SECOND, 6), indicator(n)) for n in range(5)]

    finish(drained)

    assert mirrored(mx) == all_of(*range(5))


# --- tokens, cuts, and bad objects -------------------------------------------------------------------------------
@pytest.mark.row("TX-211")
def test_it_goes_on_from_the_last_date_where_a_token_has_expired(
    mx: Node, us: Script, shelf: Shelf, drained: Drain
) -> None:
    """TX-211, M10: once in a run."""
    shelf.hold(1, 2, 3, 4, 5)
    expired = [False]

    def forgetful(query: dict[str, str]) -> Answer:
        if "next" in query and not expired[0]:
            expired[0] = True
            return Answer(status=404)
        return shelf.objects(query)

    us.answers[OBJECTS] = forgetful

    finish(drained)

    assert mirrored(mx) == all_of(1, 2, 3, 4, 5)
    assert us.polls()[2].get("added_after") == just_before(2)


def test_it_gives_up_for_this_turn_where_tokens_expire_again(
    mx: Node, us: Script, shelf: Shelf, drained: Drain
) -> None:
    shelf.hold(*range(9))
    us.answers[OBJECTS] = lambda query: Answer(status=400) if "next" in query else shelf.objects(query)

    assert "HTTP 400" in unreachable(drained)
    assert len(us.polls()) == 4
    assert mirrored(mx) == all_of(0, 1, 2)


@pytest.mark.parametrize("page", range(3))
def test_it_loses_and_doubles_nothing_wherever_the_line_breaks(
    mx: Node, us: Script, shelf: Shelf, drained: Drain, page: int
) -> None:
    """N5, M10: a token that was asked with is not asked with again; the date is."""
    shelf.hold(1, 2, 3, 4, 5)
    breaks = [page]

    def breaking(query: dict[str, str]) -> Answer:
        whole = shelf.objects(query)
        if query.get("next", "0") == str(2 * page) and breaks:
            breaks.pop()
            return Answer(whole.body[:30], headers=whole.headers, length=len(whole.body))
        return whole

    us.answers[OBJECTS] = breaking
    assert unreachable(drained)
    finish(drained)

    assert mirrored(mx) == all_of(1, 2, 3, 4, 5)
    asked_with = [q["next"] for q in us.polls() if "added_after" not in q and "next" in q]
    assert len(asked_with) == len(set(asked_with))


@pytest.mark.row("TX-216")
def test_one_bad_object_among_many_is_set_aside_and_the_rest_goes_on(
    mx: Node, us: Script, shelf: Shelf, drained: Drain
) -> None:
    """F23, TX-216: in sight, with its reason."""
    shelf.limit = 500
    shelf.hold(*range(2_000))
    shelf.held[1_234] = (date(1_234), indicator(1_234, pattern=None))

    finish(drained)
    mx.cross()

    with reading(mx.db) as c:
        (bad,) = aside.all_aside(c, 9)
    assert (bad.number, "pattern" in str(bad.why)) == (1_235, True)
    assert len([entry for entry in mx.everything() if entry.origin == mx.peer.org]) == 1_999


def test_it_keeps_what_is_said_twice_once_and_another_content_beside_it(
    mx: Node, us: Script, shelf: Shelf, drained: Drain
) -> None:
    """W6: what differs under the same version is for admission to judge."""
    shelf.held = [(date(n), obj) for n, obj in enumerate([indicator(1), indicator(1), indicator(1, name="otro")])]

    finish(drained)

    assert mirrored(mx) == [indicator(1), indicator(1, name="otro")]


@pytest.mark.parametrize("odd", ["no object", 5, None, [], {}, {"type": "indicator"}, {"type": 5, "id": []}])
def test_it_mirrors_what_is_no_object_too(mx: Node, us: Script, drained: Drain, odd: Any) -> None:
    us.pages = [envelope([indicator(1), odd, odd, indicator(2)], 1)]

    finish(drained)
    assert mirrored(mx) == [indicator(1), odd, indicator(2)]


def test_what_it_remembers_is_bounded(mx: Node, us: Script, drained: Drain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "ODD", 50)
    us.pages = [envelope([f"odd {page} {n}" for n in range(40)], page, next=str(page)) for page in range(1, 15)]

    finish(drained)

    assert len(mirrored(mx)) == 560
    assert len(drained.odd) <= 90
    assert sys.getsizeof(drained.odd) < 1 << 16
