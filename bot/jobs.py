"""Sweeps on a schedule. Each is idempotent and safe in every replica at once."""

from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.readiness import Readiness
from bot.settings import Settings
from bot.sweeps import Sweeps
from core.store.files import Files
from core.store.inbox import Clock
from core.store.store import Store

_DAY = 86_400.0
_LOOK_SECONDS = 15


def schedule(
    store: Store, files: Files, sweeps: Sweeps, readiness: Readiness, settings: Settings, clock: Clock
) -> AsyncIOScheduler:
    """Start the sweeps in the running loop and return their scheduler."""
    scheduler = AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 60})

    async def forget() -> None:
        """Drop the platforms' raw events that are older than the setting, tokens long expired, files never sent."""
        raw = await store.receipts.drop_raw(clock() - settings.raw_retention_days * _DAY)
        await files.drop([str(event["file"]) for event in raw if "file" in event])
        await store.credentials.drop_expired(clock() - _DAY)
        await files.drop_unsent(clock() - _DAY)

    async def sync() -> None:
        """Read the knowledge base's sources again."""
        if readiness.is_open:
            await readiness.sync()

    scheduler.add_job(forget, "interval", hours=1)
    scheduler.add_job(sweeps.look, "interval", seconds=_LOOK_SECONDS)
    if settings.digest_at:
        hour, minute = settings.digest_at.split(":")
        zone = ZoneInfo(settings.desk_time_zone)
        scheduler.add_job(sweeps.digest, "cron", hour=int(hour), minute=int(minute), timezone=zone)
    if settings.kb_watch_seconds:
        scheduler.add_job(readiness.look, "interval", seconds=settings.kb_watch_seconds)
    if settings.kb_sync_minutes:
        scheduler.add_job(sync, "interval", minutes=settings.kb_sync_minutes)
    scheduler.start()
    return scheduler
