"""The listener is not deaf: what is wrong with a page is noticed, or the journeys would prove nothing."""

from tests.journeys.conftest import Sit


def test_it_hears_what_the_policy_forbids(sit: Sit) -> None:
    kim = sit("us", "kim", "en", signed_in=False)

    kim.page.evaluate("document.body.setAttribute('style', 'color: red')")

    assert "Content Security Policy" in kim.complaints.pop()


def test_it_sees_a_page_that_is_too_wide_for_a_phone(sit: Sit) -> None:
    kim = sit("us", "kim", "en", signed_in=False)

    kim.page.evaluate("document.querySelector('h1').textContent = 'x'.repeat(200)")
    kim.page.evaluate("document.querySelector('h1').style.overflowWrap = 'normal'")
    kim.look()

    assert kim.complaints.pop().endswith("pixels too wide for a phone")
