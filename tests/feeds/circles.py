"""Servers that seal nothing and never come to an end."""

from collections.abc import Callable

from tests.cast import indicator
from tests.feeds.scripted import Script, envelope


def _same_next(us: Script) -> None:
    us.pages = [envelope([indicator(1)], n, next="a") for n in range(1, 50)]


def _two_nexts(us: Script) -> None:
    us.pages = [envelope([indicator(n % 2)], n, next="ab"[n % 2]) for n in range(1, 50)]


def _same_page(us: Script) -> None:
    us.pages = [envelope([indicator(1)], 1, next=str(n)) for n in range(1, 50)]


def _same_two_pages(us: Script) -> None:
    us.pages = [envelope([indicator(n % 2)], n, next=str(n)) for n in range(1, 50)]


def _no_way_on(us: Script) -> None:
    us.pages = [envelope([indicator(n)], 1, more=True) for n in range(1, 50)]


def _back(us: Script) -> None:
    us.pages = [envelope([indicator(n)], 50 - n, more=True) for n in range(1, 50)]


def _no_date(us: Script) -> None:
    us.pages = [envelope([indicator(n)], "Fri Jan 05 2024 10:00:00 GMT+0100", more=True) for n in range(1, 50)]


CIRCLES: dict[str, Callable[[Script], None]] = {
    "TX-208 same next": _same_next,
    "N4 cycle of next": _two_nexts,
    "TX-208 same page": _same_page,
    "N4 same two pages": _same_two_pages,
    "TX-208 date stands still": _no_way_on,
    "N4 date goes back": _back,
    "TX-207 neither next nor date": _no_date,
}
