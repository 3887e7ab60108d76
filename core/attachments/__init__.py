"""Attachments: what customers' files say, read in a process of its own that may do little and not for long."""
