"""`threadline doctor`: what is configured, what works, what does not, and the fix for it."""

import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from bot.assistant import load_subjects
from bot.bootstrap import make_embedder, open_database
from bot.check import Check
from bot.doctor_tools import examine_tools
from bot.home import Home
from bot.models import make_provider
from bot.settings import SAMPLE_KB, Settings
from bot.terminal import counted
from core.agent.providers import ping
from core.desk import Operator
from core.errors import SetupError, ThreadlineError
from core.policy import WEB_DESK
from core.store.migrations import current, newest
from core.store.places import open_place
from core.store.store import Store
from core.wording import language_name
from kb.documents import SourceError
from kb.embed import NO_MODEL, Embedder
from kb.load import find, is_address, root_of


async def examine(settings: Settings) -> AsyncIterator[Check]:
    """Yield one check after the other, each in one line: what libraries say of their failures often has several."""
    async for check in _all(settings):
        yield replace(check, found=" ".join(check.found.split()), fix=" ".join(check.fix.split()))


async def _all(settings: Settings) -> AsyncIterator[Check]:
    try:
        home = Home(settings.threadline_home)
    except SetupError as error:
        yield Check("home", "broken", str(error), "Set THREADLINE_HOME to a folder this user can write.")
        return
    yield Check("home", "ok", str(home.path))
    yield _port(settings, home)
    async for check in _store(settings, home):
        yield check
    if settings.files_url:
        yield await _files(settings, home)
    yield await _embeddings(settings)
    yield _sources(settings)
    yield _articles(settings)
    yield await _model(settings)
    yield _redaction(settings)
    yield _desk(settings)
    yield _hours(settings)
    yield _subjects(settings)
    async for check in examine_tools(settings, home):
        yield check
    if settings.email_address:
        from bot.doctor_email import examine_email

        async for check in examine_email(settings, serving=home.serving() is not None):
            yield check
    else:
        fix = "Set EMAIL_ADDRESS with EMAIL_LISTEN or EMAIL_IMAP_URL, and EMAIL_SMTP_URL; see docs/email.md."
        yield Check("email", "off", "no support address", fix)
    if settings.slack_bot_token:
        from bot.doctor_slack import examine_slack

        async for check in examine_slack(settings):
            yield check
    else:
        fix = "Set SLACK_BOT_TOKEN with SLACK_APP_TOKEN or SLACK_SIGNING_SECRET; see docs/slack.md."
        yield Check("slack", "off", "no token", fix)
    if settings.teams_app_id or settings.teams_dev:
        from bot.doctor_teams import examine_teams

        async for check in examine_teams(settings):
            yield check
    else:
        fix = "Set TEAMS_APP_ID, TEAMS_APP_PASSWORD and TEAMS_TENANTS; see docs/teams.md."
        yield Check("teams", "off", "no app", fix)


def _port(settings: Settings, home: Home) -> Check:
    address = f"{settings.http_host}:{settings.http_port}"
    serving = home.serving()
    if serving:
        return Check("http", "ok", f"serving at {serving.url} (process {serving.pid})")
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http_host, settings.http_port))
        except OSError as error:
            fix = "Stop the program that uses it, or set HTTP_PORT to another port."
            return Check("http", "broken", f"{address} can't be used: {error.strerror}", fix)
    return Check("http", "ok", f"{address} is free; start with: threadline serve")


async def _store(settings: Settings, home: Home) -> AsyncIterator[Check]:
    database = open_database(settings, home)
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    store = Store(database)
    try:
        revision = await current(database)
        if revision != newest():
            yield Check("database", "ok", f"{kind}, will be brought up to date at the next start")
            return
        yield Check("database", "ok", f"{kind}, up to date")
        failed = (await store.backlog())["receipts_failed"]
        if failed:
            yield Check("messages", "broken", f"{failed} could not be handled", "See the open cases on the desk.")
        yield _operators(await store.credentials.operators())
    except ThreadlineError as error:
        yield Check("database", "broken", str(error), "Check DATABASE_URL, and that the server runs.")
    finally:
        await store.close()


async def _files(settings: Settings, home: Home) -> Check:
    """Keep, read and drop a few bytes in the bucket."""
    try:
        place = open_place(settings.files_url, home.files)
        await place.write("doctor", b"ready")
        await place.read("doctor")
        await place.drop("doctor")
    except (ThreadlineError, LookupError) as error:
        return Check("files", "broken", str(error), "Check FILES_URL and AWS's variables: region, keys, endpoint.")
    return Check("files", "ok", settings.files_url)


def _operators(operators: Sequence[Operator]) -> Check:
    if not operators:
        return Check("operators", "ok", "none yet: the first start of serve makes the owner's token")
    active = [operator.name for operator in operators if operator.active]
    if not active:
        return Check("operators", "broken", "no operator holds a token", "Make one: threadline operator add NAME")
    return Check("operators", "ok", ", ".join(active))


