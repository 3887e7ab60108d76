"""A Slack channel as a desk."""
