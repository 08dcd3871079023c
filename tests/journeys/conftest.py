"""Two running nations for a whole run, and a browser for whoever sits down at a portal."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.caller import Caller
from tests.journeys.desk import SCREEN, Desk
from tests.nations import Nations, nations

HERE = Path(__file__).parent
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 30_000  # a page that comes late is a fault of its own test, not of every one

Sit = Callable[..., Desk]
Call = Callable[[str, str], Caller]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All journeys run in one process: the two nations are started once, and what is timed has no rival among them.

    Without a Chromium one test is skipped and says so for all that need it.
    """
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.xdist_group("journeys"))
    browsing = [item for item in items if "browser" in getattr(item, "fixturenames", ())]
    if browsing and chromium() is None:
        reason = f"there is no Chromium here: {len(browsing)} journeys in a browser were not run (apt install chromium)"
        browsing[0].add_marker(pytest.mark.skip(reason=reason))
        config.hook.pytest_deselected(items=browsing[1:])
        items[:] = [item for item in items if item not in browsing[1:]]


def chromium() -> str | None:
    """Where the browser of this machine is."""
    return shutil.which("chromium") or shutil.which("chromium-headless-shell")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nations]:
    with nations(tmp_path_factory.mktemp("journeys")) as started:
        yield started


@pytest.fixture
def both(running: Nations) -> Iterator[Nations]:
    """The two nations; what their processes say during a test is shown when it fails."""
    before = running.lengths()
    yield running
    print(running.said(before))  # noqa: T201 pytest keeps it, and shows it for a test that failed


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shots() -> Path | None:
    """Where pictures of every page go: the folder that `SCREENSHOTS` names, if it does."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) if folder else None


@pytest.fixture
def sit(both: Nations, browser: Browser, shots: Path | None) -> Iterator[Sit]:
    """Somebody sits down: `sit("mx", "ana", "en")` is signed in and reads English; `signed_in=False` only looks."""
    desks: list[Desk] = []

    def sit_down(nation: str, login: str, language: str, *, signed_in: bool = True) -> Desk:
        context = browser.new_context(viewport=SCREEN, locale={"es": "es-MX", "en": "en-US"}[language])
        context.set_default_timeout(PATIENCE_MS)
        password = both.password(nation, login)
        desk = Desk(context, context.new_page(), both.portal(nation), language, login, password, shots)
        desks.append(desk)
        desk.listen()
        desk.go("/")
        desk.switch_language()
        if signed_in:
            desk.sign_in(login, password)
        return desk

    yield sit_down
    for desk in desks:
        desk.context.close()
    assert [complaint for desk in desks for complaint in desk.complaints] == []


@pytest.fixture
def call(both: Nations) -> Iterator[Call]:
    """The same without a browser: `call("mx", "luis")` is signed in."""
    callers: list[Caller] = []

    def sign_in(nation: str, login: str) -> Caller:
        caller = Caller(both.portal(nation))
        callers.append(caller)
        caller.sign_in(login, both.password(nation, login))
        return caller

    yield sign_in
    for caller in callers:
        caller.session.close()
