"""What the owner's settings say about what may go out: made into the assistant's `Screen` by `bot.assistant`."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from bot.settings import Settings
from core.agent.screen import Screen
from core.guard import Guard

_SECRET = ("_key", "_token", "_secret", "_password", "_login")


def make_screen(settings: Settings, *instructions: str) -> Screen:
    """Return what may go to a model and to customers; `instructions` are ours, and stay."""
    sites = [urlsplit(one).hostname or "" for one in (settings.public_url, *settings.widget_origins)]
    return Screen(
        Guard(instructions, tuple(own_secrets(settings))),
        settings.redacted,
        own=tuple(filter(None, [settings.email_address])),
        hosts=(*filter(None, sites), *settings.link_hosts),
    )


def own_secrets(settings: Settings) -> Iterator[str]:
    """Yield the program's keys and tokens, and the passwords in its addresses: no answer holds one."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, str) and name.endswith(_SECRET):
            yield from filter(None, [value, value.partition(":")[2]])
        elif isinstance(value, str) and "@" in value and "://" in value:
            yield unquote(urlsplit(value).password or "")
