"""Sweeps on a schedule. Each is idempotent and safe in every replica at once."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from bot.articles import Articles
from bot.missing import LOOK_SECONDS, Missing
from bot.readiness import Readiness
from bot.settings import Settings
from bot.sweeps import Sweeps
from core.actions import CONFIRM_SECONDS
from core.store.files import Files
from core.store.inbox import Clock
from core.store.store import Store
from kb import rank

_DAY = 86_400.0
_LOOK_SECONDS = 15


def at(when: str, zone: str) -> CronTrigger:
    """Return what fires at '08:30' of every day, or at 'Mon 08:30' of every week, in the time zone `zone`."""
    *day, time = when.lower().split()
    hour, minute = time.split(":")
    return CronTrigger(day_of_week=day[0] if day else None, hour=int(hour), minute=int(minute), timezone=ZoneInfo(zone))


def schedule(
    store: Store,
    files: Files,
    sweeps: Sweeps,
    readiness: Readiness,
    articles: Articles,
    settings: Settings,
    clock: Clock,
) -> AsyncIOScheduler:
    """Start the sweeps in the running loop and return their scheduler."""
    scheduler = AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 60})

    async def forget() -> None:
        """Drop raw events older than the setting, tokens long expired, files never sent, changes never confirmed."""
        raw = await store.receipts.drop_raw(clock() - settings.raw_retention_days * _DAY)
        await files.drop([str(event["file"]) for event in raw if "file" in event])
        await store.credentials.drop_expired(clock() - _DAY)
        await files.drop_unsent(clock() - _DAY)
        await store.actions.forget_unanswered(clock() - CONFIRM_SECONDS)

    async def sync() -> None:
        """Read the knowledge base's sources again."""
        if readiness.is_open:
            await readiness.sync()

    scheduler.add_job(forget, "interval", hours=1)
    scheduler.add_job(sweeps.look, "interval", seconds=_LOOK_SECONDS)
    missing = Missing(store, readiness, rank.floors()[settings.answer_caution], clock)
    scheduler.add_job(missing.look, "interval", seconds=LOOK_SECONDS)
    scheduler.add_job(articles.write, "interval", minutes=1, next_run_time=datetime.now(UTC))
    for post, when in ((sweeps.digest, settings.digest_at), (sweeps.report, settings.report_at)):
        if when:
            scheduler.add_job(post, at(when, settings.desk_time_zone))
    if settings.kb_watch_seconds:
        scheduler.add_job(readiness.look, "interval", seconds=settings.kb_watch_seconds)
    if settings.kb_sync_minutes:
        scheduler.add_job(sync, "interval", minutes=settings.kb_sync_minutes)
    scheduler.start()
    return scheduler
