"""What fills the blanks of a sentence that is kept, and when a part that does not work is tried again."""

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
