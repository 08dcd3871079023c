"""Who may come in, and what is left when he goes."""

import requests
from playwright.sync_api import expect

from tests.journeys.conftest import Sit
from tests.journeys.desk import Desk


def test_it_refuses_a_wrong_password_and_keeps_the_name(sit: Sit) -> None:
    luis = sit("mx", "luis", "es", signed_in=False)

    luis.sign_in("luis", "not his password")

    luis.sees(luis.say("That user and password do not fit. Check both; capitals matter in the password."))
    expect(luis.field("User")).to_have_value("luis")
    expect(luis.field("Password")).to_have_value("")


def test_it_says_the_same_of_a_name_that_nobody_has(sit: Sit) -> None:
    stranger = sit("us", "grace", "en", signed_in=False)

    stranger.sign_in("nobody", "some password")

    stranger.sees(stranger.say("That user and password do not fit. Check both; capitals matter in the password."))


def test_it_leads_to_the_page_that_was_asked_for(sit: Sit) -> None:
    kim = sit("us", "kim", "en", signed_in=False)
    kim.go("/search?q=falcon")

    kim.sign_in("kim", kim.password)

    assert kim.heading() == kim.say("Search: %(words)s", words="falcon")


def test_it_ends_the_session_on_the_server_when_she_signs_out(sit: Sit) -> None:
    sofia = sit("mx", "sofia", "es")
    copied = {str(cookie.get("name")): str(cookie.get("value")) for cookie in sofia.context.cookies()}
    assert status(sofia, copied) == 200

    sofia.page.locator(".menu-person summary").click()
    sofia.press("Sign out")

    assert sofia.heading() == sofia.say("Sign in")
    assert status(sofia, copied) == 302


def status(desk: Desk, cookies: dict[str, str]) -> int:
    """What the start page answers to somebody who comes with these cookies."""
    with requests.get(f"{desk.portal}/", cookies=cookies, allow_redirects=False, timeout=30) as answer:
        return answer.status_code


def test_it_goes_to_the_search_box_by_one_key(sit: Sit) -> None:
    kim = sit("us", "kim", "en")

    kim.page.keyboard.press("/")

    box = kim.page.get_by_label(kim.say("Search everything you may see"))
    expect(box).to_be_focused()
    expect(box).to_have_value("")
