"""The bytes of a mail, read."""
