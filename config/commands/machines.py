"""Commands for machine accounts: what speaks TAXII, what it may do, and how it proves who it is."""

import hashlib
import ssl
from pathlib import Path

import click

from cert import acts
from cert.errors import Refused
from cert.follow import now_us
from cert.stix import format_timestamp
from cert.store import machines, people, signin
from cert.store.engine import reading
from cert.store.machines import Known, Token
from cert.store.signin import Scope
from config.commands.shared import JSON, changing, database_of, say

COLLECTIONS = "COLLECTION"


@click.group()
def account() -> None:
    """Machine accounts, which speak TAXII."""


@account.command("add")
@click.argument("name")
@click.option("--org", help="The organisation it belongs to; our national CERT if it is left out.")
@click.option(
    "--read", "readable", multiple=True, metavar=COLLECTIONS, help="A collection it may read; may be repeated."
)
@click.option(
    "--write", "writable", multiple=True, metavar=COLLECTIONS, help="One it may read and write; may be repeated."
)
@click.pass_obj
def account_add(path: Path, name: str, org: str | None, readable: tuple[str, ...], writable: tuple[str, ...]) -> None:
    """Make a machine account called NAME; its password is shown once."""
    with changing(path) as c:
        home = people.organisation(c, org) if org else people.our_cert(c)
        secret = signin.add_account(c, name, home.n)
        for alias in {*readable, *writable}:
            signin.grant(c, name, alias, can_read=True, can_write=alias in writable)
        acts.add(c, "account-add", "operator", now_us(), name=name, read=list(readable), write=list(writable))
    click.echo(f"{name} may sign in to the TAXII server, for {home.name}.")
    click.echo(f"The password, shown this once: {secret}")


@account.command("list")
@JSON
@click.pass_obj
def account_list(path: Path, as_json: bool) -> None:
    """List the machine accounts, what each may do, and how it may sign in."""
    with reading(database_of(path)) as c:
        found = machines.all_accounts(c)
        names = {org.n: org.name for org in people.all_organisations(c).values()}
    data = [
        {
            "name": one.name,
            "org": names[one.org],
            "active": one.active,
            "rights": {alias: words(reads, writes) for alias, reads, writes in one.rights},
            "tokens": one.tokens,
            "certificates": one.certificates,
        }
        for one in found
    ]
    say(as_json, data, "\n".join(_line(one, names[one.org]) for one in found) or "There is no machine account yet.")


@account.command("disable")
@click.argument("name")
@click.pass_obj
def account_disable(path: Path, name: str) -> None:
    """Let NAME sign in no more, by no password, token or certificate, from the next request on."""
    _set_active(path, name, active=False)
    click.echo(f"{name} may no longer sign in. `puente account enable {name}` takes that back.")


@account.command("enable")
@click.argument("name")
@click.pass_obj
def account_enable(path: Path, name: str) -> None:
    """Let NAME sign in again, as before it was disabled."""
    _set_active(path, name, active=True)
    click.echo(f"{name} may sign in.")


@account.command("renew")
@click.argument("name")
@click.pass_obj
def account_renew(path: Path, name: str) -> None:
    """Give NAME another password, shown once; the old one ends at once, tokens and certificates go on."""
    with changing(path) as c:
        secret = machines.renew(c, name)
        acts.add(c, "account-renew", "operator", now_us(), name=name)
    click.echo(f"The password of {name}, shown this once: {secret}")


@account.command("grant")
@click.argument("name")
@click.argument("collection")
@click.option("--read", is_flag=True, help="It may read the collection.")
@click.option("--write", is_flag=True, help="It may write to the collection, which says nothing about reading.")
@click.pass_obj
def account_grant(path: Path, name: str, collection: str, read: bool, write: bool) -> None:
    """Set what NAME may do with COLLECTION, in place of what it might before."""
    if not (read or write):
        raise click.UsageError("Say --read, --write, or both. `puente account revoke` takes rights away.")
    with changing(path) as c:
        signin.grant(c, name, collection, can_read=read, can_write=write)
        acts.add(c, "account-grant", "operator", now_us(), name=name, collection=collection, read=read, write=write)
    click.echo(f"{name} may {words(read, write)} {collection}.")


@account.command("revoke")
@click.argument("name")
@click.argument("collection")
@click.pass_obj
def account_revoke(path: Path, name: str, collection: str) -> None:
    """Take every right in COLLECTION away from NAME."""
    with changing(path) as c:
        signin.grant(c, name, collection, can_read=False, can_write=False)
        acts.add(c, "account-revoke", "operator", now_us(), name=name, collection=collection)
    click.echo(f"{name} has no right in {collection}.")


