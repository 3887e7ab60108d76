"""What desks in chat programs do in the same way, wherever they are. Imports core only; Slack's and Teams' use it."""
