"""The settings of Microsoft Teams; `bot.settings` joins them with the others."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode


class TeamsSettings(BaseSettings):
    """What an owner can set of Teams. Without `TEAMS_APP_ID` all of it is off."""

    teams_app_id: str = Field("", description="the application (client) id of the app's registration")
    teams_app_password: str = Field("", description="its client secret")
    teams_tenants: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="the organisations that are served, comma-separated; first the app's own"
    )
    teams_dev: bool = Field(False, description="for the Playground: nothing is checked; on this machine alone")
    teams_service_urls: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="addresses of Teams beside Microsoft's own: other clouds, tests"
    )
    teams_openid_url: str = Field(
        "https://login.botframework.com/v1/.well-known/openidconfiguration",
        description="where the keys of Teams' tokens are found",
    )
    teams_login_url: str = Field("https://login.microsoftonline.com", description="where the app signs in")
    teams_seconds_apart: float = Field(0.25, ge=0, description="seconds between two messages in one conversation")

    @field_validator("teams_tenants", "teams_service_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("teams_service_urls")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for one in value:
            if urlsplit(one).scheme not in {"http", "https"} or not urlsplit(one).netloc:
                raise ValueError(f"{one!r} is no address: use https://host/path/")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "TeamsSettings":
        if self.teams_app_id and not self.teams_dev:
            if not self.teams_app_password:
                raise ValueError("TEAMS_APP_ID needs TEAMS_APP_PASSWORD, the app's client secret")
            if not self.teams_tenants:
                raise ValueError("TEAMS_APP_ID needs TEAMS_TENANTS: your organisation's id, and others that are served")
        if self.teams_app_password and not self.teams_app_id:
            raise ValueError("TEAMS_APP_PASSWORD needs TEAMS_APP_ID")
        return self

    @property
    def teams_own_tenant(self) -> str:
        """The organisation that the app belongs to: the first that is served, '' if none is named."""
        return next(iter(self.teams_tenants), "")
