"""The duty officer at night: whether it flows, whether the other side answers, and a doubt about what came."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, ViewportSize, expect

from config.cast import US
from tests.journeys.conftest import Sit
from tests.journeys.desk import Desk

PATIENCE_S = 30
A4 = ViewportSize(width=680, height=960)  # what the margins leave of it


def button(desk: Desk, sentence: str) -> Locator:
    """The button that says this of the United States: what is seen is shorter than what is read aloud."""
    return desk.page.get_by_role("button", name=f"{desk.say(sentence)} ({desk.say('United States')})")


def lanes(desk: Desk) -> Locator:
    """How each direction is: what we give first."""
    return desk.page.locator(".lane h3")


def look_again_until(desk: Desk, so: Callable[[], bool]) -> None:
    """She draws the page anew until it says what she waits for."""
    deadline = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < deadline, desk.page.locator("main").inner_text()
        desk.page.reload()


@pytest.mark.parametrize("language", ["es", "en"])
def test_she_sees_that_it_flows_and_asks_the_other_side(sit: Sit, language: str) -> None:
    sofia = sit("mx", "sofia", language)
    sofia.follow("Exchange")
    expect(lanes(sofia)).to_have_text(
        [f"{sofia.say(called)}: {sofia.say('flows')}" for called in ("We give", "We get")]
    )

    sofia.open(button(sofia, "Test now"))

    answer = sofia.page.locator(".errand-done")
    look_again_until(sofia, lambda: answer.count() > 0)
    said = sofia.say("%(peer)s answers, and lets us in.").replace("%(peer)s", US.name)
    expect(answer.first).to_contain_text(said)
    expect(answer.first).to_contain_text(sofia.say("asked by %(who)s", who="sofia"))


def test_she_has_it_fetched_again_without_touching_the_mouse(sit: Sit) -> None:
    """A number that is none is marked, with what to write; the next one is taken."""
    sofia = sit("mx", "sofia", "es")
    sofia.follow("Exchange")
    sofia.page.get_by_role("textbox", name=sofia.say("Pull again from entry, 1 to %(last)s").partition(",")[0]).focus()
    sofia.page.keyboard.type("99999999")
    with sofia.page.expect_navigation():
        sofia.page.keyboard.press("Enter")
    sofia.look()

    wrong = sofia.page.get_by_role("alert").get_by_role("link")
    expect(wrong).to_have_text(sofia.page.locator(".field-error").inner_text())
    wrong.focus()
    sofia.page.keyboard.press("Enter")
    field = sofia.page.locator("input[name=first]")
    expect(field).to_be_focused()
    expect(field).to_have_value("99999999")
    field.fill("2")
    with sofia.page.expect_navigation():
        sofia.page.keyboard.press("Enter")

    expect(sofia.page.locator(".errand", has=field).locator(".errand-answer")).to_be_visible()
    look_again_until(sofia, lambda: lanes(sofia).last.inner_text() == f"{sofia.say('We get')}: {sofia.say('flows')}")


def test_she_lets_it_rest_and_prints_the_page(sit: Sit) -> None:
    sofia = sit("mx", "sofia", "en")
    sofia.follow("Exchange")
    pause = sofia.page.get_by_role("button", name=f"Pause (We give, {sofia.say('United States')})")
    pause.focus()
    with sofia.page.expect_navigation():
        sofia.page.keyboard.press("Enter")
    try:
        expect(lanes(sofia).first).to_have_text("We give: paused")
        sofia.page.emulate_media(media="print")
        sofia.page.set_viewport_size(A4)
        expect(lanes(sofia).first).to_be_visible()
        expect(sofia.page.get_by_role("button")).to_have_count(0)
        wider = sofia.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{wider} pixels too wide for paper"
        sofia.shoot()
    finally:
        sofia.page.emulate_media(media="screen")
        sofia.open(sofia.page.get_by_role("button", name=f"Let it go on (We give, {sofia.say('United States')})"))
    expect(lanes(sofia).first).to_have_text("We give: flows")
