"""The room that all words pass on their way to a model: what needn't leave is hidden there (`core.redaction`).

It is a middleware of agent-framework's, next to the wire: history, files, facts, what tools return and whatever else
joins a request later all pass it. `Assistant` and `drafting` make one `Veil` a run, and show again what comes back.
"""

import copy
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent_framework import ChatContext, ChatMiddleware, Content, FunctionInvocationContext, FunctionMiddleware, Message

from core import addresses
from core.agent.tools import SEARCH
from core.redaction import FOR_TOOLS, Veil


class Hiding(ChatMiddleware):
    """Hides in each request to the model, and takes out signs that nobody sees: people must see what a model reads.

    What the knowledge base says is published, and passes as it is.
    """

    def __init__(self, veil: Veil) -> None:
        self._veil = veil

    async def process(self, context: ChatContext, call_next: Callable[[], Awaitable[None]]) -> None:
        """Let the request go with copies of its messages."""
        searches = {
            content.call_id
            for message in context.messages
            for content in message.contents
            if content.type == "function_call" and content.name == SEARCH
        }
        context.messages = [
            context.record_message_replacement(self._hidden(message, searches), message) for message in context.messages
        ]
        instructions = (context.options or {}).get("instructions")
        if isinstance(instructions, str):
            context.options = {**(context.options or {}), "instructions": self._hide(instructions)}
        await call_next()

    def _hidden(self, message: Message, searches: set[str | None]) -> Message:
        hidden = copy.copy(message)
        hidden.contents = [self._content(content, searches) for content in message.contents]
        return hidden

    def _content(self, content: Content, searches: set[str | None]) -> Content:
        if content.type == "function_result" and content.call_id in searches:
            return content
        hidden = copy.copy(content)
        if isinstance(content.text, str):
            hidden.text = self._hide(content.text)
        if content.type == "function_call":
            hidden.arguments = self._written(content.arguments)
        if content.type == "function_result":
            hidden.result = self._written(content.result)
            hidden.items = [self._content(item, searches) for item in content.items] if content.items else content.items
        return hidden

    def _hide(self, text: str) -> str:
        return self._veil.hide(addresses.visible(text))

    def _written(self, value: Any) -> Any:
        if isinstance(value, str) or value is None:
            return self._hide(value) if value else value
        return json.loads(self._hide(json.dumps(value, ensure_ascii=False, default=str)))


class Showing(FunctionMiddleware):
    """Gives a tool the e-mail addresses, phone and account numbers that the model knows by placeholders only."""

    def __init__(self, veil: Veil) -> None:
        self._veil = veil

    async def process(self, context: FunctionInvocationContext, call_next: Callable[[], Awaitable[None]]) -> None:
        """Put them into the call's arguments."""
        if isinstance(context.arguments, Mapping):
            context.arguments = {name: self._shown(value) for name, value in context.arguments.items()}
        await call_next()

    def _shown(self, value: Any) -> Any:
        match value:
            case str():
                return self._veil.show(value, FOR_TOOLS)
            case list():
                return [self._shown(one) for one in value]
            case dict():
                return {name: self._shown(one) for name, one in value.items()}
            case _:
                return value
