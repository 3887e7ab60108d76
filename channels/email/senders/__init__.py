"""Who vouches for the sender of a mail."""
