"""The HTTP application: one for all channels and pages; errors leave it as JSON, never as tracebacks."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from weakref import WeakSet

import structlog
from aiohttp import web
from prometheus_client import generate_latest

from channels.web.access import Access
from channels.web.pages import HEADERS
from channels.web.parse import BadRequest
from channels.web.sockets import OPEN, close_all
from core.errors import SetupError, TemporaryError

log = structlog.get_logger()

MAX_BODY = 1024 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
_BARE = {404: "There is nothing at this address.", 405: "This address does not take that method; see Allow."}


def error(code: str, message: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error as the contract's JSON."""
    return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=headers)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever is raised into a clear JSON error."""
    try:
        return await handler(request)
    except BadRequest as bad:
        return error(bad.code, str(bad), bad.status)
    except web.HTTPRequestEntityTooLarge:
        return error("too_large", f"The body is larger than {MAX_BODY // 1024} KiB. Send less at once.", 413)
    except web.HTTPException as http:
        code = http.reason.lower().replace(" ", "_")
        kept = {k: v for k, v in http.headers.items() if k in {"Retry-After", "WWW-Authenticate", "Allow"}}
        bare = http.text in {None, f"{http.status}: {http.reason}"}  # aiohttp's own, not raised by a handler of ours
        return error(code, _BARE.get(http.status, f"{http.reason}.") if bare else str(http.text), http.status, kept)
    except TemporaryError as away:
        log.warning("unavailable", path=request.path, error=str(away))
        return error("unavailable", "The service is away for a moment. Try again shortly.", 503, {"Retry-After": "2"})
    except SetupError as setup:
        return error("not_possible", str(setup), 409)
    except Exception:  # the edge of the process: logged with its traceback, named to the caller
        incident = secrets.token_hex(4)
        log.exception("request_failed", path=request.path, incident=incident)
        return error("internal", f"Something failed here; the log has it as incident {incident}.", 500)


def host_check(access: Access) -> Any:
    """Return the middleware that answers only for hosts this installation is known by."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN and not access.knows_host(request):
            return error(
                "unknown_host",
                f"This server is not known as {request.host!r}. The owner can set PUBLIC_URL to that address.",
                421,
            )
        return await handler(request)

    return check


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def make_application(access: Access, routes: Sequence[web.RouteDef]) -> web.Application:
    """Return the application that serves `routes`."""
    application = web.Application(middlewares=[errors, host_check(access)], client_max_size=MAX_BODY)
    application[OPEN] = WeakSet()
    application.on_response_prepare.append(_secure)
    application.on_shutdown.append(close_all)
    application.add_routes(routes)
    return application


async def listen(application: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve `application`; returns its runner and the port (chosen by the system for 0). Raises `SetupError`."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as taken:
        await runner.cleanup()
        raise SetupError(
            f"Can't listen on {host}:{port} ({taken.strerror}). "
            "Stop the program that uses it, or set HTTP_PORT to another port."
        ) from taken
    return runner, int(runner.addresses[0][1])


def metrics_response(registry: Any) -> web.Response:
    """Return the metrics in Prometheus' text format."""
    return web.Response(body=generate_latest(registry), content_type="text/plain", charset="utf-8")
