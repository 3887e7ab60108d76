"""What a platform calls a message, however many posts it became: nine of Slack's take more than 200 characters."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Nothing is lost."""
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.alter_column("platform_id", existing_type=sa.String(length=200), type_=sa.Text())


def downgrade() -> None:
    """Longer names are cut: their messages can't be changed any more."""
    op.execute("UPDATE deliveries SET platform_id = substr(platform_id, 1, 200)")
    with op.batch_alter_table("deliveries") as deliveries:
        deliveries.alter_column("platform_id", existing_type=sa.Text(), type_=sa.String(length=200))
