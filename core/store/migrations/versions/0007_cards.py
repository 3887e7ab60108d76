"""A case is found by its card: the name of the card alone, which operators' lines and presses come with."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_CASES = sa.table("cases", sa.column("number"), sa.column("desk_thread"), sa.column("desk_card"))


def upgrade() -> None:
    """Take the names of cards that were posted already from what their desks call them."""
    op.add_column("cases", sa.Column("desk_card", sa.String(length=200), server_default="", nullable=False))
    bind = op.get_bind()
    shown = bind.execute(sa.select(_CASES.c.number, _CASES.c.desk_thread).where(_CASES.c.desk_thread != "")).all()
    if shown:
        named = sa.update(_CASES).where(_CASES.c.number == sa.bindparam("of")).values(desk_card=sa.bindparam("card"))
        bind.execute(named, [{"of": row.number, "card": row.desk_thread.partition(" ")[0]} for row in shown])
    op.create_index("ix_cases_desk_card", "cases", ["desk", "desk_card"], unique=False)


def downgrade() -> None:
    """Nothing is lost: the names stand in `desk_thread` too."""
    op.drop_index("ix_cases_desk_card", table_name="cases")
    op.drop_column("cases", "desk_card")
