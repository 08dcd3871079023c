"""Commands about the keys by which this node seals what it gives."""

from pathlib import Path

import click

from cert import acts
from cert.follow import now_us
from cert.store.engine import reading
from config import signing
from config.commands.shared import JSON, changing, database_of, say, settings_of


@click.group()
def keys() -> None:
    """The keys by which this node seals what it gives to peers."""


@keys.command("show")
@JSON
@click.pass_obj
def show(path: Path, as_json: bool) -> None:
    """Say the fingerprint of our root key, for peers to note, and which keys seal."""
    with reading(database_of(path)) as c:
        found = signing.ours(c)
    listed = [{"id": key.id, "trusted": key.until is None} for key in found.listed.keys]
    lines = [f"root key, to be told in person: {found.root}"]
    lines += [f"{'seals' if key.until is None else 'retired'}: {key.id}" for key in found.listed.keys]
    say(as_json, {"root": found.root, "version": found.listed.version, "keys": listed}, "\n".join(lines))


@keys.command("rotate")
@click.pass_obj
def rotate(path: Path) -> None:
    """Make a new signing key beside the old one. Peers learn of it by themselves. Needs the root key's file."""
    settings = settings_of(path)
    with changing(path) as c:
        made = signing.rotate(c, settings)
        acts.add(c, "keys-rotate", "operator", now_us(), key=made.id)
    click.echo(f"The new key is {made.id}. Start `puente border` again: from then on it seals.")
    click.echo("When that is done, `puente keys retire ID` lets the old one sign nothing more.")


@keys.command("retire")
@click.argument("key_id", metavar="ID")
@click.pass_obj
def retire(path: Path, key_id: str) -> None:
    """Let a key, named by the beginning of its ID, sign nothing after what it has signed. Needs the root key's file."""
    settings = settings_of(path)
    with changing(path) as c:
        gone = signing.retire(c, settings, key_id)
        acts.add(c, "keys-retire", "operator", now_us(), key=gone.id)
    click.echo(f"{gone.id} is retired. Start `puente border` again: it tells the peers.")


COMMANDS = (keys,)
