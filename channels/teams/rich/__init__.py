"""Markdown as Teams shows it: read, written again, cut into pieces, and shown while it grows."""
