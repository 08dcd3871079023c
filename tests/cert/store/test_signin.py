"""Sessions end, guessing is slowed, machine accounts are known by their secret."""

import subprocess
import sys
from contextlib import ExitStack

import pytest
from sqlalchemy import select

from cert.errors import Conflict, NotFound, Refused
from cert.store import signin
from cert.store.engine import Connection, Engine, reading, writing
from cert.store.signin import BRAKE, FREE_FAILURES, FREE_FAILURES_FROM, IDLE_LIMIT, SEEN_STEP, TOTAL_LIMIT
from cert.store.tables import sessions, throttle
from tests.cast import SECOND
from tests.cert.store.statements import CERT, NOW, person

LOGIN = ["login:ana@192.0.2.1"]
SECRET = "s" * 32


def test_it_knows_a_session_by_its_token_and_keeps_only_a_hash(c: Connection, ana: int) -> None:
    token = signin.open_session(c, ana, NOW)

    assert signin.session_person(c, token, NOW) == (ana, False)
    assert signin.session_person(c, token[:-1], NOW) is None
    assert token.encode() not in b"".join(row.token_hash for row in c.execute(sessions.select()))


@pytest.mark.parametrize(("after", "alive"), [(IDLE_LIMIT, True), (IDLE_LIMIT + 1, False)])
def test_it_ends_an_idle_session_to_the_microsecond(c: Connection, ana: int, after: int, alive: bool) -> None:
    token = signin.open_session(c, ana, NOW)

    assert (signin.session_person(c, token, NOW + after) is not None) is alive


@pytest.mark.parametrize(("after", "alive"), [(TOTAL_LIMIT, True), (TOTAL_LIMIT + 1, False)])
def test_it_ends_the_busiest_session_after_a_day(c: Connection, ana: int, after: int, alive: bool) -> None:
    token = signin.open_session(c, ana, NOW)
    signin.touch_session(c, token, NOW + after)

    assert (signin.session_person(c, token, NOW + after) is not None) is alive


def test_it_asks_to_note_a_session_s_use_now_and_then(c: Connection, ana: int) -> None:
    token = signin.open_session(c, ana, NOW)

    assert signin.session_person(c, token, NOW + SEEN_STEP + 1) == (ana, True)


def test_it_ends_one_session_or_all_of_a_person(c: Connection, ana: int) -> None:
    tokens = [signin.open_session(c, ana, NOW) for _ in range(3)]
    signin.end_session(c, tokens[0])
    assert [signin.session_person(c, token, NOW) is None for token in tokens] == [True, False, False]

    signin.end_all_sessions(c, ana)
    assert [signin.session_person(c, token, NOW) for token in tokens] == [None] * 3


def test_it_brakes_after_some_free_failures_and_lets_go_later(c: Connection) -> None:
    for _ in range(FREE_FAILURES):
        assert signin.wait_us(c, LOGIN, NOW) == 0
        signin.count_failure(c, LOGIN, NOW)

    assert signin.wait_us(c, LOGIN, NOW) == BRAKE
    assert signin.wait_us(c, LOGIN, NOW + BRAKE - 1) == 1
    assert signin.wait_us(c, LOGIN, NOW + BRAKE) == 0


def test_it_brakes_an_address_that_tries_many_names(c: Connection) -> None:
    for n in range(FREE_FAILURES_FROM):
        assert signin.wait_us(c, ["from:192.0.2.1"], NOW) == 0
        signin.count_failure(c, [f"login:{n}@192.0.2.1", "from:192.0.2.1"], NOW)

    assert signin.wait_us(c, ["login:new@192.0.2.1", "from:192.0.2.1"], NOW) > 0


def test_it_does_not_let_go_when_the_clock_steps_back(c: Connection) -> None:
    for _ in range(FREE_FAILURES):
        signin.count_failure(c, LOGIN, NOW)

    assert signin.wait_us(c, LOGIN, NOW - SECOND) > 0


def test_it_forgets_failures_after_a_right_password(c: Connection) -> None:
    for _ in range(FREE_FAILURES):
        signin.count_failure(c, LOGIN, NOW)
    signin.forget_failures(c, LOGIN)

    assert signin.wait_us(c, LOGIN, NOW) == 0


def test_it_knows_a_machine_by_name_and_secret(c: Connection) -> None:
    secret = signin.add_account(c, "sensor", CERT)

    known = signin.account(c, "sensor", secret)
    assert known is not None
    assert (known.name, known.org) == ("sensor", CERT)
    assert signin.account(c, "sensor", secret + "x") is None
    assert signin.account(c, "sensor", "") is None
    assert signin.account(c, "nobody", secret) is None


