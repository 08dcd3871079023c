"""What is particular to the index in a folder."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cert.errors import Conflict, Missing
from cert.search.documents import Document
from cert.search.embedded import open_embedded
from cert.search.query import Query

ALL = frozenset({"everyone"})


def doc(line: int) -> Document:
    return Document(line, line, "note--1", "note", 1, "mx", ("everyone",), "", "", (), (), "clear", "", "", line)


def test_it_says_what_to_do_when_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing) as refused:
        open_embedded(tmp_path / "index")

    assert str(refused.value) == (
        f"The search index at {tmp_path}/index is missing. Start `puente work`; it builds it again from the record."
    )


def test_it_says_so_when_the_folder_goes_away_while_it_is_read(tmp_path: Path) -> None:
    open_embedded(tmp_path / "index", writer=True, create=True)
    reader = open_embedded(tmp_path / "index")

    shutil.rmtree(tmp_path / "index")

    with pytest.raises(Missing, match="is missing"):
        reader.refresh()


def test_it_shows_a_reader_what_the_writer_wrote(tmp_path: Path) -> None:
    writer = open_embedded(tmp_path / "index", writer=True, create=True)
    reader = open_embedded(tmp_path / "index")

    writer.write([doc(1)])
    reader.refresh()

    assert reader.search(Query(), ALL, 10).count == 1
    assert reader.generation == writer.generation


def test_it_keeps_what_was_written(tmp_path: Path) -> None:
    first = open_embedded(tmp_path / "index", writer=True, create=True)
    first.write([doc(1)])
    first.close()

    again = open_embedded(tmp_path / "index", writer=True, create=True)

    assert (again.count(), again.generation) == (1, first.generation)


def test_it_keeps_what_was_written_by_a_process_that_was_killed(tmp_path: Path) -> None:
    """And frees the lock with it, so that the next worker goes on at once."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from cert.search.embedded import open_embedded\n"
        "from cert.search.documents import Document\n"
        "index = open_embedded(Path(sys.argv[1]), writer=True, create=True)\n"
        "index.write([Document(1, 1, 'note--1', 'note', 1, 'mx', ('everyone',), '', '', (), (), 'clear', '', '', 1)])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "index")], check=False, cwd=Path(__file__).parents[3])

    index = open_embedded(tmp_path / "index", writer=True)
    index.write([doc(2)])

    assert index.count() == 2


def test_it_has_another_generation_when_it_is_made_again(tmp_path: Path) -> None:
    first = open_embedded(tmp_path / "index", writer=True, create=True)
    first.close()
    reader = open_embedded(tmp_path / "index")
    shutil.rmtree(tmp_path / "index")

    second = open_embedded(tmp_path / "index", writer=True, create=True)
    reader.refresh()

    assert second.generation != first.generation
    assert reader.generation == second.generation


def test_it_makes_a_folder_of_another_format_again(tmp_path: Path) -> None:
    first = open_embedded(tmp_path / "index", writer=True, create=True)
    first.write([doc(1)])
    first.close()
    (tmp_path / "index" / "generation").write_text("0 old\n")

    with pytest.raises(Missing, match="another version of Puente"):
        open_embedded(tmp_path / "index")
    assert open_embedded(tmp_path / "index", writer=True, create=True).count() == 0


def test_it_uses_an_empty_folder_that_is_already_there(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()

    assert open_embedded(tmp_path / "index", create=True).count() == 0


def test_it_never_touches_a_folder_with_other_things_in_it(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "thesis.txt").write_text("mine")

    with pytest.raises(Missing, match="No search index can be made"):
        open_embedded(tmp_path / "index", create=True)

    assert [path.name for path in tmp_path.rglob("*")] == ["index", "thesis.txt"]


def test_it_admits_one_writer(tmp_path: Path) -> None:
    one = open_embedded(tmp_path / "index", writer=True, create=True)
    two = open_embedded(tmp_path / "index", writer=True)
    one.write([doc(1)])

    with pytest.raises(Conflict, match="Another process writes the search index"):
        two.write([doc(2)])

    one.close()
    two.write([doc(2)])
    assert two.count() == 2


def test_it_refuses_to_write_where_it_was_opened_to_read(tmp_path: Path) -> None:
    open_embedded(tmp_path / "index", create=True)

    with pytest.raises(Conflict, match="was opened to read"):
        open_embedded(tmp_path / "index").write([doc(1)])


def test_it_does_not_go_on_in_a_folder_that_was_replaced(tmp_path: Path) -> None:
    """The new one is empty: going on would leave a gap that no cursor tells of."""
    old = open_embedded(tmp_path / "index", writer=True, create=True)
    shutil.rmtree(tmp_path / "index")
    open_embedded(tmp_path / "index", writer=True, create=True)

    with pytest.raises(Missing, match="was replaced"):
        old.write([doc(1)])
