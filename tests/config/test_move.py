"""A node moves to another database with everything it holds, or stays where it is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from cert.errors import Missing
from cert.store import log, migrate, signin, sqlite
from cert.store.engine import Engine, open_db, reading, writing
from cert.store.tables import bodies
from config import node
from config.cli import main
from config.node import IMPORT
from config.reading import load
from tests.cast import Node, address, incident, indicator
from tests.servers.postgres import Door

HANG = """
import sys
from cert.store import engine, moving
from config.cli import main
written = engine.insert_rows
def write(c, table, rows, **more):
    written(c, table, rows, **more)
    if table.name == "entries":
        print("written", flush=True)
        sys.stdin.readline()
engine.insert_rows = write
main(sys.argv[1:])
"""


@dataclass(frozen=True, slots=True)
class Lived:
    """A node of the cast that has lived a little, its settings file, and an empty database elsewhere."""

    node: Node
    file: Path
    url: str
    password: str
    password_file: Path

    def words(self, to: str = "") -> list[str]:
        """What to type for a move."""
        words = ["--settings", str(self.file), "move", "--to", to or self.url]
        return [*words, "--password-file", str(self.password_file), "--json"]

    def move(self, to: str = "") -> Result:
        """Move, with no process beside it."""
        self.node.db.dispose()
        return CliRunner().invoke(main, self.words(to))

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["--settings", str(self.file), *words])

    def settle(self, moved: Result) -> None:
        """Write into the settings what the command says."""
        said = json.loads(moved.stdout)["settings"]
        self.file.write_text("\n".join([self.file.read_text("utf-8"), *said]), "utf-8")

    @contextmanager
    def opened(self) -> Iterator[Node]:
        """The node as its settings now have it."""
        settings = load(self.file, {})
        with node_at(node.database(settings)) as db:
            yield Node(settings, db, self.node.clock, self.node.opened)

    @contextmanager
    def target(self) -> Iterator[Engine]:
        """The other database."""
        with node_at(open_db(self.url, password=self.password)) as db:
            yield db


@contextmanager
def node_at(db: Engine) -> Iterator[Engine]:
    yield db
    db.dispose()


@pytest.fixture
def lived(mx: Node, tmp_path: Path, postgres_url: str) -> Lived:
    mx.say(incident(1), indicator(1), indicator(2), address("203.0.113.7"))
    mx.deposit(indicator(3), indicator(4), {"type": "indicator"})
    mx.settle()
    mx.release(mx.file(title="Ñandú en la aduana", paste="198.51.100.7"))
    mx.cross()
    password = str(urlsplit(postgres_url).password)
    file = tmp_path / "password"
    file.write_text(f"{password}\n", "utf-8")
    return Lived(mx, tmp_path / "mx.toml", postgres_url.replace(f":{password}@", "@"), password, file)


def heads(db: Engine) -> dict[str, int]:
    with reading(db) as c:
        return {name: log.head(c, name) for name in log.names(c)}


def tables_of(db: Engine) -> str | None:
    with reading(db) as c:
        return migrate.revision(c)


# --- a whole move ------------------------------------------------------------------------------------------------
def test_it_carries_everything_and_goes_on_where_it_was(lived: Lived) -> None:
    mx = lived.node
    before, entries = heads(mx.db), {name: mx.everything(name) for name in heads(mx.db)}
    with writing(mx.db) as c:
        token = signin.open_session(c, mx.viewer("luis").person, mx.clock())
        cursor = log.cursor(c, f"intake:{IMPORT}")

    moved = lived.move()
    assert moved.exit_code == 0, moved.output
    lived.settle(moved)

    with lived.opened() as there:
        assert there.db.dialect.name == "postgresql"
        assert {name: there.everything(name) for name in heads(there.db)} == entries
        with reading(there.db) as c:
            assert signin.session_person(c, token, mx.clock()) == (mx.viewer("luis").person, False)
            assert (log.cursor(c, f"intake:{IMPORT}"), cursor) == (2, 2)
        there.file(title="Después")
        there.deposit(indicator(9))
        there.settle()
        there.release(there.file(title="Otro más"))
        there.cross()
        with writing(there.db) as c:
            node.add_agency(c, "Puertos", "mx", there.clock())
        for name, head in heads(there.db).items():
            assert [entry.number for entry in there.everything(name)] == list(range(1, head + 1))
        assert heads(there.db)["to:us"] > before["to:us"]


def test_it_says_what_was_carried(lived: Lived) -> None:
    with reading(lived.node.db) as c:
        held = c.execute(select(func.count()).select_from(bodies)).scalar_one()
    told = json.loads(lived.move().stdout)

    rows = {one["table"]: one["rows"] for one in told["tables"]}
    assert rows["bodies"] == held > 10
    assert {"peers", "sessions", "held", "statuses"} <= rows.keys()
    assert {len(one["digest"]) for one in told["tables"]} == {64}
    assert told["settings"] == [f'database = "{lived.url}"', f'database_password_file = "{lived.password_file}"']


def test_it_refuses_who_comes_with_the_old_settings_and_says_where_to(lived: Lived) -> None:
    assert lived.move().exit_code == 0

    for words in (["check"], ["init"], ["work"], ["user", "add", "eva"]):
        refused = lived.run(*words)
        assert refused.exit_code == 1
        assert f'Write `database = "{lived.url}"` into the settings' in refused.output


def test_it_takes_a_move_back(lived: Lived) -> None:
    before = lived.node.everything()
    assert lived.run("move", "--undo").exit_code == 1
    assert lived.move().exit_code == 0

    assert lived.run("move", "--undo").exit_code == 0

    with lived.opened() as here:
        assert here.everything() == before
        here.file(title="Aquí")
        assert lived.run("check").exit_code != 1


def test_it_moves_back_to_a_file(lived: Lived, tmp_path: Path) -> None:
    moved = lived.move()
    lived.settle(moved)
    with lived.opened() as there:
        filed = there.file(title="Allá")
    file = tmp_path / "again.db"

    back = lived.run("move", "--to", f"sqlite:///{file}")

    assert back.exit_code == 0, back.output
    with node_at(open_db(f"sqlite:///{file}")) as db, reading(db) as c:
        assert log.head(c, "record") == filed.number
    assert "This database was moved" in lived.run("check").output


# --- what stops it -----------------------------------------------------------------------------------------------
def test_it_is_refused_while_a_process_of_the_node_runs(lived: Lived) -> None:
    """The portal has no lock of its own; what was filed there after the move would be lost."""
    with reading(lived.node.db):
        refused = CliRunner().invoke(main, lived.words())

    assert refused.exit_code == 1
    assert "still has the database open. Stop them all" in refused.output
    with lived.target() as target:
        assert tables_of(target) is None
    lived.node.file(title="Sigue")


def test_it_lets_nobody_in_while_it_moves(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 1)
    lived.node.db.dispose()
    with hanging(lived):
        refused = lived.run("check")

    assert refused.exit_code == 1
    assert "database is locked" in refused.output
    assert lived.move().exit_code == 0


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("mysql://puente@127.0.0.1/puente", "--to = 'mysql://puente@127.0.0.1/puente', but it must be `sqlite:///`"),
        ("postgresql://puente:hidden@127.0.0.1/puente", "'postgresql://puente:***@127.0.0.1/puente', but it must be"),
        ("postgresql://puente@127.0.0.1:1/puente", "puente at 127.0.0.1 does not answer"),
        ("postgresql://puente@127.0.0.1:{port}/nowhere", 'database "nowhere" does not exist'),
    ],
)
def test_it_says_what_is_wrong_with_the_address(lived: Lived, to: str, said: str) -> None:
    refused = lived.move(to.format(port=urlsplit(lived.url).port))

    assert refused.exit_code == 1
    assert said in refused.output
    assert "hidden" not in refused.output
    lived.node.file(title="Sigue")


def test_it_refuses_the_database_it_is_in(lived: Lived) -> None:
    refused = lived.run("move", "--to", str(lived.node.db.url))

    assert "The node is in that database already" in refused.output


def test_it_refuses_a_database_that_is_not_empty(lived: Lived) -> None:
    with lived.target() as target, writing(target) as c:
        migrate.make(c)

    refused = lived.move()

    assert f"The database {lived.url} is not empty" in refused.output
    lived.node.file(title="Sigue")


def test_it_refuses_a_database_of_somebody_else(lived: Lived, postgres_server: Door) -> None:
    postgres_server.run("CREATE TABLE entries (theirs int)", urlsplit(lived.url).path[1:], "puente")

    assert "is not empty" in lived.move().output


def test_it_changes_nothing_when_what_arrives_differs(lived: Lived, postgres_server: Door) -> None:
    """A digest of what was sent is compared with a digest of what is there, row by row."""
    there = urlsplit(lived.url).path[1:]
    assert lived.move().exit_code == 0
    assert lived.run("move", "--undo").exit_code == 0
    postgres_server.run("UPDATE bodies SET body = body || ' ' WHERE n = 3", there, "puente")

    refused = lived.move()

    assert refused.exit_code == 1
    assert "The other database differs from this one in bodies" in refused.output
    lived.node.file(title="Sigue")


# --- a move that was cut short -----------------------------------------------------------------------------------
@contextmanager
def hanging(lived: Lived) -> Iterator["subprocess.Popen[bytes]"]:
    """A move that has written half of it and goes no further; killed at the end."""
    command = [sys.executable, "-c", HANG, *lived.words()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as moving:
        assert moving.stdout is not None
        assert moving.stdout.readline() == b"written\n"
        yield moving
        moving.kill()


def test_it_is_started_again_when_it_was_cut_short(lived: Lived) -> None:
    before = lived.node.everything()
    lived.node.db.dispose()
    with hanging(lived):
        pass
    with lived.target() as target:
        assert tables_of(target) is None
    assert lived.node.everything() == before

    moved = lived.move()

    assert moved.exit_code == 0, moved.output
    lived.settle(moved)
    with lived.opened() as there:
        assert there.everything() == before


def test_it_is_finished_when_it_was_cut_just_before_the_mark(lived: Lived) -> None:
    """The other database holds all of it, and this one does not know yet that it was moved."""
    assert lived.move().exit_code == 0
    assert lived.run("move", "--undo").exit_code == 0

    again = lived.move()

    assert again.exit_code == 0, again.output
    with pytest.raises(Missing, match="was moved"):
        node.database(load(lived.file, {}))
