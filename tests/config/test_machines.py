"""Several machines on one database: welcome with an index that all of them reach, refused with one that is a folder."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cert.errors import Missing
from cert.store import migrate
from cert.store.engine import Engine, open_db, take_lock
from config import node
from config.reading import load
from config.settings import Settings

Machines = tuple[Settings, Settings]


@pytest.fixture
def two(tmp_path: Path, postgres_url: str) -> Machines:
    """The settings of a node, as two machines have them."""
    db = open_db(postgres_url)
    migrate.upgrade(db)
    db.dispose()
    password = str(urlsplit(postgres_url).password)
    return machine(tmp_path / "one", postgres_url, password), machine(tmp_path / "two", postgres_url, password)


def machine(folder: Path, url: str, password: str) -> Settings:
    (folder / "data").mkdir(parents=True)
    (folder / "password").write_text(password, "utf-8")
    told = f'database = "{url.replace(f":{password}@", "@")}"\ndatabase_password_file = "password"\n'
    (folder / "node.toml").write_text(f'nation = "mx"\nname = "CERT"\ndata = "data"\n{told}', "utf-8")
    return load(folder / "node.toml", {})


@contextmanager
def running(*settings: Settings) -> Iterator[list[Engine]]:
    """A process on each of these machines."""
    with ExitStack() as opened:
        found = []
        for one in settings:
            found.append(node.database(one))
            opened.callback(found[-1].dispose)
        yield found


def test_it_refuses_a_second_machine_whose_index_is_a_folder(two: Machines) -> None:
    first, second = two
    with running(first, first), pytest.raises(Missing) as told:
        node.database(second)

    assert "Another machine (127.0.0.1) works on this database" in str(told.value)
    assert "Run all processes of the node on one machine" in str(told.value)
    assert "let `elasticsearch` name a cluster" in str(told.value)
    with running(second, second):
        pass


def test_it_lets_several_machines_work_whose_index_is_a_cluster(two: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "embedded", lambda _: False)
    with running(*two) as (one, other):
        held = take_lock(one, "search")
        assert held is not None
        assert take_lock(other, "search") is None
        held.close()


def test_it_names_a_machine_once(two: Machines) -> None:
    """Whichever process comes first makes the name; the others find it."""
    first, second = two
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(node.machine, [first.data] * 8))

    assert len(names) == 1
    assert node.machine(second.data) not in names
    assert [path.name for path in first.data.iterdir()] == ["machine.id"]


def test_it_names_no_machine_where_there_is_no_node(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="puente init"):
        node.machine(tmp_path / "data")
