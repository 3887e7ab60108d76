"""Mail: whole texts beside visible ones, a subject, the way back to a sender, and who vouches for them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what mail needs; nothing that is there is changed in meaning."""
    op.add_column("threads", sa.Column("subject", sa.Text(), server_default="", nullable=False))
    op.add_column("threads", sa.Column("trust", sa.Text(), server_default="", nullable=False))
    op.add_column("threads", sa.Column("route", sa.JSON(), nullable=True))
    op.add_column("messages", sa.Column("full", sa.Text(), server_default="", nullable=False))
    op.add_column("messages", sa.Column("presence", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "operator_accounts",
        sa.Column("account", sa.String(length=200), nullable=False),
        sa.Column("operator", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_operator_accounts")),
        sa.ForeignKeyConstraint(["operator"], ["operators.id"], name=op.f("fk_operator_accounts_operator")),
    )
