"""Operators who work in a Teams channel or group chat."""
