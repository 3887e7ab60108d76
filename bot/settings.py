"""The settings: read from the environment and `.env`, checked together, one error for all that is wrong.

This is the only module that reads the environment. Each field's description is what `.env.example`
and the README say about it; a test compares them.
"""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from bot.settings_email import EmailSettings
from bot.settings_model import ModelSettings
from bot.settings_slack import SlackSettings
from bot.settings_teams import TeamsSettings
from bot.settings_tools import ToolSettings
from channels.web.identity import MIN_SECRET
from channels.web.pages import site_origin
from core import redaction
from core.errors import SetupError
from core.hours import Hours
from core.policy import Policy
from core.redaction import BY_DEFAULT

SAMPLE_KB = Path(__file__).resolve().parent.parent / "kb" / "sample"
SAMPLE_COMPANY = "Larkfield Cycles"


class Settings(ModelSettings, EmailSettings, SlackSettings, TeamsSettings, ToolSettings):
    """Everything an installation can set. Names of variables are these in capitals."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True)

    threadline_home: Path = Field(Path(".threadline"), description="where the database, vectors and files are kept")
    company_name: str = Field("", max_length=80, description="the company the assistant speaks for")
    database_url: str = Field(
        "", description="SQLite in THREADLINE_HOME, or postgresql+asyncpg://user:password@host/name"
    )
    chroma_url: str = Field("", description="a Chroma server; without one Chroma runs inside the program")
    files_url: str = Field("", description="where sent files lie: a folder in THREADLINE_HOME, or s3://bucket/folder")

    http_host: str = Field("127.0.0.1", description="the address to listen on")
    http_port: int = Field(8080, ge=0, le=65535, description="the port to listen on")
    public_url: str = Field(
        "", description="the address customers reach the chat page at, when it is not the local one"
    )

    kb_path: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: [str(SAMPLE_KB)],
        description="folders, sites, sitemaps and pages with the knowledge base, comma-separated",
    )
    articles_path: Path | None = Field(
        None,
        description="where approved articles are written: a folder in THREADLINE_HOME, or one that all replicas share",
    )
    kb_sync_minutes: float = Field(15, ge=0, description="how often the sources are read again; 0: only at start")
    kb_watch_seconds: float = Field(5, ge=0, description="how often local folders are looked at for changes; 0: never")
    kb_web_pages: int = Field(2_000, ge=1, description="pages that are read of one site")
    kb_private_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="hosts of your own network that may be read: wiki.corp.example,.intranet.example",
    )
    embedding_model: str = Field(
        "", description="a sentence-transformers model, none for words only; the packaged all-MiniLM-L6-v2 otherwise"
    )
    embedding_languages: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="languages the model covers: en,de; questions in others are searched by words alone",
    )
    embedding_dimensions: int | None = Field(
        None, ge=1, description="cut the vectors to so many dimensions, where the model was trained for that"
    )
    rerank_model: str = Field(
        "", description="a sentence-transformers cross-encoder that reads the best passages once more"
    )

    desk: str = Field("web", description="where operators work")
    second_desk: str = Field("", description="the desk that is told what the first one leaves waiting")
    desk_hours: str = Field("", max_length=500, description="when people answer: Mon-Fri 09:00-12:30,13:30-17:00")
    desk_time_zone: str = Field("UTC", description="the time zone of those hours: Europe/Berlin")
    desk_holidays: str = Field("", description="days without: 2026-12-24..2026-12-26, 01-01 (every year)")
    remind_unclaimed_minutes: float = Field(10, ge=0, description="opening time a case may stay unclaimed; 0: no limit")
    remind_unanswered_minutes: float = Field(30, ge=0, description="opening time a customer may wait; 0: no limit")
    reopen_days: float = Field(7, ge=0, description="how long a resolved case goes on when its customer writes again")
    survey: bool = Field(True, description="ask the customer once how it went when a case is resolved")
    digest_at: str = Field("", description="when the day's digest is posted to the desk: 08:30")
    report_at: str = Field("", description="when the week's missing articles are posted to the desk: Mon 08:30")
    sensitive_subjects: Path | None = Field(None, description="your own list of subjects that always go to people")
    conversation_answers: int = Field(30, ge=1, description="the assistant's answers in one conversation; then people")
    widget_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="sites that may show the chat: https://www.example.com, comma-separated"
    )
    widget_secret: str = Field("", description="signs who the customer is, on your site; 32 characters or more")
    operator_token: str = Field(
        "", description="the owner's operator token; made and printed at the first start otherwise"
    )
    answer_caution: Literal["cautious", "balanced", "eager"] = Field(
        "balanced", description="how sure an answer must be before it is given instead of a handover"
    )
    quiet_seconds: float = Field(
        0.0, ge=0, le=30, description="wait so long for more of a customer's words before answering"
    )
    run_seconds: float = Field(90.0, gt=0, le=600, description="longest time for one answer; then a person takes over")
    shadow: bool = Field(
        False, description="the assistant says nothing to customers; what it would say is suggested to operators"
    )
    slow_seconds: float = Field(
        20.0, ge=0, le=600, description="a chat customer who waits longer is told once that it takes; 0: never"
    )
    chat_sessions_per_minute: int = Field(60, ge=1, description="new chat sessions from one address")
    chat_messages_per_minute: int = Field(30, ge=1, description="messages in one chat session")
    chat_megabytes_per_minute: int = Field(200, ge=1, description="files that one address may send in the chat")
    link_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="hosts whose addresses an answer may hold, beside the knowledge base's: track.example,.example.com",
    )
    redact: str = Field(
        ",".join(BY_DEFAULT),
        description="what neither a model nor a log reads: cards,ibans,ids,passwords,keys,emails,phones; or off",
    )
    raw_retention_days: float = Field(30, ge=0, description="how long the platforms' raw events are kept")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is logged")
    fault_point: str = Field(
        "", description="for tests: kill the process at this commit, for example after:runs.finish*2"
    )

    @field_validator(
        "kb_path", "kb_private_hosts", "embedding_languages", "widget_origins", "link_hosts", mode="before"
    )
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("embedding_languages")
    @classmethod
    def _language_codes(cls, value: list[str]) -> list[str]:
        if wrong := [code for code in value if not re.fullmatch(r"[a-z]{2}", code)]:
            raise ValueError(f"{', '.join(wrong)}: use codes of two letters, for example en,de")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("postgresql+asyncpg://", "sqlite+aiosqlite://")):
            raise ValueError("use postgresql+asyncpg://user:password@host/name, or leave it empty for SQLite")
        return value

    @field_validator("files_url")
    @classmethod
    def _bucket(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment):
            raise ValueError("use s3://bucket or s3://bucket/folder, or leave it empty for a folder in THREADLINE_HOME")
        return value

    @field_validator("desk", "second_desk")
    @classmethod
    def _known_desk(cls, value: str) -> str:
        if value and value not in {"web", "teams"} and ":" not in value:
            raise ValueError("use web, slack:CHANNEL_ID, teams, teams:CONVERSATION or email:ADDRESS")
        return value

    @field_validator("widget_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        return [site_origin(origin) for origin in value]

    @field_validator("widget_secret")
    @classmethod
    def _long_secret(cls, value: str) -> str:
        if value and len(value) < MIN_SECRET:
            raise ValueError(f"has {len(value)} characters; use {MIN_SECRET} or more, chosen at random")
        return value

    @field_validator("desk_hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        Hours.parse(value)  # an HoursError is a ValueError
        return value

    @field_validator("desk_time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        Hours.parse(zone=value)
        return value

    @field_validator("desk_holidays")
    @classmethod
    def _days(cls, value: str) -> str:
        Hours.parse(holidays=value)
        return value

    @field_validator("redact")
    @classmethod
    def _redactable(cls, value: str) -> str:
        redaction.parse(value)
        return value

    @field_validator("digest_at")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        if value and not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
            raise ValueError("give a time of day, for example 08:30")
        return value

    @field_validator("report_at")
    @classmethod
    def _time_of_week(cls, value: str) -> str:
        if value and not re.fullmatch(r"(?i:mon|tue|wed|thu|fri|sat|sun) ([01]?\d|2[0-3]):[0-5]\d", value):
            raise ValueError("give a day and a time, for example Mon 08:30")
        return value

    @field_validator("public_url", "chroma_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("give a whole address, for example https://help.example.com")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _email_is_whole(self) -> "Settings":
        ways = ("email_listen", "email_imap_url", "email_smtp_url")
        if any(getattr(self, way) for way in ways) and not self.email_address:
            raise ValueError("EMAIL_ADDRESS: name the support address, for example EMAIL_ADDRESS=support@example.com")
        if self.email_address and not self.email_smtp_url:
            raise ValueError("EMAIL_SMTP_URL: answers need a way out, for example smtp://user:password@host:587")
        if bool(self.email_tls_cert) != bool(self.email_tls_key):
            raise ValueError("EMAIL_TLS_CERT and EMAIL_TLS_KEY belong together: set both or none")
        return self

    @property
    def policy(self) -> Policy:
        """The desk's rules."""
        return Policy(
            hours=Hours.parse(self.desk_hours, self.desk_time_zone, self.desk_holidays),
            desk=self.desk,
            second_desk=self.second_desk,
            unclaimed=self.remind_unclaimed_minutes * 60,
            unanswered=self.remind_unanswered_minutes * 60,
            reopen=self.reopen_days * 86_400,
            survey=self.survey,
            shadow=self.shadow,
        )

    @property
    def redacted(self) -> frozenset[redaction.Kind]:
        """What neither a model nor a log reads."""
        return redaction.parse(self.redact)

    @property
    def company(self) -> str:
        """The company's name: as set, or the sample's while the sample knowledge base is used."""
        sample = [Path(path) for path in self.kb_path] == [SAMPLE_KB]
        return self.company_name or (SAMPLE_COMPANY if sample else "our company")

    @property
    def hosts(self) -> frozenset[str]:
        """The host names, beside the local ones, that requests may name."""
        names = {urlsplit(self.public_url).hostname or "", self.http_host}
        return frozenset(name for name in names if name)

    @property
    def articles_folder(self) -> Path:
        """Where approved articles are written."""
        return (self.articles_path or self.threadline_home / "articles").expanduser().resolve()

    @property
    def is_exposed(self) -> bool:
        """Whether other machines can reach the port."""
        if self.http_host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.http_host).is_loopback
        except ValueError:
            return True


def load_settings(**overrides: object) -> Settings:
    """Return the settings of this environment. Raises `SetupError` that lists everything wrong, with the fix."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [_line(str(found["loc"][0]) if found["loc"] else "", found["msg"]) for found in error.errors()]
        raise SetupError("The settings need a hand:\n" + "\n".join(lines)) from None


def _line(field: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"  {field.upper()}: {message}" if field else f"  {message}"
