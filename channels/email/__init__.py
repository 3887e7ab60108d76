"""Email: a support mailbox as a channel for customers, and a mailbox as a desk for operators."""
