"""The web channel, wired: the chat, the desk and their pages. `bootstrap` puts the routes into the HTTP application."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from bot.articles import Articles
from bot.assistant import NO_MODEL
from bot.platforms import Parts
from bot.settings import SAMPLE_KB, Settings
from channels.web.access import Access
from channels.web.articles import DeskArticles
from channels.web.channel import WebChannel
from channels.web.chat import Chat
from channels.web.desk import WebDesk
from channels.web.identity import Identities
from channels.web.limits import RateLimit
from channels.web.pages import Pages
from core.agent.assistant import Assistant
from core.bell import Bell
from core.store.files import MAX_FILE, MAX_FILES

_SUGGESTIONS = (
    "How much does delivery cost?",
    "How do I return an article?",
    "How do I charge my e-bike battery?",
)
"""Questions the sample knowledge base answers."""


def suggestions(settings: Settings) -> list[str]:
    """Return questions that the knowledge base surely answers, to offer where the owner names none."""
    return list(_SUGGESTIONS) if settings.kb_path == [str(SAMPLE_KB)] else []


def web_routes(
    parts: Parts, channel: WebChannel, bell: Bell, access: Access, articles: Articles, assistant: Assistant
) -> Sequence[web.RouteDef]:
    """Return where the chat, the desk and their pages are served. Raises `SetupError` for a weak WIDGET_SECRET."""
    settings, store, files, inbox, clock = parts.settings, parts.store, parts.files, parts.inbox, parts.clock
    identities = Identities(settings.widget_secret, clock=clock)
    rooms = (
        Chat(store, files, inbox, identities, access, channel, bell, clock, _limit(settings)),
        WebDesk(store, files, inbox, access, bell, clock, settings.policy),
        DeskArticles(articles, access),
        Pages(lambda: _page_config(settings, assistant)),
    )
    return [route for room in rooms for route in room.routes()]


def _limit(settings: Settings) -> RateLimit:
    return RateLimit(
        {
            "sessions": settings.chat_sessions_per_minute,
            "messages": settings.chat_messages_per_minute,
            "megabytes": settings.chat_megabytes_per_minute,
            "tickets": settings.chat_messages_per_minute,
        }
    )


def _page_config(settings: Settings, assistant: Assistant) -> dict[str, Any]:
    return {
        "name": settings.company,
        "notice": None if assistant.provider.has_model else NO_MODEL,
        "suggestions": suggestions(settings),
        "widget_origins": settings.widget_origins,
        "files": {"most": MAX_FILES, "bytes": MAX_FILE},
    }
