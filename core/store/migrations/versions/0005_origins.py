"""Files that a platform keeps for us until we fetch them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add where a file is to be fetched; those that are there are fetched already."""
    op.add_column("files", sa.Column("origin", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Forget where files are; those not fetched yet are lost."""
    op.drop_column("files", "origin")
