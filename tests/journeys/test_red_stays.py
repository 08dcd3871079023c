"""TLP:RED is for the people named: nobody else finds it, at home or abroad, and no answer shows that it is there."""

import pytest

from cert.store import current
from cert.store.engine import reading
from cert.store.log import RECORD
from config.cast import HISTORY
from tests.journeys.conftest import Call
from tests.nations import Nations

RED = next(event for event in HISTORY if event.handling == "red")
WORDS = "accesos fuera de horario"


def red_id(both: Nations) -> str:
    with reading(both.db("mx")) as c:
        entries = current.of_type(c, RECORD, "incident", range(100), 100)
    return next(entry.id for entry in entries if entry.obj()["name"] == RED.title)


@pytest.mark.parametrize("login", ["sofia", "ana"])
def test_it_is_found_by_releasers_and_duty_officers_at_home(both: Nations, call: Call, login: str) -> None:
    one = call("mx", login)

    assert RED.title in one.get("/search", q=WORDS).text
    assert one.get(f"/incidents/{red_id(both)}").status_code == 200


@pytest.mark.parametrize(
    ("nation", "login"),
    [("mx", "luis"), ("mx", "raul"), ("mx", "elena"), ("us", "grace"), ("us", "dan"), ("us", "pat")],
)
def test_it_is_found_by_nobody_else(both: Nations, call: Call, nation: str, login: str) -> None:
    one, address = call(nation, login), f"/incidents/{red_id(both)}"

    assert RED.title not in one.get("/search", q=WORDS).text
    assert RED.title not in one.get("/").text
    for path in (address, f"{address}/stix", f"{address}/stix.json"):
        assert one.get(path).status_code == 404


def test_it_never_reached_the_other_record(both: Nations) -> None:
    with reading(both.db("us")) as c:
        assert current.newest(c, RECORD, [red_id(both)]) == []
