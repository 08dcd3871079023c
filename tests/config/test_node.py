"""Making a node and what belongs to it: whole or not at all, and safe to repeat."""

import stat
from pathlib import Path

import pytest

from cert.errors import Conflict, Missing, Refused
from cert.store import log, people, signin, tables
from cert.store.engine import reading, writing
from config import node
from config.cast import MX, US
from config.reading import load, secret_in
from config.settings import Settings
from tests.cast import SETTINGS, START, Node, made_id


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "new.toml").write_text(SETTINGS, "utf-8")
    return load(tmp_path / "new.toml", {})


def test_it_makes_a_node_once(settings: Settings) -> None:
    assert node.init(settings, START)
    key = secret_in(settings.secret_key_file)

    assert not node.init(settings, START)
    assert secret_in(settings.secret_key_file) == key
    with reading(node.database(settings)) as c:
        assert log.names(c) == ["record", "acts", "bench:import"]
        assert people.our_cert(c).name == MX.name
        assert [entry.obj()["name"] for entry in log.after(c, "record", 0, 9)] == [MX.name]


def test_it_writes_secrets_for_its_own_eyes_only(settings: Settings) -> None:
    """S2: long, random, and readable by nobody else."""
    node.init(settings, START)

    assert stat.S_IMODE(settings.secret_key_file.stat().st_mode) == 0o600
    assert len(secret_in(settings.secret_key_file)) >= 40


def test_it_makes_no_person_and_no_account(settings: Settings) -> None:
    """S1: nobody can sign in until the operator says who."""
    node.init(settings, START)
    with reading(node.database(settings)) as c:
        assert people.number_of(c, "admin") is None
        assert [c.execute(table.select()).first() for table in (tables.people, tables.accounts)] == [None, None]


@pytest.mark.parametrize("identity", ["x", "identity--1", made_id("incident", 1), "identity--" + "0" * 36])
def test_it_takes_no_identity_that_is_none_and_can_begin_again(settings: Settings, identity: str) -> None:
    with pytest.raises(Refused):
        node.init(settings, START, identity)

    assert node.init(settings, START, MX.identity)


def test_it_names_the_command_that_makes_the_database(settings: Settings) -> None:
    settings.data.mkdir()
    with pytest.raises(Missing, match="puente init"):
        node.database(settings)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "Ñ", "x" * 65, "a:b", "A"])
def test_it_refuses_a_workbench_that_no_address_can_name(mx: Node, name: str) -> None:
    with writing(mx.db) as c, pytest.raises(Refused, match="workbench"):
        node.add_workbench(c, name, "Título", "green", START)


def test_it_makes_a_workbench_with_a_feed_of_its_own(mx: Node) -> None:
    with writing(mx.db) as c:
        node.add_workbench(c, "sensores", "Sensores", "amber", START)
        assert people.all_organisations(c)[log.owner(c, "bench:sensores")].default_handling == "amber"
        with pytest.raises(Conflict):
            node.add_workbench(c, "sensores", "Otros", "amber", START)


@pytest.mark.parametrize(
    ("nation", "identity"),
    [
        *(("mx", made_id("identity", 5)), ("US", made_id("identity", 5)), ("../x", made_id("identity", 5))),
        *(
            ("", made_id("identity", 5)),
            ("canada", made_id("identity", 5)),
            ("ca", "x"),
            ("ca", made_id("incident", 5)),
        ),
    ],
)
def test_it_refuses_a_peer_that_cannot_be_one(mx: Node, nation: str, identity: str) -> None:
    """The name goes into logs, lock files and settings; the identity into every object of his."""
    who = node.Identity("CERT", identity, "peer", nation)
    with writing(mx.db) as c, pytest.raises(Refused):
        node.add_peer(c, nation, who, "amber", START)


def test_it_gives_a_peer_eyes_on_two_logs_and_hands_on_none(mx: Node) -> None:
    """A peer has no write right anywhere on our node."""
    with reading(mx.db) as c:
        account = signin.account(c, "us", "s" * 40)
        assert account is not None
        found = signin.collections_of(c, account.n)

    assert {(one.alias, one.can_read, one.can_write) for one in found} == {
        ("to-us", True, False),
        ("from-us", True, False),
    }


def test_it_refuses_a_second_peer_of_one_name(mx: Node) -> None:
    who = node.Identity(US.name, US.identity, "peer", "us")
    with writing(mx.db) as c, pytest.raises(Conflict):
        node.add_peer(c, "us", who, "amber", START)
