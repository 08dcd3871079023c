"""What the TAXII server needs: objects by type, and other content for a version that is held."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Note the type of each object that is held, and make the tables."""
    op.add_column("entries", sa.Column("type", TEXT))
    op.execute(_types(op.get_bind().dialect.name))
    op.create_index("entries_type", "entries", ["log", "type", "number"])
    op.create_table(
        "variants",
        sa.Column("log", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("differs", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["log"], ["logs.n"]),
        sa.PrimaryKeyConstraint("log", "number", "digest"),
        sqlite_with_rowid=False,
    )


def _types(engine: str) -> str:
    """An id begins with the type of its object."""
    until = "strpos(stix_id, '--')" if engine == "postgresql" else "instr(stix_id, '--')"
    return f"""
        UPDATE entries SET type = (
            SELECT substr(stix_id, 1, {until} - 1) FROM lines JOIN ids ON ids.n = id_n WHERE lines.n = line
        ) WHERE kind = 'object'
    """  # noqa: S608 our own names
