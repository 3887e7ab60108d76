"""The assistant as the owner has set it up: its provider, its caution, what it may read, call and say.

`bootstrap` makes the program's, `evaluation.measure` the one that `eval` asks.
"""

from dataclasses import replace

from bot.models import make_provider
from bot.screen import make_screen
from bot.settings import Settings
from core.agent.assistant import Assistant
from core.agent.providers import Provider, extractive, load_instructions
from core.agent.toolbox import Toolbox
from core.errors import SetupError
from core.store.files import Files
from core.subjects import Subjects
from kb import rank
from kb.search import KnowledgeBase

NO_MODEL = (
    "No language model is configured: answers are quoted from the knowledge base, and questions it does not "
    "answer go to people."
)
_MODEL_FLOOR = 0.5
"""What part of that floor a language model needs: it reads the passages itself before it answers from them."""


def make_assistant(
    settings: Settings,
    knowledge: KnowledgeBase,
    provider: Provider | None = None,
    files: Files | None = None,
    toolbox: Toolbox | None = None,
) -> Assistant:
    """Return the assistant with the configured provider.

    With `files` it can look at customers' pictures, with a `toolbox` call the owner's tools.
    """
    provider = provider or make_provider(settings)
    instructions, drafting = load_instructions(settings.company), load_instructions(settings.company, "drafting")
    tools = load_instructions(settings.company, "tools")
    assistant = Assistant(
        provider,
        knowledge,
        instructions,
        floor=rank.floors()[settings.answer_caution] * (_MODEL_FLOOR if provider.has_model else 1),
        related_floor=rank.related_floor(),
        seconds=settings.run_seconds,
        drafting=drafting,
        subjects=load_subjects(settings),
        most_answers=settings.conversation_answers,
        most_hourly={"email": settings.email_answers_per_hour},
        screen=make_screen(settings, instructions, drafting, tools),
        toolbox=toolbox or Toolbox(),
        tools_instructions=tools,
    )
    if files:
        assistant = replace(assistant, open_file=files.read)
    if not provider.has_model:
        return assistant
    then = settings.budget_then
    spare = make_assistant(settings, knowledge, extractive(), files, toolbox) if then == "quote" else None
    return replace(assistant, memory=settings.memory_tokens, budget=settings.budget, spare=spare)


def load_subjects(settings: Settings) -> Subjects:
    """Return the subjects that always go to people: the owner's list, or the packaged one. Raises `SetupError`."""
    if settings.sensitive_subjects is None:
        return Subjects.packaged()
    try:
        return Subjects.parse(settings.sensitive_subjects.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"SENSITIVE_SUBJECTS={settings.sensitive_subjects}: {error}") from None
