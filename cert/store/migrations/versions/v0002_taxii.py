"""What TAXII needs: objects by type, roots, tokens, certificates, quotas, and variants of what is held."""

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
    _signing_in()
    _workbenches()


def _signing_in() -> None:
    op.add_column("collections", sa.Column("root", TEXT, nullable=False, server_default="puente"))
    op.create_table(
        "roots",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tokens",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("label", TEXT, nullable=False),
        sa.Column("can_read", sa.Boolean(), nullable=False),
        sa.Column("can_write", sa.Boolean(), nullable=False),
        sa.Column("narrowed", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.n"]),
        sa.PrimaryKeyConstraint("n"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_table(
        "token_collections",
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("collection", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["token"], ["tokens.n"]),
        sa.ForeignKeyConstraint(["collection"], ["collections.id"]),
        sa.PrimaryKeyConstraint("token", "collection"),
    )
    op.create_table(
        "certificates",
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.n"]),
        sa.PrimaryKeyConstraint("fingerprint"),
    )


def _workbenches() -> None:
    op.create_table(
        "workbenches",
        sa.Column("log", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("handling", TEXT),
        sa.Column("objects_a_day", sa.BigInteger()),
        sa.Column("bytes_a_day", sa.BigInteger()),
        sa.ForeignKeyConstraint(["log"], ["logs.n"]),
        sa.PrimaryKeyConstraint("log"),
    )
    op.create_table(
        "deposits",
        sa.Column("log", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["log"], ["logs.n"]),
        sa.PrimaryKeyConstraint("log"),
    )


def _types(engine: str) -> str:
    """An id begins with the type of its object."""
    until = "strpos(stix_id, '--')" if engine == "postgresql" else "instr(stix_id, '--')"
    return f"""
        UPDATE entries SET type = (
            SELECT substr(stix_id, 1, {until} - 1) FROM lines JOIN ids ON ids.n = id_n WHERE lines.n = line
        ) WHERE kind = 'object'
    """  # noqa: S608 our own names
