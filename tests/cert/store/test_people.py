"""Organisations and people: who they are, and that a password is one of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from cert.access import Role
from cert.errors import Conflict, NotFound, Refused
from cert.store import people
from cert.store.engine import Connection, Engine, writing
from cert.store.tables import people as table
from tests.cert.store.statements import NOW

RIGHT = "a long enough one"


@pytest.fixture
def c(store: Engine) -> Iterator[Connection]:
    with writing(store) as connection:
        yield connection


def add(c: Connection, login: str, **change: Any) -> int:
    who = {"name": login, "org": people.organisation(c, "CERT"), "roles": [Role.RESPONDER], "language": "es"}
    return people.add_person(c, **{"login": login, "password": RIGHT, "now": NOW, **who, **change})


def test_it_knows_a_person_by_login_and_password_only(c: Connection) -> None:
    ana = add(c, "ana")

    assert people.verify(c, "ana", RIGHT) == ana
    assert people.verify(c, "ana", RIGHT.upper()) is None
    assert people.verify(c, "ana", "") is None
    assert people.verify(c, "nobody", RIGHT) is None


def test_it_keeps_no_password_that_can_be_read(c: Connection) -> None:
    add(c, "ana")

    stored = c.execute(select(table.c.password_hash)).scalar_one()
    assert stored.startswith("$argon2id$")
    assert RIGHT not in stored


@pytest.mark.parametrize("spelling", ["ANA", " ana ", "Ana", "\uff41\uff4e\uff41"])
def test_it_takes_every_spelling_of_a_login_for_the_same(c: Connection, spelling: str) -> None:
    """S3, P8: neither case nor width nor space opens a second door."""
    ana = add(c, "ana")

    assert people.number_of(c, spelling) == ana
    with pytest.raises(Conflict):
        add(c, spelling)


@pytest.mark.parametrize("login", ["", "   ", "a b", "ana\u202e", "ana\u200b", "ana\n", "\x00", "x" * 101])
def test_it_refuses_a_login_that_nobody_can_type_or_tell_from_another(c: Connection, login: str) -> None:
    with pytest.raises(Refused, match="login"):
        add(c, login)


def test_it_refuses_a_short_password(c: Connection) -> None:
    with pytest.raises(Refused, match="at least 12"):
        add(c, "ana", password="x" * 11)


def test_it_lets_nobody_in_who_is_no_longer_active(c: Connection) -> None:
    ana = add(c, "ana")
    c.execute(update(table).values(active=False))

    assert people.verify(c, "ana", RIGHT) is None
    assert people.viewer(c, ana) is None


def test_it_gives_a_viewer_the_rights_he_has_now(c: Connection) -> None:
    ana = add(c, "ana")
    c.execute(update(table).values(roles="releaser"))

    seen = people.viewer(c, ana)
    assert seen is not None
    assert seen.roles == {Role.RELEASER}
    assert "cert:releaser" in seen.labels


def test_it_names_the_organisations_there_are(c: Connection) -> None:
    with pytest.raises(NotFound, match="Known are: CERT, Customs"):
        people.organisation(c, "Aduanas")


def test_it_refuses_a_second_organisation_of_one_name_or_identity(c: Connection) -> None:
    cert = people.organisation(c, "CERT")
    given: dict[str, Any] = {"kind": "agency", "nation": "mx", "default_handling": "amber", "ours": True}
    for name, identity in (("CERT", "identity--9"), ("Other", cert.identity_id)):
        with pytest.raises(Conflict):
            people.add_organisation(c, name=name, identity_id=identity, **given)
