"""The desk: reopening, surveys, files, edits, suggested replies, other desks than the web desk, named chat sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NAME = sa.String(length=200)
_ID = sa.String(length=40)


def upgrade() -> None:
    """Add what the desk needs; nothing that is there is changed in meaning."""
    _add_columns()
    op.execute("UPDATE runs SET thread_id = lane")
    op.execute("UPDATE threads SET answered_up_to = turn_over_up_to")
    with op.batch_alter_table("deliveries") as deliveries:  # a digest belongs to no thread
        deliveries.alter_column("thread_id", existing_type=_ID, nullable=True)
    op.create_index("ix_receipts_message_id", "receipts", ["message_id"], unique=False)
    op.create_index("ix_deliveries_case_id", "deliveries", ["case_id"], unique=False)
    op.create_index("ix_threads_customer", "threads", ["customer"], unique=False)
    _create_tables()


def _add_columns() -> None:
    for table, columns in {
        "threads": (
            sa.Column("customer_name", _NAME, server_default="", nullable=False),
            sa.Column("verified", sa.Boolean(), server_default=sa.false(), nullable=False),
            sa.Column("language", sa.String(length=8), server_default="", nullable=False),
            sa.Column("answered_up_to", sa.Integer(), server_default="0", nullable=False),
            sa.Column("resolved_case", _ID, nullable=True),
            sa.Column("resolved_by", _ID, nullable=True),
            sa.Column("resolved_name", _NAME, server_default="", nullable=False),
            sa.Column("resolved_at", sa.Float(), nullable=True),
            sa.Column("surveyed_case", _ID, nullable=True),
        ),
        "messages": (
            sa.Column("operator", _ID, nullable=True),
            sa.Column("survey", _ID, nullable=True),
            sa.Column("original", sa.Text(), nullable=True),
            sa.Column("changed_at", sa.Float(), nullable=True),
            sa.Column("withdrawn", sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        "runs": (
            sa.Column("thread_id", _ID, server_default="", nullable=False),
            sa.Column("kind", sa.String(length=20), server_default="answer", nullable=False),
            sa.Column("case_id", _ID, nullable=True),
            sa.Column("hint", sa.Text(), server_default="", nullable=False),
        ),
        "deliveries": (
            sa.Column("file_id", _ID, nullable=True),
            sa.Column("desk", _NAME, server_default="", nullable=False),
            sa.Column("text", sa.Text(), server_default="", nullable=False),
            sa.Column("everyone", sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        "cases": (
            sa.Column("suggestion", sa.JSON(), nullable=True),
            sa.Column("suggestion_fate", sa.String(length=20), server_default="", nullable=False),
            sa.Column("desk", _NAME, server_default="web", nullable=False),
            sa.Column("desk_thread", _NAME, server_default="", nullable=False),
            sa.Column("desk_error", sa.Text(), server_default="", nullable=False),
            sa.Column("times_reopened", sa.Integer(), server_default="0", nullable=False),
            sa.Column("unclaimed_since", sa.Float(), nullable=True),
            sa.Column("answered_at", sa.Float(), nullable=True),
        ),
    }.items():
        for column in columns:
            op.add_column(table, column)


def _create_tables() -> None:
    op.create_table(
        "files",
        sa.Column("id", _ID, nullable=False),
        sa.Column("message_id", _ID, nullable=True),
        sa.Column("thread_id", _ID, nullable=True),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("type", _NAME, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_files_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index("ix_files_message_id", "files", ["message_id"], unique=False)
    op.create_table(
        "ratings",
        sa.Column("id", _ID, nullable=False),
        sa.Column("thread_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject", _ID, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_ratings_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ratings")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_ratings_kind_subject")),
    )
    op.create_index("ix_ratings_thread_id", "ratings", ["thread_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("id", _ID, nullable=False),
        sa.Column("customer", _NAME, nullable=False),
        sa.Column("name", _NAME, server_default="", nullable=False),
        sa.Column("verified", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("page", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
