"""Desks whose place is chosen where people talk: which it is, and the code by which the next one is chosen."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table; a place that the settings name stays there."""
    op.create_table(
        "desks",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), server_default="", nullable=False),
        sa.Column("route", sa.JSON(), nullable=True),
        sa.Column("moved_at", sa.Float(), nullable=True),
        sa.Column("code", sa.String(length=64), server_default="", nullable=False),
        sa.Column("salt", sa.String(length=32), server_default="", nullable=False),
        sa.Column("code_until", sa.Float(), nullable=True),
        sa.Column("code_tries", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_desks")),
    )


def downgrade() -> None:
    """The place is forgotten: the setting names it then, or nothing does."""
    op.drop_table("desks")
