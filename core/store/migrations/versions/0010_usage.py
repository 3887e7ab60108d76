"""What each run took of language models, so that a budget can be kept."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Counted from now on."""
    op.add_column("runs", sa.Column("tokens_in", sa.Integer(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("tokens_out", sa.Integer(), server_default="0", nullable=False))
    op.add_column("runs", sa.Column("cost", sa.Float(), server_default="0", nullable=False))
    op.create_index("ix_runs_finished_at", "runs", ["finished_at"], unique=False)


def downgrade() -> None:
    """What was counted is forgotten."""
    op.drop_index("ix_runs_finished_at", "runs")
    for name in ("cost", "tokens_out", "tokens_in"):
        op.drop_column("runs", name)
