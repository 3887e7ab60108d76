"""Markdown as Slack's rich text: blocks whose words are literal, so that nothing in them is a mention or markup."""