@account.command("certificate")
@click.argument("name")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="The certificate, as PEM; only its fingerprint is kept.",
)
@click.option("--remove", is_flag=True, help="Let NAME sign in with this certificate no more.")
@click.pass_obj
def account_certificate(path: Path, name: str, file: Path, remove: bool) -> None:
    """Let NAME sign in with a client certificate, where the TAXII server ends TLS itself."""
    fingerprint = _fingerprint(file)
    with changing(path) as c:
        if remove:
            machines.remove_certificate(c, name, fingerprint)
        else:
            machines.add_certificate(c, name, fingerprint, now_us())
        kind = "certificate-remove" if remove else "certificate-add"
        acts.add(c, kind, "operator", now_us(), name=name, fingerprint=fingerprint.hex())
    may = "may no longer" if remove else "may"
    click.echo(f"{name} {may} sign in with the certificate {fingerprint.hex()}.")


@click.group()
def token() -> None:
    """Tokens of machine accounts: each expires, and may be narrower than its account."""


@token.command("add")
@click.argument("account")
@click.option("--days", type=click.IntRange(1, machines.MOST_DAYS), default=90, show_default=True, help="How long.")
@click.option("--label", default="", help="What it is for, as `puente token list` shows it.")
@click.option("--only", type=click.Choice(["read", "write"]), help="Only reading, or only writing.")
@click.option(
    "--collection", "collections", multiple=True, metavar=COLLECTIONS, help="Only this collection; may be repeated."
)
@click.pass_obj
def token_add(path: Path, account: str, days: int, label: str, only: str | None, collections: tuple[str, ...]) -> None:
    """Make a token for ACCOUNT, to be sent as `Authorization: Bearer`; it is shown once."""
    now = now_us()
    scope = Scope(only != "write", only != "read")
    with changing(path) as c:
        n, made = machines.add_token(c, account, label, days, now, scope=scope, only=collections)
        acts.add(c, "token-add", "operator", now, account=account, token=n, days=days, only=only or "", label=label)
    click.echo(f"Token {n} of {account} lasts until {_day(now + days * machines.DAY)}.")
    click.echo(f"The token, shown this once: {made}")


@token.command("list")
@JSON
@click.pass_obj
def token_list(path: Path, as_json: bool) -> None:
    """List the tokens with their numbers, what each reaches, and when it ends."""
    with reading(database_of(path)) as c:
        found = machines.all_tokens(c)
    data = [
        {
            "number": one.n,
            "account": one.account,
            "label": one.label,
            "rights": words(one.can_read, one.can_write),
            "collections": one.collections,
            "expires": format_timestamp(one.expires),
        }
        for one in found
    ]
    say(as_json, data, "\n".join(map(_token_line, found)) or "There is no token.")


@token.command("revoke")
@click.argument("number", type=int)
@click.pass_obj
def token_revoke(path: Path, number: int) -> None:
    """End the token with this NUMBER at once."""
    with changing(path) as c:
        machines.revoke_token(c, number)
        acts.add(c, "token-revoke", "operator", now_us(), token=number)
    click.echo(f"Token {number} is worth nothing any more.")


def words(can_read: bool, can_write: bool) -> str:
    """Two rights in words."""
    return " and ".join(["read"] * can_read + ["write"] * can_write)


def _set_active(path: Path, name: str, *, active: bool) -> None:
    with changing(path) as c:
        machines.set_active(c, name, active=active)
        acts.add(c, "account-enable" if active else "account-disable", "operator", now_us(), name=name)


def _line(one: Known, org: str) -> str:
    may = ", ".join(f"{words(reads, writes)} {alias}" for alias, reads, writes in one.rights) or "nothing"
    ways = f"{one.tokens} tokens, {len(one.certificates)} certificates"
    first = f"{one.name} ({org}){'' if one.active else ', disabled'}: may {may}; {ways}"
    return "\n".join([first, *(f"  certificate {fingerprint}" for fingerprint in one.certificates)])


def _token_line(one: Token) -> str:
    where = ", ".join(one.collections) if one.collections is not None else "all its collections"
    ended = "ended" if one.expires <= now_us() else "until"
    label = f"  {one.label}" if one.label else ""
    return (
        f"{one.n:>4}  {one.account}: {words(one.can_read, one.can_write)} {where}, {ended} {_day(one.expires)}{label}"
    )


def _day(moment: int) -> str:
    return format_timestamp(moment)[:10]


def _fingerprint(file: Path) -> bytes:
    try:
        der = ssl.PEM_cert_to_DER_cert(file.read_text("ascii").strip())
    except ValueError:
        raise Refused("certificate", f"{file} is no certificate in PEM. It begins with BEGIN CERTIFICATE.") from None
    return hashlib.sha256(der).digest()


COMMANDS = (account, token)
