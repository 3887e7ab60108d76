"""The settings of Slack; `bot.settings` joins them with the others."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, NoDecode


class SlackSettings(BaseSettings):
    """What an owner can set of Slack. Without `SLACK_BOT_TOKEN` all of it is off."""

    slack_bot_token: str = Field("", description="the bot's token: xoxb-...")
    slack_app_token: str = Field("", description="connect by Socket Mode with this app-level token: xapp-...")
    slack_signing_secret: str = Field("", description="or Slack posts to PUBLIC_URL/slack/events: its signing secret")
    slack_agent_view: bool = Field(True, description="in direct messages each conversation is a thread (agent view)")
    slack_prompts: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="up to four questions that are offered in the agent view, separated by |"
    )
    slack_seconds_apart: float = Field(
        1.0, ge=0, description="seconds between two posts in one channel; Slack asks for 1"
    )
    slack_api_url: str = Field("https://slack.com/api/", description="Slack's Web API; another server's in tests")

    @model_validator(mode="before")
    @classmethod
    def _split_prompts(cls, values: object) -> object:
        if isinstance(values, dict) and isinstance(prompts := values.get("slack_prompts"), str):
            return {**values, "slack_prompts": [one.strip() for one in prompts.split("|") if one.strip()]}
        return values

    @model_validator(mode="after")
    def _complete(self) -> "SlackSettings":
        if self.slack_bot_token and not (self.slack_app_token or self.slack_signing_secret):
            raise ValueError(
                "SLACK_BOT_TOKEN needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (Slack posts to you)"
            )
        if self.slack_bot_token and not self.slack_bot_token.startswith("xoxb-"):
            raise ValueError("SLACK_BOT_TOKEN is the bot's token and begins with xoxb-")
        if self.slack_app_token and not self.slack_app_token.startswith("xapp-"):
            raise ValueError("SLACK_APP_TOKEN is an app-level token and begins with xapp-")
        return self
