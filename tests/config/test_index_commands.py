"""`puente index`: what an operator sees of the search index, in words and in JSON."""

import json
import shutil
from contextlib import closing
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cert.search.index import Mark
from config import wiring
from config.cli import main
from tests.cast import Node, incident, marked

GREEN = {"object_marking_refs": marked("green")}


@pytest.fixture
def indexed(mx: Node) -> Node:
    """A node with three incidents, all of them indexed."""
    mx.say(*(incident(n, **GREEN) for n in range(3)))
    mx.settle()
    mx.opened.pop().close()
    return mx


def puente(mx: Node, *words: str) -> Result:
    return CliRunner().invoke(main, ["--settings", str(mx.settings.data.parent / "mx.toml"), "index", *words])


def asked(mx: Node, *words: str) -> Any:
    return json.loads(puente(mx, *words, "--json").stdout)


def spoil(mx: Node) -> int:
    """Take one line out of the index, behind everybody's back."""
    (entry,) = mx.newest(mx.everything()[-1].id)
    shelf = wiring.shelf_of(mx.settings)
    with closing(shelf.open(shelf.generations()[0] or "")) as index:
        mark = index.mark()
        index.write([], [entry.line or 0], mark or Mark(0, 0))
    return entry.line or 0


def test_check_says_that_all_is_right(indexed: Node) -> None:
    result = puente(indexed, "check")

    assert result.exit_code == 0
    assert "documents are as the record says, 0 are not." in result.stdout


def test_check_names_what_is_wrong_and_what_to_do(indexed: Node) -> None:
    line = spoil(indexed)

    result = puente(indexed, "check")

    assert result.exit_code == 3
    assert f"lacking: lines {line}" in result.stdout
    assert "`puente index rebuild`" in result.stdout
    assert asked(indexed, "check")["lacking"] == [line]


def test_check_says_how_far_the_worker_is_behind(indexed: Node) -> None:
    indexed.say(incident(9, **GREEN))

    assert asked(indexed, "check")["behind"] == 1


def test_rebuild_puts_right_what_was_wrong(indexed: Node) -> None:
    spoil(indexed)

    result = puente(indexed, "rebuild")

    assert (result.exit_code, result.stderr) == (0, "")
    assert asked(indexed, "check") == asked(indexed, "rebuild")
    assert asked(indexed, "check")["wrong"] == 0


def test_rebuild_makes_an_index_that_is_not_there(indexed: Node) -> None:
    shutil.rmtree(indexed.settings.index)

    assert puente(indexed, "check").exit_code == 1
    assert puente(indexed, "rebuild").exit_code == 0
    assert puente(indexed, "check").exit_code == 0


def test_search_says_that_it_is_limited(indexed: Node) -> None:
    shutil.rmtree(indexed.settings.index)
    path = str(indexed.settings.data.parent / "mx.toml")

    result = CliRunner().invoke(main, ["--settings", path, "search", "--as", "luis", "--json", "type:incident"])

    assert result.exit_code == 0
    assert (json.loads(result.stdout)["count"], json.loads(result.stdout)["limited"]) == (3, True)
    assert "newest objects were looked through" in result.stderr
