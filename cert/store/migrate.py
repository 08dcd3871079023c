"""Brings a database to the schema this version needs: by command, never at import, in one transaction."""

from pathlib import Path

from sqlalchemy import inspect, text

from cert.errors import Missing, Phrase, Refused
from cert.store import aside
from cert.store.engine import Connection, Engine, demand_server, reading, writing

MIGRATIONS = Path(__file__).parent / "migrations"
MOVED = "moved"
"""What stands before the revision of a database that was moved, and names the part whose health says where to."""


def upgrade(db: Engine, to: str = "head") -> None:
    """Make the tables, or bring older ones up to date. Raises `Missing` if they are of a newer version."""
    demand_server(db)
    with writing(db) as c:
        make(c, to)


def make(c: Connection, to: str = "head") -> None:
    """The same, as a part of a write transaction."""
    from alembic import command, config  # a third of a second, which only this command need spend
    from alembic.util import CommandError

    told = config.Config()
    told.set_main_option("script_location", str(MIGRATIONS))
    told.set_main_option("path_separator", "os")
    told.attributes["connection"] = c
    _demand_not_moved(c)
    try:
        command.upgrade(told, to)
    except CommandError as fault:
        raise _newer(revision(c)) from fault


def demand_current(db: Engine) -> None:
    """Raise `Missing`, naming the command that mends it, unless the schema is the one this version needs."""
    demand_server(db)
    with reading(db) as c:
        _demand_not_moved(c)
        have, known = revision(c), _revisions()
    if have == known[-1]:
        return
    if have is None:
        raise Missing("schema", f"The database {db.url.database} is empty. Run `puente init` first.")
    if have in known:
        raise Missing("schema", "The database is of an older version. Run `puente init`, which brings it up to date.")
    raise _newer(have)


def revision(c: Connection) -> str | None:
    """Where Alembic has noted that this database stands; None before the first migration."""
    if not inspect(c).has_table("alembic_version"):
        return None
    found: str | None = c.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def mark_moved(c: Connection, to: str) -> None:
    """Note that this database was moved: whoever opens it again is told where to."""
    aside.report(c, MOVED, ok=False, why=Phrase(to), now=0)
    _note(c, f"{MOVED} {revision(c)}")


def unmark_moved(c: Connection) -> None:
    """Take that note away. Raises `Refused` if there is none."""
    have = revision(c) or ""
    if not have.startswith(MOVED):
        raise Refused("not-moved", "This database was not moved, so there is nothing to take back.")
    _note(c, have.removeprefix(MOVED).strip())
    aside.forget_health(c, MOVED)


def _note(c: Connection, revision: str) -> None:
    c.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def _demand_not_moved(c: Connection) -> None:
    if not (revision(c) or "").startswith(MOVED):
        return
    said = text("SELECT sentence FROM health WHERE name = :name")  # it may be of an older version
    to = c.execute(said, {"name": MOVED}).scalar_one_or_none() or ""
    raise Missing(
        "moved",
        'This database was moved. Write `database = "%(to)s"` into the settings. To go on with this one after all, '
        "without what came in since, run `puente move --undo`.",
        to=to,
    )


def _revisions() -> list[str]:
    """Every revision this version knows, oldest first: a migration's file is named after it, as in `v0001_first.py`."""
    return sorted(path.name[1:5] for path in MIGRATIONS.glob("versions/v[0-9][0-9][0-9][0-9]_*.py"))


def _newer(have: object) -> Missing:
    sentence = f"The database is of a newer version ({have}). Run the Puente that wrote it, or a newer one."
    return Missing("schema", sentence)
