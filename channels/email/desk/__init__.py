"""A mailbox as a desk."""
