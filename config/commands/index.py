"""Commands for the search index: compare it with the record, build it anew."""

import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from cert.follow import now_us
from cert.search import keep
from cert.search.keep import Comparison, Progress
from config import node, wiring
from config.commands.shared import ATTENTION, JSON, say, settings_of

EVERY_S = 0.2  # how often progress is written
_SAID = {
    "fill": "Indexing the record",
    "compare": "Comparing index and record",
    "wait": "Waiting for `puente work` to let the new index take its place",
}


@click.group()
def index() -> None:
    """Look after the search index. It is a cache: it can always be built anew from the record."""


@index.command()
@JSON
@click.pass_obj
def check(path: Path, as_json: bool) -> None:
    """Compare every document of the index with the record (exit code 3 if one differs).

    The node may go on working: what changes meanwhile is looked at a second time.
    """
    settings = settings_of(path)
    found = keep.compare(node.database(settings), wiring.shelf_of(settings).live(), _progress())
    _report(as_json, found, "`puente index rebuild` builds it anew, beside this one, while the node goes on working.")


@index.command()
@JSON
@click.pass_obj
def rebuild(path: Path, as_json: bool) -> None:
    """Build the index anew beside the live one, compare it with the record, and let it take its place.

    Filing and searching go on meanwhile. Stopped half-way, it leaves the old index as it was: start it again.
    """
    settings = settings_of(path)
    found = keep.rebuild(node.database(settings), wiring.shelf_of(settings), now_us, _progress())
    _report(as_json, found, "")


def _report(as_json: bool, found: Comparison, remedy: str) -> None:
    lines = [f"{found.right} documents are as the record says, {found.wrong} are not."]
    lines += [f"{name}: lines {', '.join(map(str, one))}" for name, one in _differing(found).items() if one]
    lines += [f"{found.behind} entries are not indexed yet."] if found.behind else []
    lines += [remedy] if found.wrong else []
    say(as_json, asdict(found), "\n".join(lines))
    if found.wrong:
        sys.exit(ATTENTION)


def _differing(found: Comparison) -> dict[str, tuple[int, ...]]:
    return {"lacking": found.lacking, "outdated": found.outdated, "surplus": found.surplus}


def _progress() -> Progress:
    """Writes how far it is, on one line that changes, where a person looks on."""
    if not sys.stderr.isatty():
        return lambda _what, _done, _of: None
    written = [0.0]

    def write(what: str, done: int, of: int) -> None:
        if time.monotonic() - written[0] > EVERY_S or done == of:
            written[0] = time.monotonic()
            how_far = f" {done:,} of {of:,}" if done else ""
            click.echo(f"\r\x1b[K{_SAID[what]}{how_far} …", err=True, nl=False)
            click.echo("\r\x1b[K" if done == of else "", err=True, nl=False)

    return write


COMMANDS = (index,)
