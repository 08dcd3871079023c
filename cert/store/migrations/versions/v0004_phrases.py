"""What fills the blanks of a sentence that is kept, when a part that does not work is tried again, and errands."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """A sentence that an older version kept is whole: nothing fills it."""
    for table in ("set_aside", "health", "evidence"):
        op.add_column(table, sa.Column("data", TEXT, nullable=False, server_default="{}"))
    op.add_column("health", sa.Column("next_try", sa.BigInteger()))
    op.create_table(
        "errands",
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("sentence", TEXT, nullable=False),
        sa.Column("data", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["peer"], ["peers.name"]),
        sa.PrimaryKeyConstraint("peer", "kind"),
    )
