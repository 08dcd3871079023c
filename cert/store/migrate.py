"""Brings a database to the schema this version needs: by command, never at import, in one transaction."""

from pathlib import Path

from sqlalchemy import inspect, text

from cert.errors import Missing
from cert.store.engine import Engine, reading, writing

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(db: Engine) -> None:
    """Make the tables, or bring older ones up to date. Raises `Missing` if they are of a newer version."""
    from alembic import command, config  # a third of a second, which only this command need spend
    from alembic.util import CommandError

    told = config.Config()
    told.set_main_option("script_location", str(MIGRATIONS))
    told.set_main_option("path_separator", "os")
    with writing(db) as c:
        told.attributes["connection"] = c
        try:
            command.upgrade(told, "head")
        except CommandError as fault:
            raise _newer(_revision(db)) from fault


def demand_current(db: Engine) -> None:
    """Raise `Missing`, naming the command that mends it, unless the schema is the one this version needs."""
    have, known = _revision(db), _revisions()
    if have == known[-1]:
        return
    if have is None:
        raise Missing("schema", f"The database {db.url.database} is empty. Run `puente init` first.")
    if have in known:
        raise Missing("schema", "The database is of an older version. Run `puente init`, which brings it up to date.")
    raise _newer(have)


def _revision(db: Engine) -> str | None:
    """Where Alembic has noted that this database stands; None before the first migration."""
    with reading(db) as c:
        if not inspect(c).has_table("alembic_version"):
            return None
        return c.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _revisions() -> list[str]:
    """Every revision this version knows, oldest first: a migration's file is named after it, as in `v0001_first.py`."""
    return sorted(path.name[1:5] for path in MIGRATIONS.glob("versions/v[0-9][0-9][0-9][0-9]_*.py"))


def _newer(have: object) -> Missing:
    sentence = f"The database is of a newer version ({have}). Run the Puente that wrote it, or a newer one."
    return Missing("schema", sentence)
