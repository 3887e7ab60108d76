"""Slack: customers in direct messages, channels and the agent view, and a channel as a desk."""
