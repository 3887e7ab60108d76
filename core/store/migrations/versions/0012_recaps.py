"""What was said in long conversations, in short, and which customers were told that it takes longer."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Made when a conversation is too long to be read whole; the messages stay."""
    op.create_table(
        "recaps",
        sa.Column("thread_id", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("up_to", sa.Integer(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_recaps_thread_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("thread_id", name=op.f("pk_recaps")),
    )
    op.add_column("threads", sa.Column("apologised_up_to", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """They can be made again."""
    op.drop_column("threads", "apologised_up_to")
    op.drop_table("recaps")
