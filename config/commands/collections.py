"""Commands for what machines meet: API roots, workbenches, and the collections over them."""

from pathlib import Path
from typing import Any

import click

from cert import acts
from cert.access import LEVELS
from cert.follow import now_us
from cert.intake import WORKBENCH
from cert.store import aside, log, people, quota, roots
from cert.store.engine import reading
from cert.store.quota import Terms
from cert.store.signin import ROOT
from config import node
from config.commands.machines import words
from config.commands.shared import JSON, changing, database_of, say

LEVEL = click.Choice(LEVELS)
SHOWN = 1_000


@click.group()
def root() -> None:
    """API roots of the TAXII server: groups of collections, each with an address of its own."""


@root.command("add")
@click.argument("name")
@click.option("--title", help="What it is called; the name if it is left out.")
@click.pass_obj
def root_add(path: Path, name: str, title: str | None) -> None:
    """Make an API root at /NAME/; workbenches are put into it with `puente workbench add --root`."""
    with changing(path) as c:
        node.add_root(c, name, title or name, now_us())
        acts.add(c, "root-add", "operator", now_us(), name=name)
    click.echo(f"The API root /{name}/ is made. Nobody sees it before he has a right in a collection of it.")


@root.command("list")
@JSON
@click.pass_obj
def root_list(path: Path, as_json: bool) -> None:
    """List the API roots."""
    with reading(database_of(path)) as c:
        found = {ROOT: people.our_cert(c).name} | roots.all_roots(c)
    say(as_json, found, "\n".join(f"/{name}/  {title}" for name, title in found.items()))


@click.group()
def collection() -> None:
    """TAXII collections, which machine accounts read and post to."""


@collection.command("list")
@JSON
@click.pass_obj
def collection_list(path: Path, as_json: bool) -> None:
    """List the collections, where each stands, and who may do what with it."""
    with reading(database_of(path)) as c:
        found = roots.all_collections(c)
    data = [
        {
            "name": one.alias,
            "id": one.id,
            "title": one.title,
            "root": one.root,
            "log": one.log,
            "rights": {name: words(reads, writes) for name, reads, writes in one.rights},
        }
        for one in found
    ]
    lines = []
    for one in found:
        who = ", ".join(f"{name} ({words(reads, writes)})" for name, reads, writes in one.rights) or "nobody"
        lines.append(f"/{one.root}/collections/{one.alias}/  {one.title}: {who}")
    say(as_json, data, "\n".join(lines))


@click.group()
def workbench() -> None:
    """Workbenches: where machines of one organisation post, each with a collection of the same name over it."""


@workbench.command("add")
@click.argument("name")
@click.option("--title", help="What it is called in lists; the name if it is left out.")
@click.option("--org", help="The organisation whose statements these are; a feed of its own if it is left out.")
@click.option("--root", default=ROOT, show_default=True, help="The API root to put it into.")
@click.option(
    "--default-handling",
    "--handling",
    "handling",
    type=LEVEL,
    help="For what carries no marking: the organisation's default if left out, green for a feed.",
)
@click.option("--quota-objects", type=click.IntRange(1), help="The most objects it takes in a day; else any number.")
@click.option("--quota-bytes", type=click.IntRange(1), help="The most bytes it takes in a day; else any number.")
@click.pass_obj
def workbench_add(
    path: Path,
    name: str,
    title: str | None,
    org: str | None,
    root: str,
    handling: str | None,
    quota_objects: int | None,
    quota_bytes: int | None,
) -> None:
    """Make a workbench called NAME, with a collection of the same name over it."""
    quotas = Terms(None, quota_objects, quota_bytes)
    with changing(path) as c:
        roots.demand_root(c, root)
        node.add_workbench(c, name, title or name, handling, now_us(), org or "", root=root, quotas=quotas)
        terms = quota.terms(c, WORKBENCH + name)
        acts.add(c, "workbench-add", "operator", now_us(), name=name, org=org or "", root=root, **_told(terms))
    click.echo(f"The workbench {name} is made. `puente account add ACCOUNT --write {name}` lets a machine use it.")


@workbench.command("quota")
@click.argument("name")
@click.option("--objects", type=click.IntRange(1), help="The most objects it takes in a day; any number if left out.")
@click.option("--bytes", "size", type=click.IntRange(1), help="The most bytes it takes in a day, likewise.")
@click.pass_obj
def workbench_quota(path: Path, name: str, objects: int | None, size: int | None) -> None:
    """Set how much the workbench NAME takes in a day, from now on."""
    with changing(path) as c:
        log.owner(c, WORKBENCH + name)
        terms = Terms(quota.terms(c, WORKBENCH + name).handling, objects, size)
        quota.set_terms(c, WORKBENCH + name, terms)
        acts.add(c, "workbench-quota", "operator", now_us(), name=name, **_told(terms))
    click.echo(f"{name} takes {_words(terms)} a day.")


@workbench.command("list")
@JSON
@click.pass_obj
def workbench_list(path: Path, as_json: bool) -> None:
    """List the workbenches: whose each is, what it has taken today and what it may."""
    with reading(database_of(path)) as c:
        names = {org.n: org.name for org in people.all_organisations(c).values()}
        data: list[dict[str, Any]] = [
            {
                "name": one.removeprefix(WORKBENCH),
                "org": names[log.owner(c, one)],
                **_told(terms := quota.terms(c, one)),
                "today": dict(zip(("objects", "bytes"), quota.used(c, one, now_us()), strict=True)),
                "quota": _words(terms),
            }
            for one in log.names(c)
            if one.startswith(WORKBENCH)
        ]
    lines = [
        f"{one['name']} ({one['org']}): {one['quota']} a day, today {one['today']['objects']} objects" for one in data
    ]
    say(as_json, data, "\n".join(lines))


@workbench.command("variants")
@click.argument("name")
@JSON
@click.pass_obj
def workbench_variants(path: Path, name: str, as_json: bool) -> None:
    """List what was sent to the workbench NAME under a version that it holds with other content."""
    with reading(database_of(path)) as c:
        log.owner(c, WORKBENCH + name)
        found = aside.all_variants(c, WORKBENCH + name, SHOWN)
    data = [{"id": one.stix_id, "differs": one.differs, "body": one.body.decode()} for one in found]
    lines = [f"{one.stix_id}  differs in {', '.join(one.differs)}" for one in found]
    say(as_json, data, "\n".join(lines) or f"Nothing that was sent to {name} differs from what it holds.")


def _told(terms: Terms) -> dict[str, object]:
    return {"handling": terms.handling, "objects_a_day": terms.objects_a_day, "bytes_a_day": terms.bytes_a_day}


def _words(terms: Terms) -> str:
    objects = "any number of objects" if terms.objects_a_day is None else f"{terms.objects_a_day} objects"
    return objects if terms.bytes_a_day is None else f"{objects} and {terms.bytes_a_day} bytes"


collection.add_command(workbench_add, "add")  # the older name of it
COMMANDS = (root, workbench, collection)
