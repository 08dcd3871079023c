"""Somebody at a browser: what he does is said in his words, and all that is wrong with a page is remembered."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from babel.messages import Catalog
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Response, ViewportSize, expect

from tests.catalogues import catalogue

PHONE = ViewportSize(width=360, height=800)
SCREEN = ViewportSize(width=1280, height=900)


@cache
def _catalogue(language: str) -> Catalog:
    return catalogue(language)


def said(language: str, sentence: str, **blanks: object) -> str:
    """A sentence of the portal as it stands in one language's catalogue, its blanks filled."""
    message = _catalogue(language).get(sentence)
    assert message is not None, f"the portal does not say: {sentence}"
    assert isinstance(message.string, str)
    assert message.string, f"not translated: {sentence}"
    return message.string % blanks if blanks else message.string


@dataclass
class Desk:
    """One person's browser, on one portal, in one language. `shots` is where pictures go, if anywhere."""

    context: BrowserContext
    page: Page
    portal: str
    language: str
    who: str
    password: str
    shots: Path | None = None
    complaints: list[str] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)

    def say(self, sentence: str, **blanks: object) -> str:
        """A sentence in his language."""
        return said(self.language, sentence, **blanks)

    # --- what he does ---
    def go(self, path: str) -> None:
        """Open an address of the portal."""
        self.page.goto(self.portal + path)
        self.look()

    def follow(self, sentence: str, **blanks: object) -> None:
        """Click the link that says this."""
        self.open(self.page.get_by_role("link", name=self.say(sentence, **blanks)).first)

    def press(self, sentence: str, **blanks: object) -> None:
        """Press the button that says this, and wait for the page it leads to."""
        self.open(self.page.get_by_role("button", name=self.say(sentence, **blanks), exact=True))

    def open(self, thing: Locator) -> None:
        """Click on something that leads to another page."""
        with self.page.expect_navigation():
            thing.click()
        self.look()

    def field(self, label: str) -> Locator:
        """The field whose label begins with this."""
        return self.page.get_by_label(re.compile("^" + re.escape(self.say(label))))

    def choose(self, group: str, option: str) -> None:
        """Tick the box or the button whose words begin so, in the group whose name does."""
        box = self.page.get_by_role("group", name=re.compile("^" + re.escape(self.say(group))))
        words = self.page.get_by_text(re.compile(rf"^{re.escape(option)}(?![+\w])"))  # AMBER is not AMBER+STRICT
        box.locator("label").filter(has=words).locator("input").check()

    def open_part(self, name: str) -> None:
        """Open a part of the incident page."""
        tabs = self.page.get_by_role("navigation", name=self.say("Parts of the incident"))
        self.open(tabs.get_by_role("link", name=self.say(name)))

    def search(self, text: str) -> None:
        """Search from the box on top."""
        self.page.get_by_label(self.say("Search everything you may see")).fill(text)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def sign_in(self, login: str, password: str) -> None:
        """Fill in the sign-in form and send it."""
        self.field("User").fill(login)
        self.field("Password").fill(password)
        self.press("Sign in")

    def switch_language(self) -> None:
        """Take the language he wants, if the page is in the other one."""
        if self.page.locator("html").get_attribute("lang") != self.language:
            self.open(self.page.locator(f"a[hreflang={self.language}]:visible"))
        expect(self.page.locator("html")).to_have_attribute("lang", self.language)

    # --- what he sees ---
    def sees(self, text: str) -> None:
        """This stands on the page, or comes within a moment."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def heading(self) -> str:
        """What the page is called."""
        return self.page.locator("h1").inner_text()

    def rows(self) -> Locator:
        """The lines of a list."""
        return self.page.locator("article.line")

    def look(self) -> None:
        """Look at the page he is on, on his screen and on a phone, where nothing may be wider than 360 pixels."""
        self.shoot()
        self.page.set_viewport_size(PHONE)
        self.shoot()
        wider = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            self.complaints.append(f"{self.page.url}: {wider} pixels too wide for a phone")
        self.page.set_viewport_size(SCREEN)

    # --- what his browser says ---
    def listen(self) -> None:
        """Remember from here on what the browser complains of: errors, and what the policy forbids."""
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("response", self._note)

    def _hear(self, message: ConsoleMessage) -> None:
        # A page that answers 4xx is told as an error too; whether it should have is what the test itself looks at.
        if message.type == "error" and message.location["url"] not in self.visited:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _note(self, response: Response) -> None:
        if response.request.is_navigation_request():
            self.visited.append(response.url)

    def shoot(self) -> None:
        """Take a picture of the page, if pictures are wanted."""
        if self.shots:
            width = (self.page.viewport_size or SCREEN)["width"]
            path = re.sub(r"\W+", "-", self.page.url.removeprefix(self.portal))[:60].strip("-") or "home"
            number = len(list(self.shots.iterdir())) + 1
            name = f"{number:03}-{self.who}-{self.language}-{path}-{width}.png"
            self.page.screenshot(path=self.shots / name, full_page=True)
