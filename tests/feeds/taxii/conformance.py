"""`python -m tests.feeds.taxii.conformance` writes feeds/taxii/CONFORMANCE.md: each row, its promise and its tests."""

import functools
import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.catalogues import ROOT

FOLDER = ROOT / "tests" / "feeds"
ROWS = Path(__file__).with_name("rows.toml")
TABLE = ROOT / "feeds" / "taxii" / "CONFORMANCE.md"
HEAD = """# What the TAXII 2.1 server promises, and the tests that hold it

Written by `python -m tests.feeds.taxii.conformance` from `tests/feeds/taxii/rows.toml`; a test fails while it is not
up to date, or while a row has no test. The tests ask a server that really runs, under gunicorn. Levels: M the standard
demands it, S it recommends it, O it allows it, D it is silent or weak there, and we decided. Stores: both, if the tests
are run on a node on SQLite and on one on PostgreSQL; none, if they are about a line on which nothing is stored.
"""
BOTH, NO_STORE = "both", "none"


@dataclass(frozen=True, slots=True)
class Row:
    """A promise, and whether it is held on both stores or needs none; `instead` says why it has no test."""

    id: str
    level: str
    promise: str
    stores: str = BOTH
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Cited:
    """A test, one row that it stands for, and the stores that it is run on."""

    row: str
    file: Path
    test: str
    stores: tuple[str, ...]

    def words(self) -> str:
        """The test as a link with its name in words."""
        link = Path("../..") / self.file.relative_to(ROOT)
        return f"[{self.test.removeprefix('test_').replace('_', ' ')}]({link})"


def parts() -> list[tuple[str, list[Row]]]:
    """The rows, part by part."""
    return [(part["title"], [Row(**row) for row in part["rows"]]) for part in _read()["part"]]


def interop() -> dict[str, tuple[str, list[str]]]:
    """The rows of the interoperability document: what each asks for, and the rows of ours that hold it."""
    return {name: (said[0], said[1:]) for name, said in _read()["interop"].items()}


@functools.cache
def citations() -> list[Cited]:
    """Every citation under tests/feeds, in the order of files and lines, as pytest finds them."""
    # Without its terminal pytest writes nothing but what we write, and does not know the options that we give it.
    options = (
        "-p",
        "no:terminal",
        "-o",
        "addopts=--import-mode=importlib",
        "-p",
        "tests.feeds.taxii.conformance",
        "--collect-only",
        "-s",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(FOLDER)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [Cited(row, Path(file), test, tuple(stores)) for row, file, test, stores in json.loads(done.stdout)]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write what `citations` reads; this module is a plug-in of the pytest that it starts."""
    found: dict[tuple[Path, int, str, str], set[str]] = {}
    for item in session.items:
        for row in (row for mark in item.iter_markers("row") for row in mark.args):
            at = (item.path, item.location[1] or 0, item.originalname, row)  # type: ignore[attr-defined]
            params = item.callspec.params if hasattr(item, "callspec") else {}
            found.setdefault(at, set()).update({params["store"]} if "store" in params else ())
    told = [[row, str(path), test, sorted(stores)] for (path, _, test, row), stores in sorted(found.items())]
    sys.stdout.write(json.dumps(told))


def table() -> str:
    """What belongs into CONFORMANCE.md."""
    cited = citations()
    lines = [HEAD]
    for title, rows in parts():
        lines += [f"## {title}\n", "| row | level | promise | stores | tests |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {row.id} | {row.level} | {row.promise} | {'' if row.instead else row.stores} | {_tests(row, cited)} |"
            for row in rows
        ]
        lines.append("")
    lines += ["## The interoperability document's mandatory server rows\n", "| row | asks for | held by | result |"]
    lines.append("| --- | --- | --- | --- |")
    for name, (what, held_by) in interop().items():
        result = "pass" if all(any(one.row == row for one in cited) for row in held_by) else "untested"
        lines.append(f"| {name} | {what} | {', '.join(held_by)} | {result} |")
    return "\n".join(lines) + "\n"


def _read() -> Any:
    return tomllib.loads(ROWS.read_text("utf-8"))


def _tests(row: Row, cited: list[Cited]) -> str:
    return "; ".join(one.words() for one in cited if one.row == row.id) or f"none: {row.instead}"


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
