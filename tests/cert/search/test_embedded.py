"""What is particular to the index in a folder."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cert.errors import Conflict, Missing
from cert.search.documents import Document, document
from cert.search.embedded import EmbeddedShelf
from cert.search.index import Index, Mark
from cert.search.query import Query
from cert.store.log import Entry

ALL = frozenset({"everyone"})


def doc(line: int) -> Document:
    entry = Entry(line, "object", line, "note--1", 1, line, 0, None, b"", b'{"type":"note"}')
    return document(entry, ["everyone"], "mx", "clear")


def put(index: Index, *lines: int) -> None:
    index.write([doc(line) for line in lines], (), Mark(max(lines), 0))


def made(shelf: EmbeddedShelf, *lines: int) -> str:
    """A live index that holds these lines, and its name."""
    name = shelf.add()
    with closing(shelf.open(name)) as index:
        put(index, *lines)
    shelf.promote(name)
    return name


@pytest.fixture
def shelf(tmp_path: Path) -> EmbeddedShelf:
    return EmbeddedShelf(tmp_path / "index")


def test_it_says_what_to_do_when_the_folder_is_missing(shelf: EmbeddedShelf) -> None:
    with pytest.raises(Missing) as refused:
        shelf.live()

    assert str(refused.value) == (
        f"The search index at {shelf.path} is missing. Start `puente work`; it builds it again from the record."
    )


def test_it_says_so_when_the_folder_goes_away_while_it_is_read(shelf: EmbeddedShelf) -> None:
    made(shelf, 1)
    reader = shelf.live()

    shutil.rmtree(shelf.path)

    with pytest.raises(Missing, match="is missing"):
        until(lambda: reader.count() == 0)


def until(done: Callable[[], bool]) -> None:
    """Ask again until it is so: a reader looks ten times a second."""
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline


def test_it_shows_a_reader_what_the_writer_wrote(shelf: EmbeddedShelf) -> None:
    name = made(shelf, 1)
    reader = shelf.live()

    with closing(shelf.open(name)) as writer:
        put(writer, 2)

    until(lambda: reader.search(Query(), ALL, 10).count == 2)


def test_it_keeps_what_was_written_by_a_process_that_was_killed(shelf: EmbeddedShelf) -> None:
    """And frees the lock with it, so that the next worker goes on at once."""
    name = made(shelf, 1)
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from cert.search.embedded import EmbeddedShelf\n"
        "from cert.search.index import Mark\n"
        "index = EmbeddedShelf(Path(sys.argv[1])).open(sys.argv[2])\n"
        "index.write([], [1], Mark(7, 70))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(shelf.path), name], check=False, cwd=Path(__file__).parents[3])

    with closing(shelf.open(name)) as index:
        assert (index.count(), index.mark()) == (0, Mark(7, 70))
        put(index, 2)
        assert index.count() == 1


def test_a_reader_finds_the_next_index_when_the_folder_was_lost(shelf: EmbeddedShelf) -> None:
    made(shelf, 1)
    reader = shelf.live()
    shutil.rmtree(shelf.path)

    name = made(shelf, 1, 2)

    until(lambda: reader.count() == 2)
    assert reader.generation == name


def test_it_takes_an_index_of_another_format_for_none(shelf: EmbeddedShelf) -> None:
    name = made(shelf, 1)
    (shelf.path / name).rename(shelf.path / f"1{name}")
    (shelf.path / "live").unlink()
    (shelf.path / "live").symlink_to(f"1{name}")

    assert shelf.generations() == (None, None)
    with pytest.raises(Missing, match="is missing"):
        shelf.live()
    assert shelf.sweep() == [f"1{name}"]


def test_it_removes_the_index_that_was_the_folder_itself(shelf: EmbeddedShelf) -> None:
    """So it was before there could be two."""
    shelf.path.mkdir()
    for name in ("generation", "meta.json", "0.store"):
        (shelf.path / name).write_text("1 old")

    made(shelf, 1)

    assert {path.name for path in shelf.path.iterdir()} == {"live", shelf.generations()[0]}


def test_it_never_touches_other_things_in_its_folder(shelf: EmbeddedShelf) -> None:
    shelf.path.mkdir()
    (shelf.path / "thesis.txt").write_text("mine")
    (shelf.path / "2026").mkdir()

    made(shelf, 1)
    made(shelf, 1)
    shelf.sweep()

    assert {path.name for path in shelf.path.iterdir()} == {"live", shelf.generations()[0], "thesis.txt", "2026"}


def test_it_says_why_no_index_can_be_made(shelf: EmbeddedShelf) -> None:
    shelf.path.write_text("a file stands there")

    with pytest.raises(Missing, match="No search index can be made"):
        shelf.add()


def test_it_admits_one_writer(shelf: EmbeddedShelf) -> None:
    name = made(shelf, 1)
    one, two = shelf.open(name), shelf.open(name)
    put(one, 1)

    with pytest.raises(Conflict, match="Another process writes the search index"):
        put(two, 2)

    one.close()
    put(two, 2)
    assert two.count() == 2
    two.close()


def test_it_refuses_to_write_where_it_was_opened_to_read(shelf: EmbeddedShelf) -> None:
    made(shelf, 1)

    with pytest.raises(Conflict, match="was opened to read"):
        put(shelf.live(), 1)


def test_it_does_not_go_on_in_a_folder_that_was_removed(shelf: EmbeddedShelf) -> None:
    """Going on would leave a gap that no cursor tells of."""
    old = shelf.open(made(shelf, 1))
    shutil.rmtree(shelf.path)
    made(shelf, 1)

    with pytest.raises(Missing, match="was removed"):
        put(old, 2)
