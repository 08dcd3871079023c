"""The form loses nothing: not to an error, and not to a browser that is closed."""

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Sit
from tests.journeys.desk import Desk

TEXT = "Dos cortes de luz en la caseta, sin causa conocida."


@pytest.mark.parametrize("language", ["es", "en"])
def test_it_names_the_fields_to_put_right_and_keeps_the_rest(sit: Sit, language: str) -> None:
    luis = sit("mx", "luis", language)
    luis.go("/incidents/new")
    luis.page.locator("#f-text").fill(TEXT)
    luis.field("Until").fill("2026-05-04T06:10")
    luis.field("From").fill("2026-05-04T09:30")
    luis.choose("Severity", luis.say("Low"))

    luis.press("File incident")

    summary = luis.page.get_by_role("alert")
    for name, sentence in (
        ("title", "Give the incident a title: a few words that a colleague would search for."),
        ("handling", "Choose who may see this: the handling decides what may cross."),
        ("occurred_to", "The end is before the beginning. Correct one of the two times."),
    ):
        expect(summary.get_by_role("link", name=luis.say(sentence))).to_have_attribute("href", f"#f-{name}")
        expect(luis.page.locator(f"#e-{name}")).to_have_text(luis.say(sentence))
    expect(luis.page.locator("#f-text")).to_have_value(TEXT)
    expect(luis.field("From")).to_have_value("2026-05-04T09:30")
    expect(luis.page.get_by_label(luis.say("Low")).first).to_be_checked()

    summary.get_by_role("link").first.click()
    expect(luis.field("Title")).to_be_focused()
    discard(luis)


def discard(desk: Desk) -> None:
    """Leave no draft behind for the next test."""
    desk.go("/incidents/new")
    if desk.page.get_by_role("button", name=desk.say("Discard it and begin anew")).count():
        desk.press("Discard it and begin anew")


def test_it_keeps_the_draft_when_the_browser_is_closed(sit: Sit) -> None:
    raul = sit("mx", "raul", "es")
    raul.go("/incidents/new")
    raul.field("Title").fill("Báscula sin señal")
    expect(raul.page.locator("#draft-status")).to_contain_text(raul.say("Draft saved at {time}").partition("{")[0])
    raul.page.close()

    later = sit("mx", "raul", "es")
    later.go("/incidents/new")

    later.sees(later.say("This is your unfinished draft, as you left it."))
    expect(later.field("Title")).to_have_value("Báscula sin señal")
    later.press("Discard it and begin anew")
    expect(later.field("Title")).to_have_value("")
