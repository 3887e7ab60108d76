"""Addresses that somebody vouches for, by which a customer is one on every channel; and who else reads along."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Known from the next message on."""
    op.add_column("threads", sa.Column("email", sa.String(length=200), server_default="", nullable=False))
    op.add_column("threads", sa.Column("alone", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_index("ix_threads_email", "threads", ["email"], unique=False)
    op.add_column("sessions", sa.Column("email", sa.String(length=200), server_default="", nullable=False))


def downgrade() -> None:
    """They come again with each message."""
    op.drop_column("sessions", "email")
    op.drop_index("ix_threads_email", "threads")
    op.drop_column("threads", "alone")
    op.drop_column("threads", "email")
