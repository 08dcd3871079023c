"""Tokens: they expire, and reach no further than they were made for."""

from typing import Any

import pytest
import requests

from cert.store import machines, signin
from cert.store.engine import writing
from cert.store.machines import DAY
from cert.store.signin import WHOLE, Scope
from tests.feeds.taxii.node import BENCH, COLLECTION, ELSEWHERE, OBJECTS, OTHER, START, Node, assert_error, ids
from tests.feeds.taxii.node import indicator as made

ONE = made(1)


def token(node: Node, scope: Scope = WHOLE, *only: str, days: int = 1, who: str = "customs") -> str:
    with writing(node.db) as c:
        return machines.add_token(c, who, "test", days, START, scope=scope, only=only)[1]


def ask(node: Node, token: str, path: str = OBJECTS, method: str = "GET", **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
    return node.ask(path, method=method, auth=None, headers=headers, **more)


def post(node: Node, token: str, obj: Any = ONE) -> requests.Response:
    kind = {"Content-Type": "application/taxii+json;version=2.1"}
    return ask(node, token, OBJECTS, "POST", headers=kind, json={"objects": [obj]})


@pytest.mark.row("TX-18", "TX-29")
def test_it_signs_an_account_in_until_it_ends(node: Node) -> None:
    given = token(node)

    assert post(node, given).status_code == 202
    assert ids(ask(node, given)) == [ONE["id"]]
    node.clock.now = START + DAY - 1
    assert ask(node, given).status_code == 200
    node.clock.now = START + DAY
    assert_error(ask(node, given), 401)


@pytest.mark.row("TX-24", "TX-46", "TX-47")
@pytest.mark.parametrize(
    ("scope", "rights"), [(Scope(can_write=False), (200, 403)), (Scope(can_read=False), (403, 202))]
)
def test_it_is_narrowed_to_reading_or_writing(node: Node, scope: Scope, rights: tuple[int, int]) -> None:
    given = token(node, scope)
    shown = ask(node, given, COLLECTION).json()

    assert (ask(node, given).status_code, post(node, given).status_code) == rights
    assert (shown["can_read"], shown["can_write"]) == (scope.can_read, scope.can_write)
    assert_error(ask(node, given, f"{OBJECTS}{ONE['id']}/", "DELETE"), 403)


@pytest.mark.row("TX-23", "TX-35")
def test_it_shows_only_the_collections_it_was_made_for(node: Node) -> None:
    given = token(node, WHOLE, "bench-elsewhere")

    assert ask(node, given, "/taxii2/").json()["api_roots"] == [f"/{OTHER}/"]
    assert [one["id"] for one in ask(node, given, f"/{OTHER}/collections/").json()["collections"]] == [ELSEWHERE]
    assert ask(node, given, "/puente/collections/").json() == {}
    assert_error(ask(node, given), 404)
    assert_error(post(node, given), 404)


@pytest.mark.row("TX-24")
def test_it_reaches_no_further_than_its_account(node: Node) -> None:
    given = token(node, WHOLE, "bench-hidden", "bench-customs", who="reader")
    with writing(node.db) as c:
        signin.grant(c, "reader", "bench-hidden", can_read=False, can_write=False)

    assert [one["id"] for one in ask(node, given, "/puente/collections/").json()["collections"]] == [BENCH]
    assert_error(post(node, given), 403)


@pytest.mark.row("TX-18")
def test_it_ends_when_it_is_revoked_or_its_account_disabled(node: Node) -> None:
    first, second = token(node), token(node)
    with writing(node.db) as c:
        machines.revoke_token(c, machines.all_tokens(c)[0].n)

    assert [ask(node, one).status_code for one in (first, second)] == [401, 200]
    with writing(node.db) as c:
        machines.set_active(c, "customs", active=False)
    assert_error(ask(node, second), 401)
    assert_error(node.ask(OBJECTS), 401)


@pytest.mark.row("TX-25", "TX-72")
def test_it_takes_a_next_token_only_under_the_present_rights(node: Node) -> None:
    node.post(*map(made, range(3)))
    given = token(node, Scope(can_write=False))
    page = ask(node, given, f"{OBJECTS}?limit=1").json()["next"]
    path = f"{OBJECTS}?limit=1&next={page}"

    assert ask(node, given, path).status_code == 200
    with writing(node.db) as c:
        signin.grant(c, "customs", "bench-customs", can_read=False, can_write=True)
    assert_error(ask(node, given, path), 404)
    assert_error(node.ask(path), 403)
    with writing(node.db) as c:
        signin.grant(c, "customs", "bench-customs", can_read=False, can_write=False)
    assert_error(node.ask(path), 404)


@pytest.mark.row("TX-30", "TX-119")
def test_it_brakes_guesses_but_no_good_token(node: Node) -> None:
    given = token(node)
    answers = [ask(node, f"puente_{n}", "/taxii2/") for n in range(7)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "300"
    assert ask(node, given).status_code == node.ask(OBJECTS).status_code == 200


@pytest.mark.row("TX-18")
@pytest.mark.parametrize("wrong", ["", " ", "é", "a b", "x" * 5_000, "puente_"])
def test_it_refuses_what_is_no_token(node: Node, wrong: str) -> None:
    sent = {"Authorization": f"Bearer {wrong}".encode("latin-1")}

    assert_error(node.ask(OBJECTS, auth=None, headers=sent), 401)
