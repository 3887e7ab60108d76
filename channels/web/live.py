"""What one open chat page has been shown of its thread; each look sends the difference."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from channels.web import parse, render
from channels.web.channel import WebChannel
from channels.web.sockets import LOOK_AGAIN
from core.bell import Bell
from core.ids import ThreadId
from core.store.store import Store
from core.thread import Thread

_BEGINS = 0.2  # seconds between two looks for a conversation that begins in another process


class View:
    """What one socket has been shown; each look sends the difference."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        store: Store,
        channel: WebChannel,
        session: str,
        after: str | None,
        now: float,
    ) -> None:
        """`after`: the last message that the page has; `now`: changes of older messages count from then on."""
        self._socket = socket
        self._store = store
        self._channel = channel
        self._key = parse.session_key(session)
        self._after = after
        self._seq = 0
        self._changed = now
        self._status: Mapping[str, Any] = {}
        self._partial = ""

    async def follow(self, bell: Bell) -> None:
        """Look now, at every ring of the thread, and every `LOOK_AGAIN` seconds."""
        thread = await self._begun(bell)
        if self._after:
            said = await self._store.messages(thread.id)
            self._seq = next((m.seq for m in said if m.id == self._after), 0)
        with bell.listen(thread.id) as ear:
            while True:
                await ear.wait(LOOK_AGAIN)
                await self._grow(thread.id)
                await self._look(await self._store.thread(thread.id))

    async def _begun(self, bell: Bell) -> Thread:
        """Return the thread, once its first message is there; who posts that elsewhere rings nothing here."""
        with bell.listen(self._key.conversation) as ear:
            while True:
                thread = await self._store.find_thread(self._key)
                if thread:
                    return thread
                await ear.wait(_BEGINS)

    async def _grow(self, thread: ThreadId) -> None:
        """Show the growing answer; before the look, so that it never comes after the whole one."""
        text = self._channel.partial(thread)
        if text and text != self._partial:
            self._partial = text
            await self._send({"type": "partial", "text": text})

    async def _look(self, thread: Thread) -> None:
        if thread.last_seq > self._seq:
            for said in await self._store.messages(thread.id, after=self._seq):
                self._seq = said.seq
                if said.for_customer:
                    await self._send({"type": "message", "message": render.message(said)})
        for said in await self._store.messages(thread.id, changed_since=self._changed):
            self._changed = max(self._changed, said.changed_at or 0.0)
            if said.for_customer:
                await self._send({"type": "changed", "message": render.message(said)})
        if thread.run is None or not thread.run.speaking:
            self._channel.forget_partial(thread.id)
        names = await self._store.cases.operator_names() if thread.owner.operator else {}
        status = render.status(thread, names, self._store.policy)
        if status["typing"] != self._status.get("typing"):
            await self._send({"type": "typing", "on": status["typing"]})
        if [status["owner"], status["operator"]] != [self._status.get("owner"), self._status.get("operator")]:
            await self._send({"type": "owner", "owner": status["owner"], "operator": status["operator"]})
        self._status = status

    async def _send(self, frame: Mapping[str, Any]) -> None:
        await self._socket.send_json(frame, dumps=lambda data: json.dumps(data, ensure_ascii=False))
