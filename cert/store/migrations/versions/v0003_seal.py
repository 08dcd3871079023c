"""Seals, key lists, receipts and evidence."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """Seals, key lists, receipts and evidence."""
    op.add_column("peers", sa.Column("root", TEXT, nullable=False, server_default=""))
    op.create_table(
        "seals",
        sa.Column("log", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("log", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_lists",
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "version"),
    )
    op.create_table(
        "receipts",
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("way", TEXT, nullable=False),
        sa.Column("last", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["peer"], ["peers.name"]),
        sa.PrimaryKeyConstraint("peer", "way", "last"),
    )
    op.create_table(
        "receipt_exceptions",
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("way", TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("sentence", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["peer"], ["peers.name"]),
        sa.PrimaryKeyConstraint("peer", "way", "number"),
    )
    op.create_table(
        "evidence",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("direction", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("sentence", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["peer"], ["peers.name"]),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_table(
        "contacts",
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.Column("skew_ms", sa.BigInteger(), nullable=True),
        sa.Column("certificate_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["peer"], ["peers.name"]),
        sa.PrimaryKeyConstraint("peer"),
    )
    op.create_table(
        "pauses",
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("direction", TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["peer"], ["peers.name"]),
        sa.PrimaryKeyConstraint("peer", "direction"),
    )
    op.create_index("evidence_open", "evidence", ["peer", "direction", "settled"], unique=False)