async def _embeddings(settings: Settings) -> Check:
    if settings.embedding_model == NO_MODEL:
        fix = "Take EMBEDDING_MODEL out, to search by meaning, too."
        return Check("embeddings", "off", "none: searching by words only", fix)
    embedder = make_embedder(settings)
    try:
        if await embedder.ready():
            name = settings.embedding_model or "the packaged all-MiniLM-L6-v2, verified"
            return Check("embeddings", "ok", f"{name}; {_covered(embedder)}")
        fix = "Install it with: make install" if not settings.embedding_model else "Check EMBEDDING_MODEL."
        return Check("embeddings", "broken", f"{embedder.state}; searching by words only", fix)
    finally:
        await embedder.close()


def _covered(embedder: Embedder) -> str:
    if not embedder.languages:
        return "taken to cover every language"
    names = ", ".join(sorted(language_name(code, "en") for code in embedder.languages))
    return f"covers {names}: questions in other languages are searched by words alone"


def _sources(settings: Settings) -> Check:
    problems, files, addresses = [], 0, 0
    for source in settings.kb_path:
        if is_address(source):
            addresses += 1
            continue
        try:
            files += len(list(find(root_of(source))))
        except SourceError as error:
            problems.append(f"{source}: {error}")
    if problems:
        return Check("knowledge base", "broken", "; ".join(problems), "Correct KB_PATH.")
    sample = settings.kb_path == [str(SAMPLE_KB)]
    found = counted(files, "file") + (" (the sample; set KB_PATH to your own folder)" if sample else "")
    found += f", {addresses} on the web (read by: threadline kb sync)" if addresses else ""
    if not files and not addresses:
        return Check("knowledge base", "broken", found, "Put articles there.")
    return Check("knowledge base", "ok", found)


def _articles(settings: Settings) -> Check:
    """The folder of approved articles must take a file; where it is not there yet, the one that it will lie in."""
    folder = settings.articles_folder
    try:
        with tempfile.TemporaryFile(dir=next(one for one in (folder, *folder.parents) if one.exists())):
            return Check("articles", "ok", f"approved ones are written to {folder}")
    except OSError as error:
        fix = "Let this user write there, or set ARTICLES_PATH to a folder where it may."
        return Check("articles", "broken", f"{folder} can't be written: {error.strerror}", fix)


async def _model(settings: Settings) -> Check:
    if not settings.has_model:
        fix = "Set OPENAI_API_KEY and OPENAI_MODEL, or Azure's three variables."
        return Check("language model", "off", "none: answers are quoted from the knowledge base", fix)
    provider = make_provider(settings)
    try:
        problem = await ping(provider)
    finally:
        await provider.close()
    fix = "Check the key, the address and the model's name."
    return Check("language model", "broken", problem, fix) if problem else Check("language model", "ok", provider.name)


def _redaction(settings: Settings) -> Check:
    """What of customers neither a model nor a log reads."""
    if not settings.redacted:
        fix = "Set REDACT=cards,ibans,ids,passwords,keys, unless the model runs with you and the log stays there."
        return Check("redaction", "off", "models and logs read all that customers write", fix)
    return Check("redaction", "ok", f"{', '.join(sorted(settings.redacted))}: read by no model and no log")


def _desk(settings: Settings) -> Check:
    """The desks that are named must be there; so far the web desk, mailboxes, Slack's and Teams' channels are."""
    named = [desk for desk in (settings.desk, settings.second_desk) if desk not in {"", WEB_DESK}]
    there = {
        "email": settings.email_address,
        "slack": settings.slack_bot_token,
        "teams": settings.teams_app_id or settings.teams_dev,
    }
    missing = [desk for desk in named if not there.get(desk.partition(":")[0])]
    if missing:
        return Check("desk", "broken", f"{', '.join(missing)} is not set up here", "Set DESK=web until it is.")
    return Check("desk", "ok", ", ".join(["the web desk", *named]))


def _hours(settings: Settings) -> Check:
    hours, now = settings.policy.hours, time.time()
    if hours.always:
        fix = "Set DESK_HOURS, so that customers hear when a person answers."
        return Check("desk hours", "off", "around the clock", fix)
    opening = hours.opens_at(now)
    if opening is None:
        return Check("desk hours", "broken", "the desk never opens", "Correct DESK_HOURS and DESK_HOLIDAYS.")
    state = "open now" if hours.is_open(now) else f"closed, opens {opening:%A %Y-%m-%d %H:%M %Z}"
    return Check("desk hours", "ok", f"{settings.desk_hours or 'always'}, {settings.desk_time_zone}: {state}")


def _subjects(settings: Settings) -> Check:
    try:
        subjects = load_subjects(settings)
    except SetupError as error:
        return Check("subjects", "broken", str(error), "Start from core/subjects.toml.")
    return Check("subjects", "ok", f"go to people at once: {', '.join(subject.name for subject in subjects)}")
