"""Attachments: what customers' files say, got once for each."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.String(length=40)


def upgrade() -> None:
    """Add the table of readings. Files that came before are left unread: their messages were answered."""
    op.create_table(
        "extractions",
        sa.Column("n", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("lane", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("available_at", sa.Float(), nullable=False),
        sa.Column("lease_token", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.Float(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("thread_id", _ID, nullable=False),
        sa.Column("outcome", sa.String(length=20), server_default="waiting", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_extractions_thread_id")),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_extractions")),
        sa.UniqueConstraint("id", name=op.f("uq_extractions_id")),
    )
    op.create_index("ix_extractions_queue", "extractions", ["state", "lane", "n"], unique=False)
    op.create_index("ix_extractions_thread_id", "extractions", ["thread_id", "state"], unique=False)
