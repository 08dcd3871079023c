"""The schema a database has, and what is said when it is another one."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Text, inspect, text

import feeds.store  # noqa: F401 its tables stand on the same MetaData
from cert.errors import Missing
from cert.store import aside, migrate, pages
from cert.store.engine import Engine, open_db, reading, writing
from cert.store.pages import LAST, Span, Wanted
from cert.store.tables import metadata
from tests.servers import postgres


@pytest.fixture
def empty(url: str) -> Iterator[Engine]:
    db = open_db(url)
    yield db
    db.dispose()


@pytest.fixture
def described(empty: Engine, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database on the same engine with the tables that the code describes."""
    with ExitStack() as made:
        if empty.dialect.name == "sqlite":
            url = f"sqlite:///{tmp_path / 'described.db'}"
        else:
            url = made.enter_context(postgres.database(request.getfixturevalue("postgres_server")))
        db = open_db(url)
        made.callback(db.dispose)
        with writing(db) as c:
            metadata.create_all(c)
        yield db


def become(db: Engine, revision: str) -> None:
    with writing(db) as c:
        c.execute(text("UPDATE alembic_version SET version_num = :n"), {"n": revision})


def test_it_makes_exactly_the_tables_that_the_code_describes(empty: Engine) -> None:
    migrate.upgrade(empty)

    with reading(empty) as c:
        assert compare_metadata(MigrationContext.configure(c), metadata) == []


def test_it_makes_the_same_columns_and_keys_as_the_code_describes(empty: Engine, described: Engine) -> None:
    """What Alembic does not compare: primary keys, collations, and the order of columns, in which rows are inserted."""
    migrate.upgrade(empty)

    for name in metadata.tables:
        for ask in ("get_pk_constraint", "get_unique_constraints", "get_foreign_keys", "get_indexes"):
            made, told = (_in_order(getattr(inspect(db), ask)(name)) for db in (empty, described))
            assert made == told
        made, told = ([_column(one, db) for one in inspect(db).get_columns(name)] for db in (empty, described))
        assert made == told


def test_it_sorts_every_text_by_its_bytes(empty: Engine) -> None:
    """A new table must do so too: ranges of ids and the order of names are the same on both engines."""
    migrate.upgrade(empty)

    for name in metadata.tables:
        texts = [_column(one, empty) for one in inspect(empty).get_columns(name) if isinstance(one["type"], Text)]
        assert empty.dialect.name == "sqlite" or all('COLLATE "C"' in text for text in texts)


def _column(one: Any, db: Engine) -> str:
    return f"{one['name']} {one['type'].compile(db.dialect)} {one['nullable']}"


def _in_order(found: object) -> list[str]:
    return sorted(map(str, found if isinstance(found, list) else [found]))


def test_it_changes_nothing_the_second_time(empty: Engine) -> None:
    migrate.upgrade(empty)
    migrate.upgrade(empty)

    migrate.demand_current(empty)


def test_it_lets_two_operators_begin_at_once(empty: Engine) -> None:
    begin = threading.Barrier(2)

    def upgrade() -> None:
        begin.wait(30)
        migrate.upgrade(empty)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(upgrade), pool.submit(upgrade)]:
            done.result()

    migrate.demand_current(empty)


def test_it_brings_an_older_database_up_to_date(empty: Engine) -> None:
    """What an older version wrote is found by its type, as what this one writes is."""
    migrate.upgrade(empty, "0001")
    with pytest.raises(Missing, match="older version"):
        migrate.demand_current(empty)
    with writing(empty) as c:
        for statement in OLDER:
            c.execute(text(statement))

    migrate.upgrade(empty)

    with reading(empty) as c:
        assert pages.objects(c, "bench:x", Wanted(None, LAST, ("tool",)), Span(0, 9, 9)).numbers == [1]
        assert c.execute(text("SELECT kind, type FROM entries ORDER BY number")).all() == [
            ("object", "tool"),
            ("note", None),
        ]


OLDER = (
    "INSERT INTO organisations VALUES (1, 'X', 'cert', 'mx', 'identity--1', 'amber', TRUE)",
    "INSERT INTO logs VALUES (1, 'bench:x', 1, 2, 2)",
    "INSERT INTO ids VALUES (1, 'tool--1')",
    "INSERT INTO lines VALUES (1, 1, 1, '')",
    "INSERT INTO bodies VALUES (1, '', '{}')",
    "INSERT INTO entries VALUES (1, 1, 'object', 1, 1, NULL, 1, 1), (1, 2, 'note', NULL, NULL, NULL, 1, 2)",
    "INSERT INTO current VALUES (1, 1, 1)",
)


def test_it_keeps_the_sentences_of_an_older_version_as_they_were(empty: Engine) -> None:
    migrate.upgrade(empty, "0003")
    with writing(empty) as c:
        c.execute(text("INSERT INTO health VALUES ('pull:us', FALSE, 'It is 100 % lost: %(peer)s.', 1)"))
        c.execute(
            text("INSERT INTO set_aside VALUES (1, 'admit:us', 'from:us', 7, 'x--1', 'bad', 'Entry 7 is bad.', 1)")
        )

    migrate.upgrade(empty)

    with reading(empty) as c:
        assert [str(one.why) for one in aside.all_health(c)] == ["It is 100 % lost: %(peer)s."]
        assert [str(one.why) for one in aside.all_aside(c, 9)] == ["Entry 7 is bad."]


def test_it_says_where_an_older_database_was_moved_to(empty: Engine) -> None:
    migrate.upgrade(empty, "0003")
    with writing(empty) as c:
        c.execute(text("INSERT INTO health VALUES ('moved', FALSE, 'postgresql://there/puente', 0)"))
    become(empty, "moved 0003")

    with pytest.raises(Missing, match="postgresql://there/puente"):
        migrate.upgrade(empty)


def test_it_refuses_an_empty_database_and_names_the_command(empty: Engine) -> None:
    with pytest.raises(Missing, match="puente init"):
        migrate.demand_current(empty)


def test_it_refuses_a_newer_database_and_says_what_to_do(empty: Engine) -> None:
    migrate.upgrade(empty)
    become(empty, "9999")

    with pytest.raises(Missing, match=r"newer version \(9999\)\. Run the Puente that wrote it"):
        migrate.demand_current(empty)


def test_it_leaves_a_newer_database_alone_when_told_to_upgrade(empty: Engine) -> None:
    migrate.upgrade(empty)
    become(empty, "9999")

    with pytest.raises(Missing, match="newer version"):
        migrate.upgrade(empty)


def test_it_refuses_an_older_database_and_names_the_command(empty: Engine) -> None:
    migrate.upgrade(empty)
    with writing(empty) as c:
        c.execute(text("DELETE FROM alembic_version"))

    with pytest.raises(Missing, match="puente init"):
        migrate.demand_current(empty)


def test_it_keeps_nothing_of_an_upgrade_that_fails(empty: Engine) -> None:
    """A table in the way stands for any fault in the middle: the database is as it was."""
    with writing(empty) as c:
        c.execute(text("CREATE TABLE set_aside (n INTEGER)"))

    with pytest.raises(Exception, match="already exists"):
        migrate.upgrade(empty)

    assert inspect(empty).get_table_names() == ["set_aside"]
