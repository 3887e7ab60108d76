"""Attachments: what is read out of files (helper FILES fills this in; 0004_mail follows it)."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
