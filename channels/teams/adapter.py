"""Teams' SDK, in the one place that knows it: activities come in through its adapter and go out by its Connector.

The SDK is past its end of support, so what we rely on is the JSON of activities: it goes out as we write it (the SDK's
classes drop what they don't know), over our own connections (the SDK would use threads). Called by `api` and `door`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import aiohttp
from botbuilder.core import InvokeResponse, TurnContext
from botbuilder.integration.aiohttp import CloudAdapter
from botbuilder.schema import Activity, ConversationParameters
from botframework.connector.aio import ConnectorClient
from botframework.connector.auth import (
    AuthenticateRequestResult,
    BotFrameworkAuthentication,
    ClaimsIdentity,
    ConnectorFactory,
    UserTokenClient,
)
from botframework.connector.bot_framework_sdk_client_async import BotFrameworkConnectorConfiguration
from msrest.pipeline import AsyncPipeline, Request, Response
from msrest.pipeline.async_abc import AsyncHTTPSender
from msrest.pipeline.universal import RawDeserializer
from msrest.universal_http.aiohttp import AioHttpClientResponse

from channels.teams.tokens import AppToken, Verifier

JSON = dict[str, Any]
Handle = Callable[[JSON], Awaitable["Answer | None"]]

_SECONDS = 30
_MOST_SERVICES = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invoke is answered."""

    status: int = 200
    body: JSON | None = None


class SaidNo(Exception):  # noqa: N818 (an answer)
    """The Connector did not take it: its status, its word for why, and what it asks us to wait, in seconds."""

    def __init__(self, status: int, code: str, words: str, wait: float | None) -> None:
        super().__init__(f"{status} {code}: {words}"[:300])
        self.status = status
        self.code = code
        self.words = words
        self.wait = wait


class Adapter:
    """One app's connection to Teams. `verifier` is None where nothing is verified (TEAMS_DEV)."""

    def __init__(
        self, app_id: str, verifier: Verifier | None, token: AppToken, session: Callable[[], aiohttp.ClientSession]
    ) -> None:
        self.verifies = verifier is not None
        self._factory = _Connectors(token, session)
        self._sdk = CloudAdapter(_Authentication(app_id, verifier, self._factory))

    async def process(self, header: str, activity: JSON, handle: Handle) -> Answer | None:
        """Check who sends `activity`, and have it handled; returns what `handle` answers.

        Raises PermissionError for one that is not Teams', and whatever `handle` raises.
        """

        async def turn(context: TurnContext) -> None:
            answer = await handle(activity)
            if answer:
                invoked = InvokeResponse(status=answer.status, body=answer.body)
                await context.send_activity(Activity(type="invokeResponse", value=invoked))

        said = await self._sdk.process_activity(header, _as_the_sdk_reads(activity), turn)
        return Answer(int(said.status), said.body) if said else None

    async def send(self, service: str, conversation: str, activity: JSON) -> str:
        """Send an activity and return its id. Raises `SaidNo`, or what a lost connection raises."""
        connector = await self._factory.create(service, "")
        found = await connector.conversations.send_to_conversation(conversation, _Verbatim(activity))
        return str(found.id or "") if found else ""

    async def update(self, service: str, conversation: str, one: str, activity: JSON) -> None:
        """Put `activity` in the place of the activity `one`. Raises as `send`."""
        connector = await self._factory.create(service, "")
        await connector.conversations.update_activity(conversation, one, _Verbatim(activity))

    async def delete(self, service: str, conversation: str, one: str) -> None:
        """Delete the activity `one`. Raises as `send`."""
        connector = await self._factory.create(service, "")
        await connector.conversations.delete_activity(conversation, one)

    async def begin(self, service: str, parameters: JSON) -> tuple[str, str]:
        """Begin a conversation: a chat with somebody, or a thread in a channel with its first activity.

        Returns its id and the activity's. Raises as `send`.
        """
        connector = await self._factory.create(service, "")
        found = await connector.conversations.create_conversation(_VerbatimConversation(parameters))
        return str(found.id or ""), str(found.activity_id or "")

    async def members(self, service: str, conversation: str) -> list[JSON]:
        """Return the first members of a conversation. Raises as `send`."""
        connector = await self._factory.create(service, "")
        found = await connector.conversations.get_conversation_paged_members(conversation, 50)
        return [dict(one.serialize(keep_readonly=True)) for one in found.members or ()]

    async def member(self, service: str, conversation: str, user: str) -> JSON:
        """Return what Teams tells of a member of a conversation. Raises as `send`."""
        connector = await self._factory.create(service, "")
        found = await connector.conversations.get_conversation_member(conversation, user)
        return dict(found.serialize(keep_readonly=True) | (found.additional_properties or {}))


def _as_the_sdk_reads(activity: JSON) -> Activity:
    """Return what the SDK has to know of an activity; the rest we read ourselves."""
    named = {"type": activity.get("type"), "id": activity.get("id"), "channelId": activity.get("channelId")}
    read = Activity.deserialize({**named, "serviceUrl": activity.get("serviceUrl"), "conversation": {"id": ""}})
    read.channel_data = activity.get("channelData")
    return read


