"""The command `puente`: each command's way, and a sentence with an exit code for whatever stands in it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from cert.follow import now_us
from cert.store import log, people, signin
from cert.store.engine import reading, writing
from config.cast import MX
from config.cli import main
from tests.cast import PASSWORD, SECRET, SETTINGS, Node, incident, indicator, made_id, marked

Puente = Callable[..., Result]
DONE, NOT_DONE, WRONG_USE, ATTENTION = 0, 1, 2, 3


@pytest.fixture
def puente(mx: Node) -> Puente:
    """Run a command on the node of the cast."""
    mx.clock.now = now_us()
    path = mx.settings.data.parent / "mx.toml"
    return lambda *words, settings=path, **more: CliRunner().invoke(main, ["--settings", str(settings), *words], **more)


def file_with(tmp_path: Path, body: Any) -> str:
    path = tmp_path / "in.json"
    path.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
    return str(path)


def bundle(*objects: Any) -> dict[str, Any]:
    return {"type": "bundle", "id": made_id("bundle", 1), "objects": list(objects)}


def assert_says(done: Result, code: int, *parts: str) -> None:
    """A sentence for people and an exit code, never a trace."""
    assert done.exit_code == code, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    assert all(part in done.output for part in parts), done.output


# --- import ------------------------------------------------------------------------------------------------------
def test_it_imports_a_bundle_and_nothing_the_second_time(mx: Node, puente: Puente, tmp_path: Path) -> None:
    name = file_with(tmp_path, bundle(indicator(1), incident(2)))

    assert_says(puente("import", name), DONE, "2 stored, 0 duplicate, 0 conflict, 0 refused")
    assert_says(puente("import", name), DONE, "0 stored, 2 duplicate, 0 conflict, 0 refused")
    mx.settle()
    assert len(mx.newest(made_id("indicator", 1), made_id("incident", 2))) == 2


@pytest.mark.parametrize("wrap", [lambda o: o[0], lambda o: o, lambda o: {"objects": o}, lambda o: bundle(*o)])
def test_it_imports_an_object_a_list_an_envelope_and_a_bundle(puente: Puente, tmp_path: Path, wrap: Any) -> None:
    assert_says(puente("import", file_with(tmp_path, wrap([indicator(1)]))), DONE, "1 stored")


def test_it_reports_what_was_refused_and_why(puente: Puente, tmp_path: Path) -> None:
    puente("import", file_with(tmp_path, indicator(1)))
    told = bundle(
        indicator(1, name="otro"), {"type": "indicator"}, indicator(2), indicator(3, created_by_ref=MX.identity)
    )

    done = puente("import", file_with(tmp_path, told))
    assert_says(
        done, ATTENTION, "1 stored, 0 duplicate, 1 conflict, 2 refused", "differs in: name", "may not speak for"
    )

    done = puente("import", "--json", file_with(tmp_path, told))
    report = json.loads(done.stdout)
    assert done.exit_code == ATTENTION
    assert report["counts"] == {"stored": 0, "duplicate": 1, "conflict": 1, "refused": 2}
    assert [one["outcome"] for one in report["objects"]] == ["conflict", "refused", "duplicate", "refused"]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"{}", b"null", b"5", b'"x"', b"<html>", b"\xff\xfe", b"\x1f\x8b\x08\x00"),
        *(b'{"type":"bundle","objects":[]}', b'{"a":1,"a":2}', b"[" * 100_000, b'{"x": NaN}', b'{"x":"\\ud800"}'),
    ],
    ids=ascii,
)
def test_it_says_what_is_wrong_with_a_broken_file(mx: Node, puente: Puente, tmp_path: Path, body: bytes) -> None:
    name = file_with(tmp_path, body)

    done = puente("import", name)

    assert_says(done, NOT_DONE, "puente: ")
    assert name in done.output
    assert mx.everything("bench:import") == []


def test_it_imports_under_the_handling_that_is_said(mx: Node, puente: Puente, tmp_path: Path) -> None:
    assert_says(puente("import", "--handling", "red", file_with(tmp_path, incident(1))), DONE)
    mx.settle()

    assert [entry.handling for entry in mx.newest(made_id("incident", 1))] == ["red"]


def test_it_refuses_a_file_larger_than_the_setting(mx: Node, puente: Puente, tmp_path: Path) -> None:
    name = file_with(tmp_path, bundle(*(indicator(n) for n in range(60))))

    assert_says(puente("import", name, env={"PUENTE_MAX_CONTENT_LENGTH": "10000"}), NOT_DONE, "max_content_length")


# --- search, export, check ---------------------------------------------------------------------------------------
def test_it_finds_what_somebody_may_see(mx: Node, puente: Puente) -> None:
    entry = mx.file("luis", title="Lectores caídos", paste="203.0.113.7")
    mx.settle()

    assert_says(puente("search", "--as", "luis", "lectores caidos"), DONE, "Lectores caídos", "1 found.")
    assert_says(puente("search", "--as", "raul", "lectores"), DONE, "0 found.")
    report = json.loads(puente("search", "--as", "luis", "--json", "type:incident", "lectores").stdout)
    assert (report["count"], report["objects"][0]["id"]) == (1, entry.id)


def test_it_says_that_the_index_is_missing(puente: Puente) -> None:
    assert_says(puente("search", "--as", "luis", "x"), DONE, "puente work", "newest objects were looked through")


def test_it_exports_an_incident_by_number_or_id(mx: Node, puente: Puente, tmp_path: Path) -> None:
    entry = mx.file("luis")
    number = entry.obj()["external_references"][0]["external_id"]

    for ref in (number, entry.id):
        found = json.loads(puente("export", ref, "--as", "luis").stdout)
        assert entry.id in [obj["id"] for obj in found["objects"]]
    assert_says(puente("export", number, "--as", "luis", "-o", str(tmp_path / "out.json")), DONE, "out.json")
    assert json.loads((tmp_path / "out.json").read_bytes())["type"] == "bundle"


def test_it_exports_nothing_that_the_person_may_not_see(mx: Node, puente: Puente) -> None:
    entry = mx.file("sofia", handling="red")

    hidden, absent = (
        puente("export", entry.id, "--as", "luis"),
        puente("export", made_id("incident", 9), "--as", "luis"),
    )
    assert_says(hidden, NOT_DONE, "or it is not for you")
    assert hidden.output == absent.output


def test_it_says_what_of_the_node_works(mx: Node, puente: Puente) -> None:
    mx.settle()
    mx.cross()
    done = puente("check")
    assert_says(done, ATTENTION, "put [peers.us] into the settings", "log record:")

    report = json.loads(puente("check", "--json").stdout)
    assert report["behind"]["search"] == 0
    assert not report["set_aside"]
    assert len(report["problems"]) == 1


def test_it_reports_a_missing_index_and_goes_on(puente: Puente) -> None:
    report = json.loads(puente("check", "--json").stdout)

    assert any("search index" in problem for problem in report["problems"])


# --- release -----------------------------------------------------------------------------------------------------
def test_it_releases_what_a_releaser_names(mx: Node, puente: Puente) -> None:
    entry = mx.file("luis", handling="green")

    assert_says(
        puente("release", "us", entry.id, "--by", "ana", "--yes"), DONE, "2 go, 0 are held, 0 are there already."
    )
    mx.cross()
    assert entry.id in [obj["id"] for obj in mx.sent()]
    assert_says(
        puente("release", "us", entry.id, "--by", "ana", "--yes"), DONE, "0 go, 0 are held, 2 are there already."
    )


@pytest.mark.parametrize(("typed", "code", "sent"), [("y\n", DONE, 2), ("n\n", NOT_DONE, 0), ("", NOT_DONE, 0)])
def test_it_asks_before_it_releases(mx: Node, puente: Puente, typed: str, code: int, sent: int) -> None:
    entry = mx.file("luis", handling="green")

    assert puente("release", "us", entry.id, "--by", "ana", input=typed).exit_code == code
    mx.cross()
    assert len(mx.sent()) == sent


def test_it_releases_a_workbench_and_holds_what_may_not_go(mx: Node, puente: Puente) -> None:
    mx.deposit(indicator(1, object_marking_refs=marked("green")), indicator(2, object_marking_refs=marked("red")))
    mx.settle()

    report = json.loads(puente("release", "us", "--workbench", "import", "--by", "ana", "--yes", "--json").stdout)

    assert report == {"sent": 1, "held": 1, "there": 0}
    mx.cross()
    assert [obj["id"] for obj in mx.sent()] == [made_id("indicator", 1)]


def test_it_releases_of_a_workbench_what_was_deposited_there_and_nothing_else_of_its_owner(
    mx: Node, puente: Puente
) -> None:
    assert_says(puente("collection", "add", "ours", "--org", MX.name), DONE)
    mx.say(incident(1, object_marking_refs=marked("green")))
    mx.deposit(indicator(2, object_marking_refs=marked("green")), bench="ours")
    mx.settle()

    assert_says(puente("release", "us", "--workbench", "ours", "--by", "ana", input="n\n"), NOT_DONE)
    assert_says(puente("release", "us", "--workbench", "ours", "--by", "ana", input="y\n"), DONE, "1 go")

    mx.cross()
    assert [obj["id"] for obj in mx.sent()] == [made_id("indicator", 2)]


# --- people and machines -----------------------------------------------------------------------------------------
def test_it_makes_a_person_who_can_sign_in(mx: Node, puente: Puente, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("una clave bastante larga\n")
    words = ("user", "add", "rosa", "--org", MX.agencies[0], "--role", "releaser", "--language", "en")

    assert_says(puente(*words, "--password-file", str(tmp_path / "password")), DONE, f"for {MX.agencies[0]}")

    assert "releaser" in mx.viewer("rosa").roles
    with reading(mx.db) as c:
        assert people.verify(c, "rosa", "una clave bastante larga")


def test_it_makes_a_password_and_shows_it_once(mx: Node, puente: Puente) -> None:
    shown = puente("user", "add", "rosa").output.rpartition(": ")[2].strip()

    with reading(mx.db) as c:
        assert people.verify(c, "rosa", shown)
    assert shown.encode() not in b"".join(entry.body for entry in mx.everything("acts"))


def test_it_makes_an_account_a_workbench_and_an_agency(mx: Node, puente: Puente) -> None:
    assert_says(puente("org", "add", "Puertos"), DONE, "identity--")
    assert_says(puente("collection", "add", "sonda", "--org", "Puertos"), DONE, "sonda")
    done = puente("account", "add", "sonda-1", "--org", "Puertos", "--write", "sonda", "--read", "import")
    assert_says(done, DONE, "shown this once")

    with reading(mx.db) as c:
        account = signin.account(c, "sonda-1", done.output.rpartition(": ")[2].strip())
        assert account is not None
        found = {one.alias: one.can_write for one in signin.collections_of(c, account.n)}
    assert found == {"sonda": True, "import": False}


def test_it_makes_a_peer(mx: Node, puente: Puente) -> None:
    words = ("peer", "add", "ca", "--name", "CERT Canada", "--identity", made_id("identity", 5))
    assert_says(puente(*words), DONE, "shown this once", "[peers.ca]")

    with reading(mx.db) as c:
        assert {"to:ca", "from:ca"} <= set(log.names(c))


BAD: dict[str, tuple[tuple[str, ...], int, str]] = {
    "unknown login": (("search", "--as", "nadie", "x"), NOT_DONE, "Nobody here signs in as nadie"),
    "unknown login for an export": (("export", "MX-2026-AAAAAA", "--as", "nadie"), NOT_DONE, "Nobody here signs in"),
    "unknown releaser": (("release", "us", made_id("incident", 1), "--by", "nadie", "--yes"), NOT_DONE, "Nobody here"),
    "no releaser": (("release", "us", made_id("incident", 1), "--by", "luis", "--yes"), NOT_DONE, "not a releaser"),
    "unknown peer": (("release", "ca", made_id("incident", 1), "--by", "ana", "--yes"), NOT_DONE, "no peer named ca"),
    "unknown object": (("release", "us", made_id("incident", 1), "--by", "ana", "--yes"), NOT_DONE, "nothing here"),
    "nothing to release": (("release", "us", "--by", "ana"), WRONG_USE, "Name STIX ids"),
    "unknown workbench": (
        ("release", "us", "--workbench", "x", "--by", "ana", "--yes"),
        NOT_DONE,
        "no workbench named x",
    ),
    "unknown number": (("export", "MX-2026-AAAAAA", "--as", "ana"), NOT_DONE, "nothing here"),
    "no such file": (("import", "gone.json"), WRONG_USE, "gone.json"),
    "a folder": (("import", "/"), WRONG_USE, "directory"),
    "wrong handling": (("import", "--handling", "pink", "x"), WRONG_USE, "pink"),
    "a login twice": (("user", "add", "ANA"), NOT_DONE, "already signs in as ana"),
    "an empty login": (("user", "add", ""), NOT_DONE, "login"),
    "a login of bytes": (("user", "add", "\udcff"), NOT_DONE, "login"),
    "unknown role": (("user", "add", "rosa", "--role", "king"), WRONG_USE, "king"),
    "unknown organisation": (("user", "add", "rosa", "--org", "Nadie"), NOT_DONE, "no organisation named Nadie"),
    "an organisation twice": (("org", "add", MX.agencies[0]), NOT_DONE, "already here"),
    "an empty organisation": (("org", "add", ""), NOT_DONE, "name"),
    "an account twice": (("account", "add", "sensor"), NOT_DONE, "already a machine account"),
    "unknown collection": (("account", "add", "x", "--read", "gone"), NOT_DONE, "no collection named gone"),
    "a colon in an account": (("account", "add", "a:b"), NOT_DONE, "colon"),
    "a workbench twice": (("collection", "add", "import"), NOT_DONE, "already"),
    "a workbench with a slash": (("collection", "add", "a/b"), NOT_DONE, "workbench"),
    "a peer twice": (("peer", "add", "us", "--name", "x", "--identity", made_id("identity", 5)), NOT_DONE, "already"),
    "a peer of ours": (
        ("peer", "add", "mx", "--name", "x", "--identity", made_id("identity", 5)),
        NOT_DONE,
        "own nation",
    ),
    "a peer's bad identity": (("peer", "add", "ca", "--name", "x", "--identity", "x"), NOT_DONE, "identity"),
    "unknown command": (("dance",), WRONG_USE, "dance"),
    "unknown option": (("check", "--loud"), WRONG_USE, "--loud"),
}


@pytest.mark.parametrize("what", BAD)
def test_it_says_what_stands_in_the_way_and_changes_nothing(mx: Node, puente: Puente, what: str) -> None:
    words, code, part = BAD[what]
    mx.settle()
    before = [len(mx.everything(name)) for name in ("record", "acts")]

    assert_says(puente(*words), code, part)
    assert [len(mx.everything(name)) for name in ("record", "acts")] == before


def test_it_keeps_nothing_of_an_account_whose_grant_fails(mx: Node, puente: Puente) -> None:
    puente("account", "add", "sonda", "--read", "gone")

    assert_says(puente("account", "add", "sonda"), DONE)


# --- the node itself ---------------------------------------------------------------------------------------------
NODE_COMMANDS = (
    *(("check",), ("search", "--as", "ana", "x"), ("import", __file__), ("export", "x", "--as", "ana"), ("work",)),
    *(("border",), ("user", "add", "x"), ("org", "add", "x"), ("serve", "portal"), ("serve", "taxii")),
    ("release", "us", "x", "--by", "ana", "--yes"),
)


@pytest.mark.parametrize("words", NODE_COMMANDS, ids=" ".join)
def test_it_names_the_settings_that_are_missing(puente: Puente, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert_says(puente(*words, settings=tmp_path / "gone.toml"), NOT_DONE, "gone.toml", "cannot be read")


@pytest.mark.parametrize("words", NODE_COMMANDS, ids=" ".join)
def test_it_names_the_command_that_makes_a_missing_database(puente: Puente, mx: Node, words: tuple[str, ...]) -> None:
    shutil.rmtree(mx.settings.data)

    done = puente(*words)
    assert_says(done, NOT_DONE, "puente init" if words[0] != "import" else "puente: ")


@pytest.mark.parametrize("words", NODE_COMMANDS, ids=" ".join)
def test_it_says_that_a_file_is_no_database(puente: Puente, mx: Node, words: tuple[str, ...]) -> None:
    mx.db.dispose()
    for file in mx.settings.data.glob("puente.db*"):
        file.unlink()
    (mx.settings.data / "puente.db").write_bytes(b"this is no database, and longer than a header of one" * 50)

    assert_says(puente(*words), NOT_DONE, "puente: ")


@pytest.mark.parametrize("command", [("init",), ("check",)])
def test_it_leaves_a_database_of_a_newer_version_alone(mx: Node, puente: Puente, command: tuple[str, ...]) -> None:
    with writing(mx.db) as c:
        c.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert_says(puente(*command), NOT_DONE, "newer version")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("portal_port = 70000", "portal_port"),
        ('nation = "Mexico"', "nation"),
        ("potal_port = 1", "did you mean portal_port"),
        ("x", "TOML"),
    ],
)
def test_it_names_a_wrong_setting(puente: Puente, tmp_path: Path, line: str, part: str) -> None:
    settings = tmp_path / "wrong.toml"
    settings.write_text(f'name = "x"\ndata = "d"\n{"" if "nation" in line else SETTINGS.splitlines()[1]}\n{line}\n')

    assert_says(puente("check", settings=settings), NOT_DONE, part)


def test_it_makes_a_node_and_says_what_comes_next(puente: Puente, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    settings = tmp_path / "new" / "new.toml"
    settings.write_text(SETTINGS, "utf-8")

    assert_says(puente("init", settings=settings), DONE, "is made", "puente user add")
    assert_says(puente("init", settings=settings), DONE, "was there")


def test_it_says_that_a_folder_cannot_be_made(puente: Puente, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "data").write_text("a file")

    assert_says(puente("init"), NOT_DONE, "data")


def test_it_says_that_a_secret_is_missing(mx: Node, puente: Puente) -> None:
    mx.settings.secret_key_file.unlink()

    for app in ("portal", "taxii"):
        assert_says(puente("serve", app), NOT_DONE, "secret.key")


def test_it_ends_cleanly_on_a_signal(mx: Node) -> None:
    """`work` and `border` finish what is under way and leave with 0."""
    path = mx.settings.data.parent / "mx.toml"
    for command in ("work", "border"):
        words = [sys.executable, "-m", "config", "--settings", str(path), command]
        with subprocess.Popen(words, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}) as process:
            assert process.stderr is not None
            assert b"started" in process.stderr.readline()
            process.terminate()
            assert process.wait(30) == 0
            assert b"Traceback" not in process.stderr.read()


def test_it_shows_no_secret_of_anybody(mx: Node, puente: Puente) -> None:
    """S2, L11: what reports says neither a password nor a machine's secret nor the key of the cookies."""
    mx.settle()
    key = mx.settings.secret_key_file.read_text().strip()
    for words in (("check",), ("check", "--json"), ("search", "--as", "ana", "--json", "x")):
        output = puente(*words).output
        assert not any(secret in output for secret in (key, PASSWORD, SECRET))
