"""The agent: an agent-framework `Agent` that answers a turn from the knowledge base, or hands it over."""
