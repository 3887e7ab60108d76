"""What operators did with each suggested reply, by what it is about."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Counted from now on."""
    op.create_table(
        "draft_fates",
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("draft", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("fate", sa.String(length=20), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "draft", name=op.f("pk_draft_fates")),
    )
    op.create_index("ix_draft_fates_at", "draft_fates", ["at"], unique=False)


def downgrade() -> None:
    """What was counted is forgotten."""
    op.drop_table("draft_fates")
