"""WebSockets that only talk: opened with a ticket, ended by the other side or by the program's stop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from weakref import WeakSet

from aiohttp import WSCloseCode, WSMsgType, web

LOOK_AGAIN = 2.0  # seconds after which a socket reads the database without having been told to
HEARTBEAT = 25.0  # seconds between pings, so that a dead connection is noticed
OPEN: web.AppKey[WeakSet[web.WebSocketResponse]] = web.AppKey("open_sockets", WeakSet)

_OVER = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})


async def talk(
    request: web.Request, talking: Callable[[web.WebSocketResponse], Awaitable[None]]
) -> web.WebSocketResponse:
    """Open the socket and run `talking` until it ends or the other side goes; that side is not listened to."""
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=1024)
    await socket.prepare(request)
    request.app[OPEN].add(socket)
    task = asyncio.ensure_future(talking(socket))
    hearing = asyncio.ensure_future(_until_gone(socket))
    try:
        await asyncio.wait({task, hearing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        hearing.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await task
        await socket.close()
    return socket


async def _until_gone(socket: web.WebSocketResponse) -> None:
    while (await socket.receive()).type not in _OVER:
        pass


async def close_all(application: web.Application) -> None:
    """Tell every open socket that the program stops; the pages connect again when it is back."""
    sockets = application[OPEN]
    await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in list(sockets)))
