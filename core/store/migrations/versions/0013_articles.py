"""Suggested articles: what people answered, with the case it comes from."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """They are collected from now on."""
    op.create_table(
        "articles",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("thread_id", sa.String(length=40), nullable=False),
        sa.Column("case_id", sa.String(length=40), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("decided_by", sa.String(length=40), nullable=True),
        sa.Column("decided_name", sa.String(length=200), server_default="", nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("file", sa.String(length=300), server_default="", nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_articles_thread_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_articles")),
        sa.UniqueConstraint("case_id", name=op.f("uq_articles_case_id")),
    )
    op.create_index("ix_articles_state", "articles", ["state", "at"], unique=False)
    op.create_index("ix_articles_thread_id", "articles", ["thread_id"], unique=False)


def downgrade() -> None:
    """The suggestions are forgotten; the files stay."""
    op.drop_table("articles")
