"""The example of docs/tools.md: a shop's order service, and the tools that its owner wrote for it."""
