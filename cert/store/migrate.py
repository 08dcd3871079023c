"""Brings a database to the schema this version needs: by command, never at import, in one transaction."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from cert.errors import Missing
from cert.store.engine import Engine, reading, writing


def upgrade(db: Engine) -> None:
    """Make the tables, or bring older ones up to date."""
    config = _config()
    with writing(db) as c:
        config.attributes["connection"] = c
        command.upgrade(config, "head")


def demand_current(db: Engine) -> None:
    """Raise `Missing`, naming the command that mends it, unless the schema is the one this version needs."""
    with reading(db) as c:
        have = MigrationContext.configure(c).get_current_revision()
    need = ScriptDirectory.from_config(_config()).get_current_head()
    if have == need:
        return
    if have is None:
        raise Missing("schema", f"The database {db.url.database} is empty. Run `puente init` first.")
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if have in known:
        raise Missing("schema", "The database is of an older version. Run `puente init`, which brings it up to date.")
    raise Missing(
        "schema", f"The database is of a newer version ({have}). Run the Puente that wrote it, or a newer one."
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
