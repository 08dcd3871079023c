"""`python -m tests.feeds.taxii.conformance` writes feeds/taxii/CONFORMANCE.md: each row, its promise and its tests."""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.catalogues import ROOT

FOLDER = ROOT / "tests" / "feeds"
ROWS = Path(__file__).with_name("rows.toml")
TABLE = ROOT / "feeds" / "taxii" / "CONFORMANCE.md"
HEAD = """# What the TAXII 2.1 server promises, and the tests that hold it

Written by `python -m tests.feeds.taxii.conformance` from `tests/feeds/taxii/rows.toml`; a test fails while it is not
up to date, or while a row has no test. The tests ask a server that really runs, under gunicorn. Levels: M the standard
demands it, S it recommends it, O it allows it, D it is silent or weak there, and we decided.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A promise; `instead` says why it has no test."""

    id: str
    level: str
    promise: str
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Cited:
    """A test and one row that it stands for."""

    row: str
    file: Path
    test: str

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


def citations() -> list[Cited]:
    """Every citation under tests/feeds, in the order of files and lines."""
    return [cited for file in sorted(FOLDER.rglob("test_*.py")) for cited in _in_file(file)]


def table() -> str:
    """What belongs into CONFORMANCE.md."""
    cited = citations()
    lines = [HEAD]
    for title, rows in parts():
        lines += [f"## {title}\n", "| row | level | promise | tests |", "| --- | --- | --- | --- |"]
        lines += [f"| {row.id} | {row.level} | {row.promise} | {_tests(row, cited)} |" for row in rows]
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


def _in_file(file: Path) -> Iterator[Cited]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            for row in (row for decorator in node.decorator_list for row in _rows_of(decorator)):
                yield Cited(row, file, node.name)


def _rows_of(decorator: ast.expr) -> list[str]:
    if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.row"):
        return []
    return [str(given.value) for given in decorator.args if isinstance(given, ast.Constant)]


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
