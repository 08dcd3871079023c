"""Tokens and certificates of machine accounts, and the API roots: the contract on either engine."""

import pytest

from cert.errors import Conflict, NotFound, Refused
from cert.store import machines, roots, signin
from cert.store.engine import Connection
from cert.store.machines import DAY
from cert.store.signin import WHOLE, Scope
from tests.cert.store.statements import CERT, NOW


@pytest.fixture
def sensor(c: Connection) -> str:
    """An account that may read and write one collection, and read another."""
    signin.add_account(c, "sensor", CERT)
    for n, (alias, writes) in enumerate((("one", True), ("two", False))):
        signin.add_collection(c, id=str(n), alias=alias, title=alias, log=f"bench:{alias}", now=NOW + n)
        signin.grant(c, "sensor", alias, can_read=True, can_write=writes)
    return "sensor"


def reached(c: Connection, token: str, now: int = NOW) -> list[tuple[str, bool, bool]] | None:
    account = machines.by_token(c, token, now)
    if account is None:
        return None
    return [(x.alias, x.can_read, x.can_write) for x in signin.collections_of(c, account.n, scope=account.scope)]


@pytest.mark.parametrize(
    ("scope", "only", "found"),
    [
        (WHOLE, [], [("one", True, True), ("two", True, False)]),
        (WHOLE, ["two"], [("two", True, False)]),
        (Scope(can_write=False), [], [("one", True, False), ("two", True, False)]),
        (Scope(can_read=False), [], [("one", False, True)]),
        (Scope(can_read=False), ["two"], []),
    ],
)
def test_it_narrows_an_account(
    c: Connection, sensor: str, scope: Scope, only: list[str], found: list[tuple[str, bool, bool]]
) -> None:
    _, token = machines.add_token(c, sensor, "", 1, NOW, scope=scope, only=only)

    assert reached(c, token) == found


def test_it_ends_a_token_by_time_by_hand_and_with_its_account(c: Connection, sensor: str) -> None:
    first, second = (machines.add_token(c, sensor, "", 1, NOW, only=["one"]) for _ in range(2))

    assert [reached(c, first[1], moment) is None for moment in (NOW + DAY - 1, NOW + DAY)] == [False, True]
    machines.revoke_token(c, first[0])
    assert (reached(c, first[1]), reached(c, second[1]) is None) == (None, False)
    machines.set_active(c, sensor, active=False)
    assert reached(c, second[1]) is None
    with pytest.raises(NotFound, match="no token"):
        machines.revoke_token(c, first[0])


def test_it_keeps_no_token_in_the_open(c: Connection, sensor: str) -> None:
    _, token = machines.add_token(c, sensor, "x", 1, NOW)

    assert token.removeprefix(machines.TOKEN) not in repr(machines.all_tokens(c))
    assert reached(c, token.swapcase()) is None


@pytest.mark.parametrize("days", [0, -1, machines.MOST_DAYS + 1])
def test_it_makes_no_token_for_ever(c: Connection, sensor: str, days: int) -> None:
    with pytest.raises(Refused, match="days"):
        machines.add_token(c, sensor, "", days, NOW)


def test_it_knows_an_account_by_its_certificate(c: Connection, sensor: str) -> None:
    machines.add_certificate(c, sensor, b"1" * 32, NOW)
    machines.add_certificate(c, sensor, b"2" * 32, NOW)

    assert [machines.by_certificate(c, one * 32) is None for one in (b"1", b"2", b"3")] == [False, False, True]
    with pytest.raises(Conflict):
        machines.add_certificate(c, sensor, b"1" * 32, NOW)
    machines.remove_certificate(c, sensor, b"1" * 32)
    with pytest.raises(NotFound):
        machines.remove_certificate(c, sensor, b"1" * 32)
    machines.set_active(c, sensor, active=False)
    assert machines.by_certificate(c, b"2" * 32) is None


def test_it_lists_accounts_with_what_they_may(c: Connection, sensor: str) -> None:
    machines.add_token(c, sensor, "", 1, NOW)
    machines.add_certificate(c, sensor, b"1" * 32, NOW)

    (found,) = machines.all_accounts(c)

    assert (found.name, found.active, found.tokens, found.certificates) == (sensor, True, 1, ["31" * 32])
    assert found.rights == [("one", True, True), ("two", True, False)]


def test_it_makes_roots_beside_the_one_every_node_has(c: Connection, sensor: str) -> None:
    roots.add_root(c, "b", "B", NOW)
    roots.add_root(c, "a", "A", NOW + 1)

    assert roots.all_roots(c) == {"b": "B", "a": "A"}
    assert [roots.title_of(c, name) for name in ("a", "puente", "x")] == ["A", None, None]
    for name in ("a", "puente", "taxii2"):
        with pytest.raises(Conflict):
            roots.add_root(c, name, "X", NOW)
    for name in ("a", "puente"):
        roots.demand_root(c, name)
    with pytest.raises(NotFound, match="root add x"):
        roots.demand_root(c, "x")


def test_it_keeps_the_collections_of_roots_apart(c: Connection, sensor: str) -> None:
    account = signin.account(c, sensor, machines.renew(c, sensor))
    assert account is not None
    signin.add_collection(c, id="9", alias="far", title="Far", log="bench:far", now=NOW + 9, root="b")
    signin.grant(c, sensor, "far", can_read=True, can_write=False)

    found = {
        root: [one.alias for one in signin.collections_of(c, account.n, root=root)] for root in ("puente", "b", "x")
    }

    assert found == {"puente": ["one", "two"], "b": ["far"], "x": []}
    assert signin.collections_of(c, account.n, "far", root="puente") == []
    assert [one.root for one in roots.all_collections(c)] == ["puente", "puente", "b"]
