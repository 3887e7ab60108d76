"""The settings of the owner's own tools; `bot.settings` joins them with the others."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from dotenv import dotenv_values
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode


class ToolSettings(BaseSettings):
    """What an owner can set of the tools that the assistant may call. None is switched on by itself."""

    tools: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="your own tools, by the names of their entry points: orders,shop"
    )
    mcp_servers: Path | None = Field(None, description="a TOML file that names MCP servers whose tools are used")

    @field_validator("tools", mode="before")
    @classmethod
    def _split_tools(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def read_variables(names: Iterable[str]) -> dict[str, str]:
    """Return those variables of the environment, or of `.env`, that are set: what MCP servers need of us."""
    known = {**dotenv_values(".env"), **os.environ}
    return {name: value for name in names if (value := known.get(name))}
