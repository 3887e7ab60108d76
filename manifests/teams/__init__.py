"""The app for Microsoft Teams: `bot.cli_teams` makes its zip of these."""
