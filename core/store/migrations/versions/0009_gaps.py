"""Knowledge gaps: what customers asked that the knowledge base did not carry, with the thread behind it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """They are counted from now on; what was asked before is in the cases."""
    op.create_table(
        "knowledge_gaps",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("thread_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("likeness", sa.String(length=64), nullable=False),
        sa.Column("nearest", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["threads.id"], name=op.f("fk_knowledge_gaps_thread_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_gaps")),
    )
    op.create_index("ix_knowledge_gaps_at", "knowledge_gaps", ["at"], unique=False)
    op.create_index("ix_knowledge_gaps_thread_id", "knowledge_gaps", ["thread_id"], unique=False)


def downgrade() -> None:
    """What was counted is forgotten."""
    op.drop_table("knowledge_gaps")
