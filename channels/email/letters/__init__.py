"""Mails that we write, and their way out."""
