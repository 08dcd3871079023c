"""The house rules that no other tool holds: what a user can reach is documented, and what is documented exists."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from flask import Flask

from config import wiring
from config.cli import main
from config.reading import load
from config.settings import Settings, table
from tests.catalogues import PACKAGES, ROOT

READMES = [ROOT / "README.md", *sorted(ROOT.glob("*/**/README.md"))]
COMMAND_DOCS = (ROOT / "README.md", ROOT / "config" / "README.md")


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, the groups included."""
    yield name, command
    if isinstance(command, click.Group):
        for child in command.commands.values():
            yield from commands(child, f"{name} {child.name}")


COMMANDS = dict(commands(main, "puente"))


def examples(readme: Path) -> list[str]:
    """The lines that a README shows after a `$` prompt."""
    blocks = re.findall(r"^```console\n(.*?)^```", readme.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


EXAMPLES = [(readme.relative_to(ROOT).as_posix(), line) for readme in READMES for line in examples(readme)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A node made the way an operator makes one."""
    path = tmp_path_factory.mktemp("node") / "node.toml"
    path.write_text('nation = "mx"\nname = "CERT"\ndata = "data"\n', "utf-8")
    done = CliRunner().invoke(main, ["init"], env={"PUENTE_SETTINGS": str(path)})
    assert done.exit_code == 0, done.output
    return load(path, {})


def routes(app: Flask) -> set[str]:
    return {rule.rule for rule in app.url_map.iter_rules() if not rule.endpoint.endswith("static")}


def test_it_documents_every_setting() -> None:
    """Prints the table that belongs into config/README.md when that has another."""
    assert table() in (ROOT / "config" / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_it_documents_every_command(name: str) -> None:
    documented = any(f"`{name}" in path.read_text("utf-8") for path in COMMAND_DOCS)

    assert documented or isinstance(COMMANDS[name], click.Group)


@pytest.mark.parametrize("name", COMMANDS)
def test_it_gives_help_for_every_command_and_option(name: str) -> None:
    command = COMMANDS[name]
    options = [option for option in command.params if isinstance(option, click.Option)]

    assert command.help
    assert [option.name for option in options if not option.help] == []


def test_it_documents_every_page_of_the_portal(settings: Settings) -> None:
    readme = (ROOT / "cert" / "portal" / "README.md").read_text("utf-8")

    assert {rule for rule in routes(wiring.portal_app(settings)) if f"`{rule}`" not in readme} == set()


def test_it_documents_every_taxii_resource(settings: Settings) -> None:
    readme = (ROOT / "feeds" / "taxii" / "README.md").read_text("utf-8")

    assert {rule for rule in routes(wiring.taxii_app(settings)) if f"`{rule}`" not in readme} == set()


def test_it_shows_examples_at_the_door() -> None:
    assert {"make demo", "make test"} <= set(examples(ROOT / "README.md"))


@pytest.mark.parametrize(("readme", "line"), EXAMPLES)
def test_it_shows_only_examples_that_run(readme: str, line: str) -> None:
    program, *words = shlex.split(line, comments=True)

    if program == "make":
        assert lacking_in_make(words) == []
    if program == "puente":
        assert lacking_in_puente(words) == []


def lacking_in_make(words: list[str]) -> list[str]:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    wanted = {word: rf"\$\((if )?{word.partition('=')[0]}[,)]" if "=" in word else f"^{word}:" for word in words}
    return [word for word, pattern in wanted.items() if not re.search(pattern, makefile, re.MULTILINE)]


def lacking_in_puente(words: list[str]) -> list[str]:
    command: click.Command = main
    known = {"--help"}
    lacking = []
    for word in words:
        known |= {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        if isinstance(command, click.Group) and word in command.commands:
            command = command.commands[word]
        elif word.partition("=")[0] not in known and (word.startswith("-") or isinstance(command, click.Group)):
            lacking.append(word)
    return lacking


def test_it_gives_every_package_a_door_sign() -> None:
    packages = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")}

    assert {str(path.relative_to(ROOT)) for path in packages if not (path / "README.md").exists()} == set()


def test_it_lets_imports_point_down_only() -> None:
    done = run("lint-imports", "--no-cache", "--no-logo")

    assert done.returncode == 0, done.stdout


def test_it_turns_a_skip_into_a_failure_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("import pytest\ndef test_it(): pytest.skip('no browser')\n", "utf-8")
    (tmp_path / "test_b.py").write_text("import pytest\npytest.importorskip('no_such_module')\n", "utf-8")

    outside = run("pytest", "-p", "tests.conftest", f"--rootdir={tmp_path}", str(tmp_path), CI="")
    inside = run("pytest", "-p", "tests.conftest", f"--rootdir={tmp_path}", str(tmp_path), CI="true")

    assert "2 skipped" in outside.stdout
    assert "Nothing may be skipped in CI" in inside.stdout
    assert inside.returncode != 0


def run(program: str, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    beside = Path(sys.executable).with_name(program)
    return subprocess.run(
        [str(beside), *words], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
