"""The settings of the email channel; `bot.settings` joins them with the others."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode


class EmailSettings(BaseSettings):
    """What an owner can set of email. Without `EMAIL_ADDRESS` all of it is off."""

    email_address: str = Field("", max_length=100, description="the support address: support@example.com")
    email_listen: str = Field("", description="take mail in by SMTP here: 127.0.0.1:2525")
    email_lmtp: bool = Field(False, description="speak LMTP there, as a mail server's delivery agent does")
    email_tls_cert: Path | None = Field(None, description="certificate for STARTTLS there (PEM, with its chain)")
    email_tls_key: Path | None = Field(None, description="its key")
    email_login: str = Field("", description="clients must sign in there: user:password")
    email_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="addresses that speak the PROXY protocol to it, comma-separated"
    )
    email_imap_url: str = Field("", description="pick mail up from a mailbox: imaps://user:password@host/INBOX")
    email_smtp_url: str = Field("", description="send through: smtp://user:password@host:587 or smtps://")
    email_secret: str = Field("", description="signs reply addresses; made in HOME otherwise, the same on all replicas")
    email_trusted_server: str = Field(
        "", description="whose Authentication-Results count, and where it is: mx.example.com 192.0.2.1 mailbox"
    )
    email_trusted_forwarders: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="domains whose ARC seals count, comma-separated"
    )
    email_blocked: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="never answered: kim@example.com, @example.com, comma-separated"
    )
    email_mails_per_hour: int = Field(60, ge=1, description="mails of one sender that are taken up in an hour")
    email_answers_per_hour: int = Field(6, ge=1, description="answers to one conversation in an hour; then people")
    email_dkim_key: Path | None = Field(None, description="sign what is sent with this key (PEM)")
    email_dkim_selector: str = Field("threadline", description="the DNS name of its public half")

    @field_validator("email_proxies", "email_trusted_forwarders", "email_blocked", mode="before")
    @classmethod
    def _split_addresses(cls, value: object) -> object:
        return [part.strip().lower() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("email_address")
    @classmethod
    def _one_address(cls, value: str) -> str:
        value = value.strip().lower()
        local, _, domain = value.rpartition("@")
        if value and (not local or "." not in domain or any(c in value for c in " <>,;+\"'\\")):
            raise ValueError("give one plain address without a name or a plus sign: support@example.com")
        return value

    @field_validator("email_listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isdecimal() and 0 <= int(port) <= 65535):
            raise ValueError("give an address and a port: 127.0.0.1:2525")
        return value

    @field_validator("email_smtp_url")
    @classmethod
    def _smtp(cls, value: str) -> str:
        return _checked(value, ("smtp", "smtps"), "smtp://user:password@mail.example.com:587")

    @field_validator("email_imap_url")
    @classmethod
    def _imap(cls, value: str) -> str:
        return _checked(value, ("imap", "imaps"), "imaps://user:password@mail.example.com/INBOX")

    @property
    def email_protocol(self) -> Literal["SMTP", "LMTP"]:
        """What is spoken at `EMAIL_LISTEN`."""
        return "LMTP" if self.email_lmtp else "SMTP"


def _checked(url: str, schemes: tuple[str, ...], example: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in schemes and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if url and not good:
        raise ValueError(f"give a whole address: {example}")
    return url