def test_it_refuses_a_secret_that_could_be_guessed(c: Connection) -> None:
    with pytest.raises(Refused, match="32 characters"):
        signin.add_account(c, "sensor", CERT, "short")


@pytest.mark.parametrize("name", ["", "a:b", "a b", "ñ\u200b", "a\n", "x" * 65])
def test_it_refuses_a_machine_s_name_that_basic_authentication_cannot_carry(c: Connection, name: str) -> None:
    with pytest.raises(Refused, match="name"):
        signin.add_account(c, name, CERT, SECRET)


def test_it_refuses_a_second_account_or_collection_of_one_name(c: Connection) -> None:
    signin.add_account(c, "sensor", CERT, SECRET)
    with pytest.raises(Conflict):
        signin.add_account(c, "sensor", CERT, SECRET)
    signin.add_collection(c, id="1", alias="x", title="X", log="bench:x", now=NOW)
    with pytest.raises(Conflict):
        signin.add_collection(c, id="2", alias="x", title="X", log="to:us", now=NOW)


def test_it_shows_an_account_the_collections_it_has_a_right_in(c: Connection) -> None:
    account = signin.account(c, "sensor", signin.add_account(c, "sensor", CERT))
    assert account is not None
    for n, log_name in enumerate(("bench:x", "to:us", "from:us")):
        signin.add_collection(c, id=str(n), alias=log_name.replace(":", "-"), title=log_name, log=log_name, now=NOW + n)
    signin.grant(c, "sensor", "bench-x", can_read=True, can_write=True)
    signin.grant(c, "sensor", "to-us", can_read=False, can_write=False)

    found = signin.collections_of(c, account.n)
    assert [(one.alias, one.can_read, one.can_write) for one in found] == [("bench-x", True, True)]
    assert signin.collections_of(c, account.n, "from-us") == []


def test_it_replaces_a_right_by_a_later_one(c: Connection) -> None:
    account = signin.account(c, "sensor", signin.add_account(c, "sensor", CERT))
    assert account is not None
    signin.add_collection(c, id="1", alias="x", title="X", log="bench:x", now=NOW)
    signin.grant(c, "sensor", "x", can_read=True, can_write=True)
    signin.grant(c, "sensor", "x", can_read=True, can_write=False)

    assert [one.can_write for one in signin.collections_of(c, account.n)] == [False]


@pytest.mark.parametrize(("account", "collection"), [("nobody", "x"), ("sensor", "nothing")])
def test_it_says_what_a_grant_lacks(c: Connection, account: str, collection: str) -> None:
    signin.add_account(c, "sensor", CERT, SECRET)
    signin.add_collection(c, id="1", alias="x", title="X", log="bench:x", now=NOW)

    with pytest.raises(NotFound, match=r"There is no .*(nobody|nothing)"):
        signin.grant(c, account, collection, can_read=True, can_write=False)


# --- several processes -------------------------------------------------------------------------------------------
ELSEWHERE = """
import sys
from cert.store import signin
from cert.store.engine import open_db, reading, writing
url, person, now = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = open_db(url)
with writing(db) as c:
    token = signin.open_session(c, person, now)
print(token, flush=True)
sys.stdin.readline()
for _ in range(10):
    with writing(db) as c:
        signin.count_failure(c, ["login:ana"], now)
print(flush=True)
with reading(db) as c:
    print(signin.session_person(c, sys.stdin.readline().strip(), now), flush=True)
"""


def test_it_shares_sessions_and_the_brake_between_processes(store: Engine, url: str) -> None:
    """Whichever process or machine a request comes to, the person is signed in there, and a guesser is braked."""
    with writing(store) as c:
        ana = person(c, "ana")
        here = signin.open_session(c, ana, NOW)
    command = [sys.executable, "-c", ELSEWHERE, url, str(ana), str(NOW)]
    with ExitStack() as started:
        others = [
            started.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            )
            for _ in range(3)
        ]
        tokens = [read_line(other) for other in others]
        with reading(store) as c:
            assert [signin.session_person(c, token, NOW) for token in tokens] == [(ana, False)] * 3
        for other in others:
            write(other, "")
        assert [read_line(other) for other in others] == [""] * 3
        with reading(store) as c:
            assert c.execute(select(throttle.c.failures)).scalar_one() == 30
            assert signin.wait_us(c, ["login:ana"], NOW) > 0

        for other in others:
            write(other, here)
        assert [read_line(other) for other in others] == [f"({ana}, False)"] * 3


def write(other: "subprocess.Popen[str]", line: str) -> None:
    assert other.stdin is not None
    other.stdin.write(line + "\n")


def read_line(other: "subprocess.Popen[str]") -> str:
    assert other.stdout is not None
    return other.stdout.readline().strip()
