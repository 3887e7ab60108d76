"""Channels translate: a platform's payloads into messages and desk events, replies and cards back."""
