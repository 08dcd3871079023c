"""Commands that make what a node needs: people, organisations, peers."""

import secrets
from pathlib import Path

import click

from cert import acts
from cert.access import LEVELS, Role
from cert.follow import now_us
from cert.store import people, signin
from config import node
from config.commands.shared import changing, settings_of
from config.reading import secret_in

SECRET = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group()
def user() -> None:
    """People who sign in to the portal."""


@user.command("add")
@click.argument("login")
@click.option("--name", help="The full name; the login if it is left out.")
@click.option("--org", help="The organisation; our national CERT if it is left out.")
@click.option(
    "--role", "roles", type=click.Choice([r.value for r in Role]), multiple=True, help="A role; may be repeated."
)
@click.option("--language", type=click.Choice(["es", "en"]), default=None, help="The language the pages are in.")
@click.option("--password-file", type=SECRET, help="A file with the password; without it one is made and shown once.")
@click.pass_obj
def user_add(
    path: Path,
    login: str,
    name: str | None,
    org: str | None,
    roles: tuple[str, ...],
    language: str | None,
    password_file: Path | None,
) -> None:
    """Make a person who may sign in as LOGIN."""
    password = secret_in(password_file) if password_file else secrets.token_urlsafe(12)
    settings, now = settings_of(path), now_us()
    with changing(path) as c:
        home = people.organisation(c, org) if org else people.our_cert(c)
        people.add_person(
            c,
            login=login,
            name=name or login,
            org=home,
            password=password,
            roles=[Role(role) for role in roles or ("responder",)],
            language=language or settings.default_language,
            now=now,
        )
        acts.add(c, "user-add", "operator", now, login=login, roles=list(roles))
    click.echo(f"{login} may sign in, for {home.name}.")
    if not password_file:
        click.echo(f"The password, shown this once: {password}")


@user.command("password")
@click.argument("login")
@click.option("--password-file", type=SECRET, help="A file with the password; without it one is made and shown once.")
@click.pass_obj
def user_password(path: Path, login: str, password_file: Path | None) -> None:
    """Give LOGIN another password, and end every session he has."""
    password = secret_in(password_file) if password_file else secrets.token_urlsafe(12)
    with changing(path) as c:
        signin.end_all_sessions(c, people.set_password(c, login, password))
        acts.add(c, "user-password", "operator", now_us(), login=login)
    click.echo(f"{login} has another password, and has to sign in again everywhere.")
    if not password_file:
        click.echo(f"The password, shown this once: {password}")


@click.group()
def org() -> None:
    """Organisations of our nation beside the national CERT."""


@org.command("add")
@click.argument("name")
@click.pass_obj
def org_add(path: Path, name: str) -> None:
    """Make an agency of our nation, called NAME."""
    settings = settings_of(path)
    with changing(path) as c:
        made = node.add_agency(c, name, settings.nation, now_us())
        acts.add(c, "org-add", "operator", now_us(), name=name)
    click.echo(f"{made.name} is made, as {made.identity_id}.")


@click.group()
def peer() -> None:
    """The other nation."""


@peer.command("add")
@click.argument("nation")
@click.option("--name", required=True, help="What the peer's CERT is called.")
@click.option("--identity", required=True, metavar="ID", help="The STIX id under which it writes.")
@click.option(
    "--carries",
    type=click.Choice(LEVELS[:-1]),  # RED never crosses
    default="amber",
    show_default=True,
    help="The strictest handling that may cross to it.",
)
@click.option(
    "--secret-file", type=SECRET, help="A file with the password to give the peer; else one is made and shown."
)
@click.option(
    "--root", default="", metavar="FINGERPRINT", help="Of its root key, as it was told in person: `puente keys show`."
)
@click.pass_obj
def peer_add(
    path: Path, nation: str, name: str, identity: str, carries: str, secret_file: Path | None, root: str
) -> None:
    """Make the peer NATION (two letters), and the account by which it reads what we release to it."""
    given = secret_in(secret_file) if secret_file else None
    with changing(path) as c:
        who = node.Identity(name, identity, "peer", nation)
        secret = node.add_peer(c, nation, who, carries, now_us(), given, root)
    click.echo(f"{name} may read what is released to it, as the account {nation}.")
    if given is None:
        click.echo(f"Its password, shown this once: {secret}")
    if not root:
        click.echo(f"What it gives is taken unsealed until `puente peer root {nation} FINGERPRINT`.")
    click.echo(f"To read theirs, put [peers.{nation}] into the settings, then start `puente border` again.")


COMMANDS = (user, org, peer)
