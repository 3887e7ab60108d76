"""The store: rows that keep the promises. The only part of core that speaks SQL."""