class _Verbatim(Activity):
    """An activity that is written as it is."""

    _attribute_map: ClassVar = {"additional_properties": {"key": "", "type": "{object}"}}

    def __init__(self, written: JSON) -> None:
        super().__init__()
        self.additional_properties = written


class _VerbatimConversation(ConversationParameters):
    """The same for a conversation that is begun."""

    _attribute_map: ClassVar = {"additional_properties": {"key": "", "type": "{object}"}}

    def __init__(self, written: JSON) -> None:
        super().__init__()
        self.additional_properties = written


class _Authentication(BotFrameworkAuthentication):
    """Our check of who sends, in the SDK's form."""

    def __init__(self, app_id: str, verifier: Verifier | None, connectors: "_Connectors") -> None:
        self._app_id = app_id
        self._verifier = verifier
        self._connectors = connectors

    async def authenticate_request(self, activity: Activity, auth_header: str) -> AuthenticateRequestResult:
        """Raises PermissionError."""
        if self._verifier:
            tenant = organisation({"channelData": activity.channel_data})
            await self._verifier.check(auth_header, activity.channel_id or "", activity.service_url or "", tenant)
        result = AuthenticateRequestResult()
        result.claims_identity = ClaimsIdentity({"aud": self._app_id}, True)
        result.audience = ""
        result.connector_factory = self._connectors
        return result

    async def authenticate_streaming_request(self, auth_header: str, channel_id_header: str) -> Any:
        """Refuse: nothing of ours comes over the SDK's sockets."""
        raise PermissionError("not offered")

    def create_connector_factory(self, claims_identity: ClaimsIdentity) -> ConnectorFactory:
        return self._connectors

    async def create_user_token_client(self, claims_identity: ClaimsIdentity) -> UserTokenClient | None:
        return None


def organisation(activity: Mapping[str, Any]) -> str:
    """Return the organisation that an activity is of; '' if it names none.

    The SDK loses `conversation.tenantId`, and `channelData.tenant` is there in every scope.
    """
    data = activity.get("channelData")
    tenant = data.get("tenant") if isinstance(data, Mapping) else None
    found = tenant.get("id") if isinstance(tenant, Mapping) else None
    return found if isinstance(found, str) else ""


class _Connectors(ConnectorFactory):
    """One Connector for each service address, on our own connections."""

    def __init__(self, token: AppToken, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._wire = _Wire(token, session)
        self._clients: dict[str, ConnectorClient] = {}

    async def create(self, service_url: str, audience: str) -> ConnectorClient:
        """Return the Connector at `service_url`."""
        client = self._clients.get(service_url)
        if client is None:
            if len(self._clients) >= _MOST_SERVICES:
                self._clients.clear()
            config = BotFrameworkConnectorConfiguration(object(), service_url, pipeline_type=self._pipeline)
            client = self._clients[service_url] = ConnectorClient(None, custom_configuration=config)
        return client

    def _pipeline(self, config: BotFrameworkConnectorConfiguration) -> AsyncPipeline:
        return AsyncPipeline([RawDeserializer()], self._wire)


class _Wire(AsyncHTTPSender):
    """Sends the SDK's requests; a token that is refused is fetched once more, and then the request sent again."""

    def __init__(self, token: AppToken, session: Callable[[], aiohttp.ClientSession]) -> None:
        self._token = token
        self._session = session

    async def __aenter__(self) -> "_Wire":
        return self

    async def __aexit__(self, *about: object) -> None:
        return None

    async def send(self, request: Request, **config: Any) -> Response:
        token = await self._token.get()
        found = await self._once(request.http_request, token)
        if found.status_code == 401 and token:
            found = await self._once(request.http_request, await self._token.get(refused=token))
        if found.status_code >= 300:
            raise _no(found)
        return Response(request, found)

    async def _once(self, wanted: Any, token: str) -> "_Found":
        headers = {**wanted.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        body = wanted.data if wanted.data is None or isinstance(wanted.data, bytes | str) else json.dumps(wanted.data)
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with self._session().request(
            wanted.method, wanted.url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            return _Found(wanted, answer, await answer.read())


class _Found(AioHttpClientResponse):
    """An answer that has been read."""

    def __init__(self, wanted: Any, answer: aiohttp.ClientResponse, content: bytes) -> None:
        super().__init__(wanted, answer)
        self._content = content

    def body(self) -> bytes:
        return self._content


def _no(found: _Found) -> SaidNo:
    try:
        about = json.loads(found.body()).get("error")
    except (ValueError, AttributeError):
        about = None
    about = about if isinstance(about, dict) else {}
    try:
        wait = min(3600.0, max(0.5, float(found.headers["Retry-After"])))
    except (KeyError, ValueError):
        wait = None
    return SaidNo(found.status_code, str(about.get("code") or ""), str(about.get("message") or ""), wait)
