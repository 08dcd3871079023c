"""Who may ask at all."""

import pytest

from feeds.taxii.signin import REALM
from tests.feeds.taxii.conftest import Start
from tests.feeds.taxii.node import OBJECTS, SECOND, SECRET, Node, assert_error

EVERYWHERE = ["/taxii2/", "/puente/", "/puente/collections/", OBJECTS, "/nothing/", OBJECTS.rstrip("/")]
WRONG = {
    "no credentials": None,
    "another scheme": "Bearer abc",
    "no base64": "Basic §",
    "no colon": "Basic YWJj",
    "not UTF-8": "Basic //86YQ==",
}


@pytest.mark.row("TX-18", "TX-19", "TX-20", "TX-35")
@pytest.mark.parametrize("path", EVERYWHERE)
def test_it_asks_a_stranger_to_sign_in_wherever_he_knocks(node: Node, path: str) -> None:
    answer = node.ask(path, auth=("customs", "wrong"))

    assert_error(answer, 401)
    asked = answer.raw.headers.getlist("WWW-Authenticate")
    assert asked == [f'Basic realm="{REALM}", charset=UTF-8', f'Bearer realm="{REALM}"']


@pytest.mark.row("TX-18")
@pytest.mark.parametrize("header", WRONG.values(), ids=WRONG.keys())
def test_it_refuses_what_is_no_basic_sign_in(node: Node, header: str | None) -> None:
    encoded = header.encode("latin-1") if header else None

    assert_error(node.ask(OBJECTS, auth=lambda request: request, headers={"Authorization": encoded}), 401)


@pytest.mark.row("TX-30", "TX-119")
def test_it_brakes_guessing_but_never_the_good_secret(node: Node) -> None:
    answers = [node.ask("/taxii2/", auth=("customs", f"guess {n}")) for n in range(8)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert_error(answers[-1], 429)
    assert answers[-1].headers["Retry-After"] == "300"
    assert node.ask("/taxii2/", auth=("customs", SECRET)).status_code == 200
    node.clock.now += 301 * SECOND
    assert_error(node.ask("/taxii2/", auth=("customs", "guess")), 401)


@pytest.mark.row("TX-30")
def test_it_lets_the_good_secret_in_amid_fifty_bad_ones(node: Node) -> None:
    answers = [node.ask("/taxii2/", auth=(f"guess{n % 60}", "wrong")).status_code for n in range(60)]
    good = [node.ask("/taxii2/").status_code for _ in range(5)]

    assert set(answers) == {401, 429}
    assert answers[-1] == 429
    assert good == [200] * 5


@pytest.mark.row("TX-30")
def test_it_brakes_one_address_and_not_another(start: Start) -> None:
    """Behind a proxy, whose word on the address is taken."""
    node = start(proxies=1)

    def ask(address: str) -> int:
        return node.ask("/taxii2/", auth=("customs", "wrong"), headers={"X-Forwarded-For": address}).status_code

    assert [ask("192.0.2.1") for _ in range(6)] == [401] * 5 + [429]
    assert ask("192.0.2.2") == 401
