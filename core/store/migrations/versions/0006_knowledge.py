"""What language a document is in, and what its server said for asking whether it has changed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Documents that are there say neither until they are read again."""
    op.add_column("kb_documents", sa.Column("language", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("kb_documents", sa.Column("validator", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Pages are then read whole each time."""
    op.drop_column("kb_documents", "validator")
    op.drop_column("kb_documents", "language")
