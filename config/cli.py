"""The command `puente`: everything an operator does. Exit codes: 0 done, 1 not done, 2 wrong use, 3 needs attention."""

import logging
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click

from cert.errors import PeerUnreachable, Refused
from cert.follow import Task, now_us, run
from cert.store.engine import DatabaseError, Engine
from config import node, wiring
from config.commands import add, collections, exchange, index, keys, look, machines, move, peers
from config.commands.shared import settings_of
from config.settings import Settings


class Speaking(click.Group):
    """The group of all commands; whatever is refused below it ends as one sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (Refused, PeerUnreachable) as fault:
            click.echo(f"puente: {fault}", err=True)
        except DatabaseError as fault:
            said = " ".join(str(fault.orig).split())
            click.echo(f"puente: the database says: {said}. Nothing was lost; mend that and try again.", err=True)
        except OSError as fault:
            click.echo(f"puente: {fault.filename or 'the system'}: {fault.strerror}.", err=True)
        sys.exit(1)


class Setting(click.ParamType[Any]):
    """A setting and its value, as `portal_port=8080`."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, said = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is no NAME=VALUE.", param, ctx)
        return name, said


@click.group(cls=Speaking, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--settings",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="puente.toml",
    envvar="PUENTE_SETTINGS",
    show_default=True,
    show_envvar=True,
    help="The settings file of the node.",
)
@click.version_option(package_name="puente")
@click.pass_context
def main(ctx: click.Context, path: Path) -> None:
    """Run a national node of Puente: incidents as STIX 2.1, exchanged with the other nation by TAXII 2.1."""
    ctx.obj = path
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # it writes every request; what fails, we say


@main.command()
@click.option("--identity", default="", metavar="ID", help="The STIX id of our CERT, if it has one already.")
@click.pass_obj
def init(path: Path, identity: str) -> None:
    """Make the node that the settings describe, or bring an older one up to date."""
    settings = settings_of(path)
    made = node.init(settings, now_us(), identity)
    click.echo(f"The node of {settings.name} {'is made' if made else 'was there and is up to date'}: {settings.data}")
    if made:
        click.echo(
            "Next: `puente user add LOGIN` and `puente peer add NATION`, then the four processes, each on its own:"
        )
        click.echo("`puente serve portal`, `puente serve taxii`, `puente work`, `puente border`.")


@main.group()
def serve() -> None:
    """Serve the portal or the TAXII server."""


WORKERS = click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes to serve with."
)


@serve.command()
@WORKERS
@click.pass_obj
def portal(path: Path, workers: int) -> None:
    """Serve the pages for people."""
    from config.web import serve as serve_app

    settings = settings_of(path)
    serve_app(lambda: wiring.portal_app(settings), settings.portal_host, settings.portal_port, workers)


@serve.command()
@WORKERS
@click.pass_obj
def taxii(path: Path, workers: int) -> None:
    """Serve TAXII 2.1 for machines."""
    from config.web import serve as serve_app

    settings = settings_of(path)
    where = settings.taxii_host, settings.taxii_port
    serve_app(lambda: wiring.taxii_app(settings), *where, workers, taxii=True, tls=wiring.tls_of(settings))


@main.command()
@click.pass_obj
def work(path: Path) -> None:
    """Carry what machines posted to the record, and keep the search index."""
    settings = settings_of(path)
    _run(settings, wiring.worker_tasks(settings))


@main.command()
@click.pass_obj
def border(path: Path) -> None:
    """Release to the peers and take in what they released to us."""
    settings = settings_of(path)
    _run(settings, wiring.border_tasks(settings))


@main.command()
@click.option("--fresh", is_flag=True, help="Begin anew: what is there of an earlier demo is removed first.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=".demo",
    show_default=True,
    help="Where the nodes are made, and found again.",
)
@click.option("--mx", multiple=True, type=Setting(), help="A setting of the Mexican node, when it is made.")
@click.option("--us", multiple=True, type=Setting(), help="A setting of the United States node, likewise.")
def demo(fresh: bool, folder: Path, mx: tuple[tuple[str, str], ...], us: tuple[tuple[str, str], ...]) -> None:
    """Run two nations on this machine, seeded and talking, until Ctrl-C."""
    from config.demo import run as run_demo

    run_demo(folder.absolute(), fresh=fresh, told={"mx": dict(mx), "us": dict(us)})


def _run(settings: Settings, tasks: AbstractContextManager[tuple[Engine, list[Task]]]) -> None:
    """Run tasks until a signal says stop; what is under way is finished first."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    logging.getLogger("puente").info("%s, process %d: started", settings.name, os.getpid())
    with tasks as (db, found):
        run(db, found, stop, now_us)


for _family in (add, machines, collections, exchange, index, keys, look, move, peers):
    for _command in _family.COMMANDS:
        main.add_command(_command)
