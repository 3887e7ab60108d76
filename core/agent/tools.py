"""The agent's own tools. Made once; each call writes into the notebook of its own run.

`Assistant` hands the notebook to the run as a tool argument that no model sees or sets.
"""

import json
from typing import Annotated, Any

from agent_framework import FunctionInvocationContext, FunctionTool, tool

from core.agent.notebook import Notebook
from core.agent.papers import Papers
from core.events import Outcome, TraceStep
from core.grounding import Knowledge

SEARCH, HAND_OFF, ASK_BACK, DECLINE, REMEMBER, READ = (
    "search_knowledge_base",
    "hand_off",
    "ask_back",
    "decline",
    "remember",
    "read_attachment",
)
_PASSAGES = 5


def _notebook(context: FunctionInvocationContext) -> Notebook:
    notebook: Notebook = context.kwargs["notebook"]
    return notebook


def make_tools(knowledge: Knowledge) -> tuple[FunctionTool, ...]:
    """Return the tools over `knowledge`. Making them costs milliseconds (their schemas), using them does not."""

    @tool(name=SEARCH, description="Find passages of the company's knowledge base that answer a question.")
    async def search(
        context: FunctionInvocationContext,
        query: Annotated[str, "What to look for, as a full question or its key words"],
    ) -> str:
        notebook = _notebook(context)
        grounding = await knowledge.search(query, k=_PASSAGES)
        notebook.found(query, grounding)
        numbered = notebook.sources.register(grounding.passages)
        found: dict[str, Any] = {
            "carries_an_answer": notebook.carries(grounding),
            "is_on_topic": grounding.relatedness >= notebook.related_floor,
            "confidence": round(grounding.confidence, 3),
            "searched_by_words_only": bool(grounding.uncovered),
            "passages": [
                {
                    "number": number,
                    "title": p.title,
                    "heading": p.heading,
                    "position": p.position,
                    "language": p.language,
                    "text": p.text,
                }
                for number, p in numbered
            ],
        }
        return json.dumps(found, ensure_ascii=False)

    @tool(name=HAND_OFF, description="Give the conversation to a human colleague. Call it, never merely promise it.")
    async def hand_off(
        context: FunctionInvocationContext, reason: Annotated[str, "Why, in a few words, for the colleague"]
    ) -> str:
        _notebook(context).end(Outcome.HANDED_OFF, reason)
        return "handed over"

    @tool(name=ASK_BACK, description="Ask the customer one short question, when theirs is too vague to search for.")
    async def ask_back(
        context: FunctionInvocationContext, question: Annotated[str, "The question, in the customer's language"]
    ) -> str:
        _notebook(context).end(Outcome.CLARIFIED, question)
        return "asked"

    @tool(name=DECLINE, description="Kindly decline a question that has nothing to do with the company.")
    async def decline(
        context: FunctionInvocationContext, subject: Annotated[str, "What was asked for, in a few words"]
    ) -> str:
        _notebook(context).end(Outcome.DECLINED, subject)
        return "declined"

    @tool(name=REMEMBER, description="Remember one lasting fact about this customer for later conversations.")
    async def remember(context: FunctionInvocationContext, fact: Annotated[str, "One short sentence"]) -> str:
        facts = _notebook(context).facts
        if fact.strip() and fact.strip() not in facts:
            facts.append(fact.strip())
        return "noted"

    @tool(name=READ, description="Read on in a file that the customer sent, a page at a time.")
    async def read_attachment(
        context: FunctionInvocationContext,
        file: Annotated[str, "The file's number or its name"],
        page: Annotated[int, "Which page, from 1"] = 1,
    ) -> str:
        papers: Papers = context.kwargs["papers"]
        title, text = papers.page(file, page)
        _notebook(context).trace.append(TraceStep("Read a file", title or text))
        return text

    return search, hand_off, ask_back, decline, remember, read_attachment
