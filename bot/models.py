"""Which language models answer, by the settings. `bootstrap` and `doctor` ask."""

from bot.settings import Settings
from core.agent.providers import ModelSettings, Provider, extractive, openai_provider
from core.budget import Price

NO_KEY = "none"  # servers of one's own often ask for none, but the SDK does


def make_provider(settings: Settings) -> Provider:
    """Return the configured language models, or the extractive answerer when there are none."""
    if not settings.has_model:
        return extractive()
    models = [_primary(settings), *([_fallback(settings)] if settings.fallback_model else [])]
    return openai_provider(*models, seconds=settings.model_seconds)


def _primary(settings: Settings) -> ModelSettings:
    return ModelSettings(
        model=settings.azure_openai_deployment or settings.openai_model,
        api_key=settings.azure_openai_api_key or settings.openai_api_key or NO_KEY,
        base_url=settings.openai_base_url,
        api=settings.openai_api or ("chat" if settings.openai_base_url else "responses"),
        azure_endpoint=settings.azure_openai_endpoint,
        sees=settings.model_sees_pictures,
        price=Price.parse(settings.model_price),
        pause=settings.model_pause_seconds,
    )


def _fallback(settings: Settings) -> ModelSettings:
    address = settings.fallback_base_url or settings.openai_base_url
    return ModelSettings(
        model=settings.fallback_model,
        api_key=settings.fallback_api_key or settings.openai_api_key or NO_KEY,
        base_url=address,
        api=settings.fallback_api or ("chat" if address else "responses"),
        sees=settings.model_sees_pictures,
        price=Price.parse(settings.fallback_price),
        pause=settings.model_pause_seconds,
    )
