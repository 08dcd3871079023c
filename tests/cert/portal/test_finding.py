"""Search: the incident stands out among its parts, and one filter does not hide its alternatives."""

import re
from collections.abc import Callable

from tests.cast import MINUTE, START, Browser, Node, address, incident, indicator, marked

GREEN = {"object_marking_refs": marked("green")}
ADDRESS = address("203.0.113.7", **GREEN)
Sit = Callable[..., Browser]


def reader(mx: Node, sit: Sit) -> Browser:
    """Luis, once the index holds what was said."""
    mx.settle()
    return sit("luis")


def titles(page: str) -> list[str]:
    return re.findall(r'class="line-title"><a [^>]*>([^<]*)<', page)


def facet(page: str, name: str) -> dict[str, bool]:
    """The values of a facet, and whether each is chosen."""
    part = page.partition(f'id="side-{name}"')[2].partition("</section>")[0]
    found = re.findall(r'<a href[^>]*?( aria-current="true")?><span class="facet-label">(.*?)</span><', part)
    return {re.sub("<.*?>", "", label): bool(chosen) for chosen, label in found}


def test_it_draws_an_incident_over_what_was_filed_with_it(mx: Node, sit: Sit) -> None:
    mx.say(incident(1, START + MINUTE, name="Después, en 203.0.113.7", **GREEN))
    mx.say(incident(2, name="Lectores, por 203.0.113.7", **GREEN), ADDRESS, indicator(1, name="203.0.113.7", **GREEN))

    page = reader(mx, sit).get("/search?q=203.0.113.7").text

    later, first, *parts = titles(page)
    assert (later, first) == ("Después, en 203.0.113.7", "Lectores, por 203.0.113.7")
    assert parts == ["203[.]0[.]113[.]7", "203[.]0[.]113[.]7"]
    assert page.count("line-piece") == 2


def test_it_offers_the_incidents_alone_where_there_is_more(mx: Node, sit: Sit) -> None:
    mx.say(incident(1, name="Lectores, por 203.0.113.7", **GREEN), ADDRESS)
    luis = reader(mx, sit)

    assert "only the incident among them" in luis.get("/search?q=203.0.113.7").text
    alone = luis.get("/search?q=203.0.113.7&type=incident").text
    assert titles(alone) == ["Lectores, por 203.0.113.7"]
    assert "only the incident among them" not in alone


def test_it_shows_the_other_values_of_a_chosen_filter(mx: Node, sit: Sit) -> None:
    mx.say(incident(1, **GREEN), ADDRESS)
    mx.say(incident(2, object_marking_refs=marked("clear")))
    luis = reader(mx, sit)

    page = luis.get("/search?type=incident&handling=clear").text

    assert titles(page) == ["Suceso 2"]
    assert facet(page, "handling") == {"TLP:CLEAR": True, "TLP:GREEN": False}
    assert facet(page, "type") == {"Incident": True, "Organisation": False}  # the address is not CLEAR


def test_it_counts_nothing_hidden_among_the_other_values(mx: Node, sit: Sit) -> None:
    mx.say(incident(1, **GREEN), incident(2, object_marking_refs=marked("red")))

    assert facet(reader(mx, sit).get("/search?handling=green&type=incident").text, "handling") == {"TLP:GREEN": True}
