"""What a request costs: nothing for signing in, and no more when more is held. It is counted, not timed."""

import pytest
from flask.testing import FlaskClient

from cert.stix import canonical, sha256
from cert.store import log
from cert.store.engine import Engine, writing
from feeds.taxii.app import taxii_app
from tests.feeds.taxii.node import COLLECTION, HIDDEN, OBJECTS, SECRET, START, Node, ids, indicator
from tests.feeds.taxii.work import Work

FEW, MANY = 1_000, 16_000
PAGE = 100
QUERIES = ["", "&match[type]=indicator", "&match[version]=all", "&match[type]=indicator&match[version]=first"]


@pytest.fixture
def client(db: Engine) -> FlaskClient:
    """The application without a server before it, so that what it asks the database is seen."""
    return taxii_app(db, title="CERT", secret_key=b"k" * 32, clock=lambda: START).test_client()


@pytest.mark.row("TX-29")
def test_it_takes_a_credential_in_no_time(client: FlaskClient, db: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one row and a fast hash: the slow one for passwords of people, argon2, is never run."""
    monkeypatch.setattr("argon2.PasswordHasher.verify", None)
    work = Work(db)

    assert client.get("/taxii2/", auth=("customs", SECRET)).status_code == 200

    (signing_in, *_), _ = work.taken()
    assert "FROM accounts" in signing_in


@pytest.mark.row("TX-22")
def test_it_does_as_much_for_hidden_as_for_absent(client: FlaskClient, db: Engine) -> None:
    """The same questions to the database, so that no clock tells them apart."""
    work = Work(db)
    asked = []
    for collection in (HIDDEN, f"{HIDDEN[:-1]}0"):
        answer = client.get(f"/puente/collections/{collection}/objects/", auth=("customs", SECRET))
        assert answer.status_code == 404
        asked.append(work.taken())

    assert asked[0][0] == asked[1][0] != []


def fill(db: Engine, numbers: range) -> None:
    """Append without the door, which is not what is measured."""
    for first in range(numbers.start, numbers.stop, log.BATCH):
        said = []
        for n in range(first, first + log.BATCH):
            body = canonical(indicator(n))
            said.append(log.Statement(2, indicator(n)["id"], START, sha256(body), body))
        with writing(db, bulk=True) as c:
            log.append(c, "bench:customs", said, START)


@pytest.mark.row("TX-83", "TX-69")
def test_it_costs_a_page_the_same_however_much_is_held(node: Node, client: FlaskClient, db: Engine) -> None:
    def costs(token: str = "") -> list[int]:
        found = []
        for query in QUERIES:
            answer = client.get(f"{OBJECTS}?limit={PAGE}{query}{token}", auth=("customs", SECRET))
            assert len(answer.json["objects"]) == PAGE  # type: ignore[index]  # it is there
            found.append(work.taken()[1])
        return found

    fill(db, range(FEW))
    work = Work(db)
    before = costs()
    fill(db, range(FEW, MANY))
    middle = node.ask(f"{OBJECTS}?limit={MANY - 500}").headers["X-TAXII-Date-Added-Last"]
    work.taken()  # what filling cost
    first, deep = costs(), costs(f"&added_after={middle}")

    assert len(ids(node.ask(f"{OBJECTS}?limit={PAGE}&added_after={middle}"))) == PAGE
    for query, was, now, there in zip(QUERIES, before, first, deep, strict=True):
        assert 0 < now < 2 * was, query
        assert 0 < there < 2 * was, query


@pytest.mark.row("TX-44")
def test_it_asks_for_no_more_than_an_answer_needs(node: Node) -> None:
    assert node.ask(COLLECTION).json() == node.ask("/puente/collections/").json()["collections"][0]
