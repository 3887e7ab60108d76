"""The fake Teams, asked by the real SDK, tells a real CloudAdapter of what happened: it says what Teams says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import aiohttp
import jwt
import msal
import pytest
from aiohttp import web
from botbuilder.core import InvokeResponse, TurnContext
from botbuilder.integration.aiohttp import CloudAdapter, ConfigurationBotFrameworkAuthentication
from botbuilder.schema import Activity, AdaptiveCardInvokeResponse, ConversationReference
from botframework.connector.aio import ConnectorClient
from botframework.connector.auth import (
    AppCredentials,
    ChannelValidation,
    JwtTokenExtractor,
    ServiceClientCredentialsFactory,
)
from botframework.connector.models import ErrorResponseException
from jwt import PyJWKClient
from msrest.exceptions import HttpOperationError
from msrest.serialization import Model

from tests.fakes.teams_cards import complaints
from tests.fakes.teams_identity import SCOPE, Key
from tests.fakes.teams_people import Person
from tests.fakes.teams_server import APP_ID, BOT_ID, TENANT, TeamsServer
from tests.fakes.teams_workspace import Room

JSON = dict[str, Any]

CARD = "application/vnd.microsoft.card.adaptive"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Clock:
    """The clock of streams."""
    return Clock()


@pytest.fixture
async def teams(ticks: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TeamsServer]:
    """A Teams that repeats activities quickly, and whose login `requests` trusts."""
    async with TeamsServer(ticks=ticks) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.identity.ca_file)
        server.lines.patience = 1.0
        server.lines.again_after = (0.0, 0.01)
        yield server


@pytest.fixture
def ada(teams: TeamsServer) -> Person:
    """Somebody in it."""
    return teams.person("Ada")


@pytest.fixture
def ben(teams: TeamsServer) -> Person:
    """Somebody else."""
    return teams.person("Ben Sato")


def application(teams: TeamsServer, *, secret: str = "", tenant: str = TENANT) -> msal.ConfidentialClientApplication:
    """The app as msal knows it."""
    identity = teams.identity
    return msal.ConfidentialClientApplication(
        APP_ID,
        client_credential=secret or identity.secret,
        authority=f"{identity.login_url}/{tenant}",
        instance_discovery=False,
    )


class Credentials(AppCredentials):
    """Tokens by msal, from the fake's login."""

    def __init__(self, teams: TeamsServer) -> None:
        super().__init__(APP_ID)
        self._teams = teams
        self._app: msal.ConfidentialClientApplication | None = None

    def get_access_token(self, force_refresh: bool = False) -> str:
        """Return the token, from msal's cache if it has one."""
        if self._app is None or force_refresh:
            self._app = application(self._teams)
        return str(self._app.acquire_token_for_client([SCOPE])["access_token"])


class Factory(ServiceClientCredentialsFactory):
    """Hands out those credentials."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    async def is_valid_app_id(self, app_id: str) -> bool:
        """Whether it is ours."""
        return app_id == APP_ID

    async def is_authentication_disabled(self) -> bool:
        """Never."""
        return False

    async def create_credentials(self, *_: Any, **__: Any) -> Credentials:
        """Return them."""
        return self.credentials


class App:
    """A bot on a CloudAdapter that keeps what it hears, JSON and all; it fails as often as `fails` says."""

    def __init__(self, teams: TeamsServer) -> None:
        self.heard: list[JSON] = []
        self.fails = 0
        self.says: Callable[[TurnContext], Awaitable[InvokeResponse | None]] | None = None
        self.credentials = Credentials(teams)
        settings = ConfigurationBotFrameworkAuthentication(
            SimpleNamespace(APP_ID=APP_ID), credentials_factory=Factory(self.credentials)
        )
        self.adapter = CloudAdapter(settings)

    async def on_turn(self, context: TurnContext) -> None:
        """Answer, if the test wants to."""
        if self.says:
            response = await self.says(context)
            if response:
                await context.send_activity(Activity(type="invokeResponse", value=response))

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """Take an activity."""
        if self.fails:
            self.fails -= 1
            return web.Response(status=500)
        response: web.StreamResponse = await self.adapter.process(request, self)
        self.heard.append(await request.json())
        return response


@pytest.fixture
async def app(teams: TeamsServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    """The app, behind its messaging endpoint; the SDK checks tokens by the fake's keys."""
    monkeypatch.setattr(ChannelValidation, "open_id_metadata_endpoint", teams.identity.openid_url)
    JwtTokenExtractor.metadataCache.clear()
    made = App(teams)
    application = web.Application()
    application.router.add_post("/api/messages", made.messages)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    teams.post_to = f"http://127.0.0.1:{runner.addresses[0][1]}/api/messages"
    yield made
    await runner.cleanup()


@pytest.fixture
def connector(teams: TeamsServer) -> ConnectorClient:
    """The SDK's client."""
    return ConnectorClient(Credentials(teams), base_url=teams.service_urls[0] + TENANT)


async def send(connector: ConnectorClient, conversation: str, body: JSON | str, reply_to: str = "") -> str:
    """Send an activity by the SDK, and return the id that it got."""
    activity = {"type": "message", **({"text": body} if isinstance(body, str) else body)}
    conversations = connector.conversations
    if reply_to:
        return str((await conversations.reply_to_activity(conversation, reply_to, Raw(activity))).id)
    return str((await conversations.send_to_conversation(conversation, Raw(activity))).id)


class Raw(Model):
    """An activity that goes over the wire just as it was written: the SDK's own drops what it doesn't know."""

    _attribute_map = {"additional_properties": {"key": "", "type": "{object}"}}  # noqa: RUF012 (the SDK's own form)

    def __init__(self, body: JSON) -> None:
        super().__init__()
        self.additional_properties = body


async def post(teams: TeamsServer, path: str, body: Any, *, verb: str = "POST", token: str = "") -> tuple[int, Any]:
    """Ask the Connector without the SDK."""
    headers = {"Authorization": f"Bearer {token or teams.identity.give()}", "Content-Type": "application/json"}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with (
        aiohttp.ClientSession() as http,
        http.request(verb, f"{teams.service_urls[0]}{TENANT}/v3/{path}", data=data, headers=headers) as response,
    ):
        return response.status, await response.json(content_type=None)


async def refused(call: Any) -> tuple[int, str]:
    """Return the status and the code by which the SDK says that a call was refused."""
    with pytest.raises((ErrorResponseException, HttpOperationError)) as caught:
        await call
    error = caught.value
    return error.response.status_code, str(error.response.json().get("error", {}).get("code", ""))


# Identity


@pytest.mark.parametrize(
    ("secret", "tenant", "scope", "code"),
    [("wrong", TENANT, SCOPE, 7000215), ("", TENANT, "https://graph.microsoft.com/.default", 70011)],
)
async def test_a_wrong_secret_or_scope_is_refused_as_azure_does(
    teams: TeamsServer, secret: str, tenant: str, scope: str, code: int
) -> None:
    answer = application(teams, secret=secret, tenant=tenant).acquire_token_for_client([scope])
    assert answer["error_codes"] == [code]
    assert answer["error_description"].startswith(f"AADSTS{code}: ")


async def test_a_tenant_that_azure_does_not_know_is_refused(teams: TeamsServer) -> None:
    with pytest.raises(ValueError, match="check your tenant name"):
        application(teams, tenant="other.example")


async def test_tokens_grow_old_and_can_be_taken_back(teams: TeamsServer, ada: Person) -> None:
    credentials = Credentials(teams)
    connector = ConnectorClient(credentials, base_url=teams.service_urls[0] + TENANT)
    await send(connector, ada.chat.id, "Hi")
    teams.identity.revoke()
    assert await refused(send(connector, ada.chat.id, "Hi")) == (401, "")
    credentials.get_access_token(force_refresh=True)
    await send(connector, ada.chat.id, "Hi again")
    teams.identity.token_seconds = -1
    assert (await post(teams, f"conversations/{ada.chat.id}/activities", {"type": "typing"}))[0] == 401
    assert (await post(teams, f"conversations/{ada.chat.id}/activities", {"type": "typing"}, token="x"))[0] == 401
    assert [read.text for read in ada.sees(ada.chat)] == ["Hi", "Hi again"]


async def test_a_new_key_signs_and_the_old_one_may_disappear(teams: TeamsServer) -> None:
    def kids() -> set[str | None]:
        return {key.key_id for key in PyJWKClient(f"{teams.identity.url}/v1/.well-known/keys").get_signing_keys()}

    first = jwt.get_unverified_header(teams.identity.sign("s"))["kid"]
    second = teams.identity.rotate()
    assert kids() == {first, second}
    assert jwt.get_unverified_header(teams.identity.sign("s"))["kid"] == second
    third = teams.identity.rotate(keep=False)
    assert kids() == {third}
    key = PyJWKClient(f"{teams.identity.url}/v1/.well-known/keys").get_signing_key(third)
    claims = jwt.decode(teams.identity.sign("s"), key, algorithms=["RS256"], audience=APP_ID)
    assert (claims["iss"], claims["serviceurl"]) == ("https://api.botframework.com", "s")


async def test_metadata_fail_on_demand(teams: TeamsServer) -> None:
    async with aiohttp.ClientSession() as http:
        teams.identity.fail("openidconfiguration", left=2)
        for status in (503, 503, 200):
            async with http.get(teams.identity.openid_url) as response:
                assert response.status == status
                body = await response.json()
        async with http.get(body["jwks_uri"]) as response:
            [key] = (await response.json())["keys"]
            assert (key["endorsements"], key["kty"]) == (["msteams"], "RSA")
        teams.identity.slow = 0.05
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), http.get(teams.identity.openid_url):
                pass


PRETENDED: dict[str, JSON] = {
    "for another app": {"aud": "other"},
    "by another issuer": {"iss": "https://evil.example"},
    "for another service address": {"serviceurl": "https://evil.example/"},
    "with another key": {"key": "another"},
}


@pytest.mark.parametrize("claims", PRETENDED.values(), ids=PRETENDED.keys())
async def test_the_sdk_believes_the_fakes_tokens_and_no_others(
    teams: TeamsServer, app: App, ada: Person, claims: JSON
) -> None:
    done = await ada.writes(ada.chat, "Hi")
    assert done.ack.status == 201
    if "key" in claims:
        claims = {"key": Key(teams.identity.keys[0].kid, -1)}
    token = teams.identity.sign(done.activity["serviceUrl"], **claims)
    status, _ = await teams.lines.post(done.activity, token=token)
    assert status in {401, 500}
    assert len(app.heard) == 1


# What the app is told


async def test_a_message_is_answered_in_its_chat(teams: TeamsServer, app: App, ada: Person) -> None:
    async def says(context: TurnContext) -> None:
        await context.send_activity(f"Hello, {context.activity.from_property.name}!")

    app.says = says
    done = await ada.writes(ada.chat, "Hi & <b>")
    assert done.ok
    assert [read.text for read in ada.sees(ada.chat)] == ["Hi & <b>", "Hello, Ada!"]
    [heard] = app.heard
    assert (heard["id"], heard["text"], heard["textFormat"]) == (done.id, "Hi & <b>", "plain")
    assert heard["attachments"] == [{"contentType": "text/html", "content": "<p>Hi &amp; &lt;b&gt;</p>"}]
    assert heard["conversation"] == {"conversationType": "personal", "tenantId": TENANT, "id": ada.chat.id}
    assert heard["channelData"] == {"tenant": {"id": TENANT}}
    assert heard["serviceUrl"].startswith(teams.service_urls[0])
    assert [entity["type"] for entity in heard["entities"]] == ["clientInfo"]


async def test_a_message_may_be_html_alone(app: App, ada: Person) -> None:
    await ada.writes(ada.chat, markup="<p><strong>Help</strong></p>")
    [heard] = app.heard
    assert "text" not in heard
    assert heard["attachments"] == [{"contentType": "text/html", "content": "<p><strong>Help</strong></p>"}]


async def test_an_activity_comes_again_with_its_id_until_the_app_takes_it(
    teams: TeamsServer, app: App, ada: Person
) -> None:
    app.fails = 2
    done = await ada.writes(ada.chat, "Hi")
    assert [ack.status for ack in done.deliveries[0].acks] == [500, 500, 201]
    await teams.again(done, times=2)
    assert [heard["id"] for heard in app.heard] == [done.id] * 3
    app.fails = 9
    assert not (await ada.writes(ada.chat, "Hi")).ok
    assert app.fails == 6


async def test_patience_ends(teams: TeamsServer, app: App, ada: Person) -> None:
    waits = asyncio.Event()

    async def says(_: TurnContext) -> None:
        await waits.wait()

    app.says = says
    teams.lines.patience, teams.lines.again_after = 0.02, (0.0,)
    done = await ada.writes(ada.chat, "Hi")
    assert [ack.status for ack in done.deliveries[0].acks] == [0, 0]
    waits.set()


async def test_deliveries_wait_for_their_turn(teams: TeamsServer, app: App, ada: Person) -> None:
    first = await ada.writes(ada.chat, "1", tell=False)
    second = await ada.writes(ada.chat, "2", tell=False)
    assert app.heard == []
    await teams.tell(second.deliveries)
    await teams.tell(first.deliveries)
    assert [heard["text"] for heard in app.heard] == ["2", "1"]


async def test_elsewhere_the_app_hears_of_what_mentions_it(
    teams: TeamsServer, app: App, ada: Person, ben: Person
) -> None:
    group = teams.group("Lunch", ada, ben)
    assert (await ada.writes(group, "Ben, hello")).deliveries == []
    done = await ada.writes(group, "<at>Ben Sato</at> asks, <at>Threadline</at> answers")
    mentions = [(one["text"], one["mentioned"]["id"]) for one in done.activity["entities"] if one["type"] == "mention"]
    assert mentions == [("<at>Ben Sato</at>", ben.id), ("<at>Threadline</at>", BOT_ID)]
    assert done.activity["conversation"] == {
        "isGroup": True,
        "conversationType": "groupChat",
        "tenantId": TENANT,
        "id": group.id,
    }
    assert 'itemid="1">Threadline</span>' in done.activity["attachments"][0]["content"]
    assert ben.sees(group)[0].text == "Ben, hello"
    teams.hears_all = True
    assert (await ada.writes(group, "Ben, hello")).ok
    assert len(app.heard) == 2


async def test_a_channel_has_threads(teams: TeamsServer, app: App, ada: Person, ben: Person) -> None:
    async def says(context: TurnContext) -> None:
        await context.send_activity("Thirty days.")

    app.says = says
    team = teams.team("Contoso", ada, ben)
    channel = team.channel("Help")
    post = await ada.writes(channel, "How long?", mention=True)
    reply = await ben.writes(channel, "And abroad?", root=post.id, mention=True)
    assert post.conversation == reply.conversation == f"{channel.id};messageid={post.id}"
    assert [heard["conversation"]["id"] for heard in app.heard] == [post.conversation] * 2
    assert app.heard[0]["channelData"] == {
        "teamsChannelId": channel.id,
        "teamsTeamId": team.id,
        "channel": {"id": channel.id},
        "team": {"id": team.id},
        "tenant": {"id": TENANT},
    }
    assert [read.id for read in ada.sees(channel)] == [post.id]
    said = [read.text for read in ada.sees(post.conversation)]
    assert said == [
        "<at>Threadline</at> How long?",
        "Thirty days.",
        "<at>Threadline</at> And abroad?",
        "Thirty days.",
    ]


async def test_edits_deletions_and_undeletions_are_told(app: App, ada: Person) -> None:
    done = await ada.writes(ada.chat, "My PIN is 1234")
    await ada.edits(ada.chat, done.id, "My PIN is secret")
    assert ada.sees(ada.chat)[0].edited
    await ada.deletes(ada.chat, done.id)
    assert (ada.sees(ada.chat)[0].text, ada.sees(ada.chat)[0].deleted) == ("", True)
    await ada.undeletes(ada.chat, done.id)
    told = [(one["type"], one["id"], one["channelData"].get("eventType"), one.get("text")) for one in app.heard[1:]]
    assert told == [
        ("messageUpdate", done.id, "editMessage", "My PIN is secret"),
        ("messageDelete", done.id, "softDeleteMessage", None),
        ("messageUpdate", done.id, "undeleteMessage", "My PIN is secret"),
    ]


async def test_reactions_to_the_apps_own_messages_are_told(app: App, ada: Person, connector: ConnectorClient) -> None:
    sent = await send(connector, ada.chat.id, "Hi")
    done = await ada.reacts(ada.chat, sent, "heart")
    assert (done.activity["reactionsAdded"], done.activity["replyToId"]) == ([{"type": "heart"}], sent)
    await ada.reacts(ada.chat, sent, "heart", removes=True)
    assert app.heard[1]["reactionsRemoved"] == [{"type": "heart"}]
    own = await ada.writes(ada.chat, "Hello")
    assert (await ada.reacts(ada.chat, own.id)).deliveries == []


async def test_people_from_elsewhere_come_with_their_tenant(teams: TeamsServer, app: App) -> None:
    eve = teams.person("Eve", tenant="eve-tenant")
    gus = teams.person("Gus", tenant="gus-tenant", guest=True, locale="de-DE", timezone="Europe/Berlin")
    told = [(await one.writes(one.chat, "Hi")).activity for one in (eve, gus)]
    assert [one["channelData"]["tenant"]["id"] for one in told] == ["eve-tenant", TENANT]
    assert [one["conversation"]["tenantId"] for one in told] == ["eve-tenant", TENANT]
    assert (told[1]["locale"], told[1]["localTimezone"]) == ("de-DE", "Europe/Berlin")
    assert told[1]["localTimestamp"].endswith(("+01:00", "+02:00"))
    assert gus.member.payload()["userRole"] == "guest"


async def test_the_app_is_installed_and_removed_in_each_scope(
    teams: TeamsServer, app: App, ada: Person, connector: ConnectorClient
) -> None:
    new = teams.person("New", installed=False)
    group = teams.group("Lunch", ada, installed=False)
    channel = teams.team("Contoso", ada, installed=False).channel("Help")
    for person, place in ((new, new.chat), (ada, group), (ada, channel)):
        assert await refused(send(connector, place.id, "Hi")) == (403, "BotNotInConversationRoster")
        app.heard.clear()
        assert (await person.installs(place)).ok
        told = {heard["type"]: heard for heard in app.heard}
        assert told["installationUpdate"]["action"] == "add"
        assert told["conversationUpdate"]["membersAdded"][0] == {"id": BOT_ID}
        assert told["conversationUpdate"]["conversation"]["id"] == place.id
        await send(connector, place.id, "Hi")
        app.heard.clear()
        assert (await person.removes(place)).ok
        assert "remove" in [heard.get("action") for heard in app.heard]
        assert await refused(send(connector, place.id, "Hi")) == (403, "BotNotInConversationRoster")
    assert told["installationUpdate"]["channelData"]["settings"] == {"selectedChannel": {"id": channel.id}}


async def test_people_come_and_go(teams: TeamsServer, app: App, ada: Person, ben: Person) -> None:
    team = teams.team("Contoso", ada)
    await ben.joins(team.channel("Help"))
    [heard] = app.heard
    assert heard["membersAdded"] == [{"id": ben.id, "aadObjectId": ben.member.aad}]
    assert (heard["conversation"]["id"], heard["channelData"]["eventType"]) == (team.id, "teamMemberAdded")
    await ben.leaves(team.channel("Help"))
    with pytest.raises(AssertionError, match="is not in"):
        await ben.writes(team.channel("Help"), "Hi")


# Files and pictures


async def get(address: str, token: str = "") -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as http, http.get(address, headers=headers) as response:
        return response.status, await response.read()


async def test_a_file_in_a_personal_chat_is_fetched_without_a_token_and_soon(
    teams: TeamsServer, app: App, ada: Person
) -> None:
    done = await ada.writes(ada.chat, files=[("bill.pdf", b"%PDF")])
    assert "text" not in done.activity
    [file] = done.activity["attachments"]
    assert file["contentType"] == "application/vnd.microsoft.teams.file.download.info"
    assert (file["name"], file["content"]["fileType"]) == ("bill.pdf", "pdf")
    address = file["content"]["downloadUrl"]
    assert await get(address) == (200, b"%PDF")
    assert (await get(address, "ours"))[0] == 401
    assert len(teams.leaks) == 1
    teams.end_downloads()
    assert (await get(address))[0] == 401
    assert ada.sees(ada.chat)[0].files == ("bill.pdf",)


async def test_a_pasted_picture_is_fetched_with_the_apps_token(teams: TeamsServer, app: App, ada: Person) -> None:
    done = await ada.writes(ada.chat, "See", pictures=[("a.png", b"PNG")])
    [picture, words] = done.activity["attachments"]
    assert (picture["contentType"], words["contentType"]) == ("image/*", "text/html")
    assert await get(picture["contentUrl"], teams.identity.give()) == (200, b"PNG")
    assert (await get(picture["contentUrl"]))[0] == 401


async def test_elsewhere_files_and_pictures_are_only_marked(teams: TeamsServer, app: App, ada: Person) -> None:
    group = teams.group("Lunch", ada)
    done = await ada.writes(group, "See", mention=True, files=[("bill.pdf", b"%PDF")], pictures=[("a.png", b"PNG")])
    [words] = done.activity["attachments"]
    assert words["contentType"] == "text/html"
    assert "<attachment id=" in words["content"]
    assert "hostedContents" in words["content"]


CONSENT: JSON = {
    "contentType": "application/vnd.microsoft.teams.card.file.consent",
    "name": "invoice.pdf",
    "content": {"sizeInBytes": 6, "acceptContext": {"file": 1}, "declineContext": {"file": 2}},
}


async def test_a_file_from_the_app_is_taken_in_pieces_after_consent(
    teams: TeamsServer, app: App, ada: Person, connector: ConnectorClient
) -> None:
    async def says(_: TurnContext) -> InvokeResponse:
        return InvokeResponse(status=200)

    app.says = says
    sent = await send(connector, ada.chat.id, {"attachments": [CONSENT]})
    assert ada.sees(ada.chat)[0].offers == ("invoice.pdf",)
    done = await ada.accepts(ada.chat, sent)
    value = done.activity["value"]
    assert (done.activity["name"], value["action"], value["context"]) == ("fileConsent/invoke", "accept", {"file": 1})
    async with aiohttp.ClientSession() as http:
        for piece, of, status in ((b"abc", "0-2/6", 202), (b"ef", "4-5/6", 416), (b"def", "3-5/6", 201)):
            headers = {"Content-Range": f"bytes {of}"}
            async with http.put(value["uploadInfo"]["uploadUrl"], data=piece, headers=headers) as response:
                assert response.status == status
    assert ada.drive == {"invoice.pdf": b"abcdef"}
    declined = (await ada.declines(ada.chat, sent)).activity["value"]
    assert (declined["action"], declined["context"], "uploadInfo" in declined) == ("decline", {"file": 2}, False)


# Cards, and what else is pressed


def card(*actions: JSON, body: list[JSON] | None = None, **more: Any) -> JSON:
    shown = [{"type": "TextBlock", "text": "Case 7"}] if body is None else body
    return {"type": "AdaptiveCard", "version": "1.5", "body": shown, "actions": list(actions), **more}


def execute(title: str, **data: Any) -> JSON:
    return {"type": "Action.Execute", "title": title, "verb": title.lower(), "data": data}


def attached(content: JSON) -> JSON:
    return {"attachments": [{"contentType": CARD, "content": content}]}


def answers(kind: str, value: Any, code: int = 200) -> Callable[[TurnContext], Awaitable[InvokeResponse | None]]:
    async def says(_: TurnContext) -> InvokeResponse:
        body = AdaptiveCardInvokeResponse(status_code=code, type=kind, value=value)
        return InvokeResponse(status=200, body=body)

    return says


async def test_a_press_shows_the_answer_to_who_pressed_until_the_message_changes(
    teams: TeamsServer, app: App, ada: Person, ben: Person, connector: ConnectorClient
) -> None:
    channel = teams.team("Contoso", ada, ben).channel("Help")
    sent = await send(connector, channel.id, attached(card(execute("Claim", case=7))))
    app.says = answers(CARD, card(execute("Resolve", case=7)))
    done = await ada.presses(channel, sent, "Claim")
    assert done.ok
    assert done.activity["value"] == {"action": execute("Claim", case=7), "trigger": "manual"}
    assert (done.activity["type"], done.activity["name"]) == ("invoke", "adaptiveCard/action")
    assert done.activity["conversation"]["id"] == f"{channel.id};messageid={sent}"

    def titles(person: Person) -> list[str]:
        shown = person.sees(channel)[0].card
        return shown.titles if shown else []

    assert (titles(ada), titles(ben)) == (["Resolve"], ["Claim"])
    updated = Raw({"type": "message", **attached(card(execute("Reopen")))})
    await connector.conversations.update_activity(f"{channel.id};messageid={sent}", sent, updated)
    assert (titles(ada), titles(ben)) == (["Reopen"], ["Reopen"])
    with pytest.raises(AssertionError, match="no Claim to press"):
        await ada.presses(channel, sent, "Claim")


WRONG_ANSWERS: dict[str, tuple[int, Any]] = {
    "nothing": (200, None),
    "a text": (200, "ok"),
    "no type": (200, {"statusCode": 200}),
    "another status": (202, {"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "ok"}),
    "a card that is none": (200, {"statusCode": 200, "type": CARD, "value": {"type": "Hero"}}),
    "an error without words": (200, {"statusCode": 400, "type": "application/vnd.microsoft.error", "value": {}}),
}


@pytest.mark.parametrize("answer", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS.keys())
async def test_an_answer_of_another_shape_is_a_problem(
    teams: TeamsServer, app: App, ada: Person, connector: ConnectorClient, answer: tuple[int, Any]
) -> None:
    sent = await send(connector, ada.chat.id, attached(card(execute("Claim"))))
    status, body = answer

    async def wrong(_: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    other = web.Application()
    other.router.add_post("/", wrong)
    runner = web.AppRunner(other)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    teams.post_to = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    done = await ada.presses(ada.chat, sent, "Claim")
    await runner.cleanup()
    assert done.problem
    assert not done.ok


async def test_words_and_errors_are_shown_to_who_pressed(app: App, ada: Person, connector: ConnectorClient) -> None:
    sent = await send(connector, ada.chat.id, attached(card(execute("Claim"))))
    app.says = answers("application/vnd.microsoft.error", {"code": "Taken", "message": "Ben has it."}, 400)
    done = await ada.presses(ada.chat, sent, "Claim")
    assert (done.ok, done.toast) == (True, "Ben has it.")


async def test_a_submit_is_a_message_without_words(app: App, ada: Person, connector: ConnectorClient) -> None:
    form = [{"type": "Input.Text", "id": "note", "isRequired": True}, {"type": "Input.Number", "id": "n", "value": 2}]
    submit = {"type": "Action.Submit", "title": "Send", "data": {"case": 7}}
    sent = await send(connector, ada.chat.id, attached(card(submit, body=form)))
    with pytest.raises(AssertionError, match="filled in"):
        await ada.presses(ada.chat, sent, "Send")
    done = await ada.presses(ada.chat, sent, "Send", {"note": "late"})
    assert (done.activity["type"], done.activity["replyToId"]) == ("message", sent)
    assert done.activity["value"] == {"case": 7, "note": "late", "n": 2}
    assert "text" not in done.activity


async def test_a_card_refreshes_for_those_it_names(
    teams: TeamsServer, app: App, ada: Person, ben: Person, connector: ConnectorClient
) -> None:
    group = teams.group("Desk", ada, ben)
    app.says = answers(CARD, card(body=[{"type": "TextBlock", "text": "Yours"}]))
    refresh = {"action": {"type": "Action.Execute", "verb": "refresh"}, "userIds": [ada.id]}
    sent = await send(connector, group.id, attached(card(refresh=refresh)))
    assert (await ada.refreshes(group, sent)).activity["value"]["trigger"] == "automatic"
    assert (await ben.refreshes(group, sent)).deliveries == []
    assert (await ben.refreshes(group, sent, manual=True)).activity["value"]["trigger"] == "manual"
    everybody = await send(connector, group.id, attached(card(refresh={"action": refresh["action"]})))
    assert (await ben.refreshes(group, everybody)).ok
    shown = ben.sees(group)[-1].card
    assert shown
    assert shown.text == "Yours"


ANSWER: JSON = {
    "text": "Thirty days [1].",
    "entities": [
        {
            "type": "https://schema.org/Message",
            "@type": "Message",
            "@context": "https://schema.org",
            "additionalType": ["AIGeneratedContent"],
            "citation": [
                {
                    "@type": "Claim",
                    "position": 1,
                    "appearance": {"@type": "DigitalDocument", "name": "Returns", "url": "https://example.com/r"},
                }
            ],
        }
    ],
    "channelData": {"feedbackLoop": {"type": "default"}},
    "suggestedActions": {"actions": [{"type": "imBack", "title": "A person", "value": "I want a person"}]},
}


async def test_an_answer_shows_its_label_sources_and_what_to_press(
    teams: TeamsServer, app: App, ada: Person, connector: ConnectorClient
) -> None:
    async def says(_: TurnContext) -> InvokeResponse:
        return InvokeResponse(status=200)

    sent = await send(connector, ada.chat.id, ANSWER)
    [read] = ada.sees(ada.chat)
    assert (read.ai, read.feedback, read.suggested) == (True, True, ("A person",))
    assert [(one.position, one.name, one.url) for one in read.citations] == [(1, "Returns", "https://example.com/r")]
    app.says = says
    done = await ada.gives_feedback(ada.chat, sent, "dislike", "Too short")
    assert (done.ok, done.activity["name"]) == (True, "message/submitAction")
    assert done.activity["value"] == {
        "actionName": "feedback",
        "actionValue": {"reaction": "dislike", "feedback": '{"feedbackText": "Too short"}'},
    }
    await ada.chooses(ada.chat, sent, "A person")
    assert app.heard[-1]["text"] == "I want a person"
    with pytest.raises(AssertionError, match="go away"):
        await ada.chooses(ada.chat, sent, "A person")
    assert teams.dropped == []


# What the Connector refuses


async def test_conversations_refuse_as_teams_does(teams: TeamsServer, ada: Person, connector: ConnectorClient) -> None:
    channel = teams.team("Contoso", ada).channel("Help")
    assert await refused(send(connector, "nonsense", "Hi")) == (400, "BadSyntax")
    assert await refused(send(connector, "19:other@thread.v2", "Hi")) == (404, "ConversationNotFound")
    assert await refused(send(connector, ada.chat.id + ";messageid=1", "Hi")) == (404, "ConversationNotFound")
    root = await send(connector, channel.id, "Post")
    conversation = f"{channel.id};messageid={root}"
    reply = await send(connector, conversation, "Reply")
    assert [read.text for read in ada.sees(channel, root)] == ["Post", "Reply"]
    await connector.conversations.delete_activity(conversation, root)
    assert await refused(send(connector, conversation, "Hi")) == (404, "ActivityNotFoundInConversation")
    assert ada.sees(channel, root)[1].id == reply
    ada.blocks()
    assert await refused(send(connector, ada.chat.id, "Hi")) == (403, "ConversationBlockedByUser")
    ada.blocks("MessageWritesBlocked")
    status, body = await post(teams, f"conversations/{ada.chat.id}/activities", {"type": "message", "text": "Hi"})
    assert (status, body["errorCode"], json.loads(body["message"])["subCode"]) == (403, 209, "MessageWritesBlocked")
    ada.unblocks()
    await send(connector, ada.chat.id, "Hi")


async def test_the_app_changes_only_what_is_its_own(app: App, ada: Person, connector: ConnectorClient) -> None:
    conversations, new = connector.conversations, Raw({"type": "message", "text": "New"})
    own = await send(connector, ada.chat.id, "Old")
    assert (await conversations.update_activity(ada.chat.id, own, new)).id == own
    assert (ada.sees(ada.chat)[0].text, ada.sees(ada.chat)[0].edited) == ("New", True)
    theirs = (await ada.writes(ada.chat, "Hi")).id
    assert await refused(conversations.update_activity(ada.chat.id, theirs, new)) == (403, "NotEnoughPermissions")
    assert await refused(conversations.delete_activity(ada.chat.id, theirs)) == (403, "NotEnoughPermissions")
    await conversations.delete_activity(ada.chat.id, own)
    assert await refused(conversations.delete_activity(ada.chat.id, own)) == (404, "ActivityNotFoundInConversation")


def with_entity(**entity: Any) -> JSON:
    whole = {"type": "https://schema.org/Message", "@type": "Message", "@context": "https://schema.org"}
    return {"text": "Yes [1] [2]", "entities": [{**whole, **entity}]}


def citation(position: Any = 1, **appearance: Any) -> JSON:
    shown = {"@type": "DigitalDocument", "name": "Returns", **appearance}
    return {"@type": "Claim", "position": position, "appearance": shown}


BAD: dict[str, JSON] = {
    "no type": {"type": "", "text": "Hi"},
    "nothing to read": {},
    "an unknown format": {"text": "Hi", "textFormat": "html"},
    "an unknown attachment": {"attachments": [{"contentType": "application/pdf"}]},
    "a picture without address": {"attachments": [{"contentType": "image/png"}]},
    "an entity that lost its fields": {"text": "Hi", "entities": [{"type": "https://schema.org/Message"}]},
    "two message entities": {"text": "Hi", "entities": with_entity()["entities"] * 2},
    "an unknown label": with_entity(additionalType=["Magic"]),
    "twenty-one citations": with_entity(citation=[citation(at) for at in range(1, 22)]),
    "the same position twice": with_entity(citation=[citation(1), citation(1)]),
    "a position that is none": with_entity(citation=[citation("1")]),
    "a long name": with_entity(citation=[citation(name="x" * 81)]),
    "a long abstract": with_entity(citation=[citation(abstract="x" * 161)]),
    "an address that is none": with_entity(citation=[citation(url="doc:7")]),
    "an unknown icon": with_entity(citation=[citation(image={"@type": "ImageObject", "name": "Smile"})]),
    "an empty appearance": with_entity(citation=[{"@type": "Claim", "position": 1, "appearance": {}}]),
    "a mention of nobody": {"text": "<at>X</at>", "entities": [{"type": "mention", "text": "<at>X</at>"}]},
    "an unknown feedback form": {"text": "Hi", "channelData": {"feedbackLoop": {"type": "stars"}}},
    "an action without value": {"text": "Hi", "suggestedActions": {"actions": [{"type": "imBack", "title": "A"}]}},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
async def test_a_bad_activity_is_refused(ada: Person, connector: ConnectorClient, body: JSON) -> None:
    status, code = await refused(send(connector, ada.chat.id, body))
    assert (status, code) in {(400, "BadSyntax"), (400, "BadArgument")}
    assert ada.sees(ada.chat) == []


async def test_what_is_no_json_is_refused(teams: TeamsServer, ada: Person) -> None:
    status, body = await post(teams, f"conversations/{ada.chat.id}/activities", b"{")
    assert (status, body["error"]["code"]) == (400, "BadSyntax")


DROPPED: dict[str, tuple[str, JSON]] = {
    "suggested actions in a group": ("group", {"text": "Hi", "suggestedActions": ANSWER["suggestedActions"]}),
    "the seventh suggested action": (
        "chat",
        {"text": "Hi", "suggestedActions": {"actions": ANSWER["suggestedActions"]["actions"] * 7}},
    ),
    "a citation that nobody cites": ("chat", {**with_entity(citation=[citation(3)])}),
    "typing in a channel": ("channel", {"type": "typing"}),
    "a mention that is not in the text": (
        "group",
        {"text": "Hi", "entities": [{"type": "mention", "text": "<at>X</at>", "mentioned": {"id": "29:x"}}]},
    ),
}


@pytest.mark.parametrize(("where", "body"), DROPPED.values(), ids=DROPPED.keys())
async def test_what_teams_leaves_out_is_noted(
    teams: TeamsServer, ada: Person, connector: ConnectorClient, where: str, body: JSON
) -> None:
    places: dict[str, Room] = {
        "chat": ada.chat,
        "group": teams.group("Lunch", ada),
        "channel": teams.team("Contoso", ada).channel("Help"),
    }
    await send(connector, places[where].id, body)
    assert len(teams.dropped) == 1
    assert all(not read.citations and len(read.suggested) < 7 for read in ada.sees(places[where]))


async def test_size_is_counted_in_utf16_and_without_pictures(ada: Person, connector: ConnectorClient) -> None:
    await send(connector, ada.chat.id, "x" * 51_000)
    assert await refused(send(connector, ada.chat.id, "x" * 51_200)) == (413, "MessageSizeTooBig")
    assert await refused(send(connector, ada.chat.id, "\N{GRINNING FACE}" * 25_600)) == (413, "MessageSizeTooBig")
    picture = {"contentType": "image/png", "contentUrl": "data:image/png;base64," + "A" * 200_000}
    await send(connector, ada.chat.id, {"attachments": [picture]})


async def test_text_and_card_together_become_two_messages_and_no_id(
    teams: TeamsServer, ada: Person, connector: ConnectorClient
) -> None:
    assert await send(connector, ada.chat.id, {"text": "Look", **attached(card())}) == "None"
    assert [(read.text, bool(read.card)) for read in ada.sees(ada.chat)] == [("Look", False), ("", True)]
    teams.connector.splits = False
    assert await send(connector, ada.chat.id, {"text": "Look", **attached(card())}) == ada.sees(ada.chat)[-1].id


BAD_CARDS: dict[str, JSON] = {
    "another type": {**card(), "type": "HeroCard"},
    "a later version": {**card(), "version": "1.6"},
    "an unknown element": card(body=[{"type": "Chart.Pie"}]),
    "a text without text": card(body=[{"type": "TextBlock"}]),
    "one deep inside": card(
        body=[{"type": "ColumnSet", "columns": [{"type": "Column", "items": [{"type": "TextBlock"}]}]}]
    ),
    "a fact that is a number": card(body=[{"type": "FactSet", "facts": [{"title": "n", "value": 1}]}]),
    "an unknown action": card({"type": "Action.Http", "title": "Go"}),
    "an action without title": card({"type": "Action.Submit"}),
    "seven actions": card(*(execute(str(at)) for at in range(7))),
    "data that are a text": card({"type": "Action.Submit", "title": "Go", "data": "x"}),
    "sixty-one people": card(refresh={"action": {"type": "Action.Execute"}, "userIds": ["29:x"] * 61}),
    "a refresh that submits": card(refresh={"action": {"type": "Action.Submit"}}),
    "executing in an old version": {**card(execute("Go")), "version": "1.3"},
    "choices without value": card(body=[{"type": "Input.ChoiceSet", "id": "c", "choices": [{"title": "A"}]}]),
    "the same input twice": card(body=[{"type": "Input.Text", "id": "a"}] * 2),
    "nothing": card(body=[]),
}


@pytest.mark.parametrize("bad", BAD_CARDS.values(), ids=BAD_CARDS.keys())
async def test_a_card_with_holes_is_refused(ada: Person, connector: ConnectorClient, bad: JSON) -> None:
    assert len(complaints(bad)) == 1
    assert await refused(send(connector, ada.chat.id, attached(bad))) == (400, "BadArgument")


async def test_a_card_is_read_as_it_looks(ada: Person, connector: ConnectorClient) -> None:
    more = card(execute("Yes", sure=True), body=[{"type": "Input.Text", "id": "why"}])
    body: list[JSON] = [
        {"type": "TextBlock", "text": "Case 7"},
        {"type": "TextBlock", "text": "hidden", "isVisible": False},
        {"type": "Container", "items": [{"type": "FactSet", "facts": [{"title": "From", "value": "Ada"}]}]},
        {"type": "ActionSet", "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": "https://example.com"}]},
    ]
    unfold = {"type": "Action.ShowCard", "title": "Close", "card": more}
    await send(connector, ada.chat.id, attached(card(unfold, body=body)))
    shown = ada.sees(ada.chat)[0].card
    assert shown
    assert (shown.text, shown.titles, shown.inputs) == ("Case 7\nFrom: Ada", ["Open", "Close", "Yes"], ("why",))


# New conversations, and who is there


async def test_the_app_writes_first_to_those_who_have_it(
    teams: TeamsServer, app: App, ada: Person, connector: ConnectorClient
) -> None:
    started = {"bot": {"id": BOT_ID}, "members": [{"id": ada.member.aad}], "tenantId": TENANT}
    assert (await connector.conversations.create_conversation(Raw({"type": "", **started}))).id == ada.chat.id
    other = teams.person("New", installed=False)
    status, body = await post(teams, "conversations", {**started, "members": [{"id": other.id}]})
    assert (status, body["error"]["code"]) == (403, "ForbiddenOperationException")
    assert (await post(teams, "conversations", {"members": [{"id": ada.id}]}))[0] == 400
    channel = teams.team("Contoso", ada).channel("Help")
    parameters = {"isGroup": True, "channelData": {"channel": {"id": channel.id}}}
    assert (await post(teams, "conversations", parameters))[0] == 400
    first = {**parameters, "activity": {"type": "message", "text": "Post"}}
    made = await connector.conversations.create_conversation(Raw({"type": "", **first}))
    assert made.id == f"{channel.id};messageid={made.activity_id}"
    assert ada.sees(channel)[0].id == made.activity_id


async def test_a_stored_reference_leads_back_to_the_thread(teams: TeamsServer, app: App, ada: Person) -> None:
    channel = teams.team("Contoso", ada).channel("Help")
    post = await ada.writes(channel, "How long?", mention=True)
    activity = Activity().deserialize(app.heard[0])
    stored = json.loads(json.dumps(TurnContext.get_conversation_reference(activity).serialize()))

    async def answer(context: TurnContext) -> None:
        await context.send_activity("Thirty days.")

    await app.adapter.continue_conversation(ConversationReference().deserialize(stored), answer, bot_app_id=APP_ID)
    assert [read.text for read in ada.sees(channel, post.id)] == ["<at>Threadline</at> How long?", "Thirty days."]


async def test_the_app_asks_who_is_there_and_where(
    teams: TeamsServer, ada: Person, ben: Person, connector: ConnectorClient
) -> None:
    team = teams.team("Contoso", ada, ben)
    channel = team.channel("Help")
    member = await connector.conversations.get_conversation_member(channel.id, ben.id)
    assert (member.name, member.aad_object_id) == ("Ben Sato", ben.member.aad)
    paged = await connector.conversations.get_conversation_paged_members(channel.id)
    assert [one.id for one in paged.members] == [ada.id, ben.id]
    assert (await refused(connector.conversations.get_conversation_member(channel.id, "29:x")))[0] == 404
    headers = {"Authorization": f"Bearer {teams.identity.give()}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.get(f"{teams.service_urls[1]}{TENANT}/v3/teams/{team.id}") as response:
            assert (await response.json())["name"] == "Contoso"
        async with http.get(f"{teams.service_urls[1]}v3/teams/{team.id}/conversations") as response:
            assert await response.json() == {"conversations": [{"id": team.id}, {"id": channel.id, "name": "Help"}]}
        async with http.get(f"{teams.url}/mars/v3/teams/{team.id}") as response:
            assert response.status == 404


# Streams


def piece(text: str, sequence: int | None, stream: str = "", kind: str = "streaming", **more: Any) -> JSON:
    info: JSON = {"type": "streaminfo", "streamType": kind}
    info |= {"streamSequence": sequence} if sequence is not None else {}
    info |= {"streamId": stream} if stream else {}
    return {"type": "message" if kind == "final" else "typing", "text": text, "entities": [info], **more}


async def test_an_answer_grows_and_ends_with_all_that_belongs_to_it(
    teams: TeamsServer, ada: Person, connector: ConnectorClient, ticks: Clock
) -> None:
    stream = await send(connector, ada.chat.id, piece("Searching", 1, kind="informative"))
    assert (ada.sees(ada.chat)[0].text, ada.sees(ada.chat)[0].stream) == ("Searching", "streaming")
    assert await send(connector, ada.chat.id, piece("Thirty", 2, stream)) == "None"
    ticks.now += 5
    await send(connector, ada.chat.id, piece("Thirty days", 4, stream))
    late = piece("Thirty", 3, stream)
    status, body = await post(teams, f"conversations/{ada.chat.id}/activities", late)
    assert (status, body["error"]["code"]) == (202, "ContentStreamSequenceOrderPreConditionFailed")
    assert ada.sees(ada.chat)[0].text == "Thirty days"
    ticks.now += 5
    last = piece(ANSWER["text"], None, stream, "final")
    last["entities"] += ANSWER["entities"]
    await send(connector, ada.chat.id, last)
    [read] = ada.sees(ada.chat)
    assert (read.id, read.text, read.stream, read.ai) == (stream, "Thirty days [1].", "final", True)
    assert await refused(send(connector, ada.chat.id, last)) == (403, "ContentStreamNotAllowed")


async def said(teams: TeamsServer, room: Room, body: JSON) -> tuple[int, str]:
    status, answer = await post(teams, f"conversations/{room.id}/activities", body)
    return status, answer.get("error", {}).get("message", "")


async def test_streams_keep_their_rules(teams: TeamsServer, ada: Person, ticks: Clock) -> None:
    teams.stream_pace = 0.0
    group = teams.group("Lunch", ada)
    assert (await said(teams, group, piece("Hi", 1)))[0] == 405
    for wrong in (
        piece("", 1),
        piece("Hi", 2),
        piece("Hi", None, kind="final"),
        piece("x" * 1001, 1, kind="informative"),
        piece("Hi", 1, attachments=[{"contentType": CARD, "content": card()}]),
        {**piece("Hi", 1), "type": "message"},
    ):
        assert (await said(teams, ada.chat, wrong))[0] == 400
    assert await said(teams, ada.chat, piece("x" * 60_000, 1)) == (403, "Message size too large")
    assert ada.sees(ada.chat) == []
    stream = (await post(teams, f"conversations/{ada.chat.id}/activities", piece("Hello", 1)))[1]["id"]
    assert await said(teams, ada.chat, piece("Hi", 1)) == (403, "Content stream is not allowed")
    shrinks = "Request streamed content should contain the previously streamed content"
    assert await said(teams, ada.chat, piece("Hell", 2, stream)) == (403, shrinks)
    assert await said(teams, ada.chat, piece("Bye", None, stream, "final")) == (403, shrinks)
    assert (await said(teams, ada.chat, piece("Hello", 3, stream, "final")))[0] == 400
    ticks.now += 121
    assert ada.sees(ada.chat)[0].stream == "broken"
    over = "Content stream finished due to exceeded streaming time."
    assert await said(teams, ada.chat, piece("Hello!", 3, stream)) == (403, over)
    assert (await said(teams, ada.chat, piece("Hi", 1)))[0] == 201
    teams.connector.strict_final = False
    second = ada.sees(ada.chat)[-1].id
    assert (await said(teams, ada.chat, piece("Bye", None, second, "final")))[0] == 202


async def test_the_person_stops_an_answer(ada: Person, connector: ConnectorClient, teams: TeamsServer) -> None:
    stream = await send(connector, ada.chat.id, piece("Thirty", 1))
    ada.stops(ada.chat, stream)
    canceled = (403, "Content stream was canceled by user.")
    assert await said(teams, ada.chat, piece("Thirty days", 2, stream)) == canceled
    whole = Raw({"type": "message", "text": "Thirty days."})
    changing = connector.conversations.update_activity(ada.chat.id, stream, whole)
    assert await refused(changing) == (403, "ContentStreamNotAllowed")
    assert (ada.sees(ada.chat)[0].text, ada.sees(ada.chat)[0].stream) == ("Thirty", "stopped")


async def test_streams_are_slowed_down(teams: TeamsServer, ada: Person, ticks: Clock) -> None:
    path = f"conversations/{ada.chat.id}/activities"
    stream = (await post(teams, path, piece("1", 1)))[1]["id"]
    statuses = [(await post(teams, path, piece("1" * at, at, stream)))[0] for at in range(2, 5)]
    assert statuses == [202, 202, 429]
    ticks.now += 1
    assert [(await post(teams, path, piece("1" * at, at, stream)))[0] for at in (5, 6)] == [202, 429]
    teams.stream_pace = 0.0
    assert (await post(teams, path, piece("1" * 6, 6, stream)))[0] == 202


async def test_a_broken_stream_is_finished_by_an_update(
    teams: TeamsServer, ada: Person, connector: ConnectorClient
) -> None:
    stream = await send(connector, ada.chat.id, piece("Thirty", 1))
    teams.end_streams()
    whole = Raw({"type": "message", "text": "Thirty days."})
    await connector.conversations.update_activity(ada.chat.id, stream, whole)
    assert ada.sees(ada.chat)[0].text == "Thirty days."


# Trouble


async def test_trouble_comes_as_it_was_asked_for(teams: TeamsServer, ada: Person, connector: ConnectorClient) -> None:
    teams.fail("send", retry_after=2)
    with pytest.raises(ErrorResponseException) as caught:
        await send(connector, ada.chat.id, "1")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "2")
    for status, code in ((412, "PreconditionFailed"), (502, "ServiceError"), (403, "BotNotInConversationRoster")):
        teams.fail("send", status=status)
        assert await refused(send(connector, ada.chat.id, "2")) == (status, code)
    teams.fail("send", status=504, done=True)
    assert (await post(teams, f"conversations/{ada.chat.id}/activities", {"type": "message", "text": "3"}))[0] == 504
    teams.fail("send", left=-1, status=500, when=lambda body: body.get("text") == "4")
    assert await refused(send(connector, ada.chat.id, "4")) == (500, "ServiceError")
    await send(connector, ada.chat.id, "5")
    teams.heal()
    await send(connector, ada.chat.id, "4")
    assert [read.text for read in ada.sees(ada.chat)] == ["3", "5", "4"]
    assert [call.status for call in teams.calls_of("send")] == [429, 412, 502, 403, 504, 500, 201, 201]


async def test_an_answer_is_lost_after_it_was_done(teams: TeamsServer, ada: Person) -> None:
    teams.fail("/activities", drop=True)
    with pytest.raises(aiohttp.ClientError):
        await post(teams, f"conversations/{ada.chat.id}/activities", {"type": "message", "text": "Hi"})
    assert [read.text for read in ada.sees(ada.chat)] == ["Hi"]
    teams.fail(delay=0.02)
    async with asyncio.timeout(1):
        before = teams.calls[-1].at
        assert (await post(teams, f"conversations/{ada.chat.id}/activities", {"type": "typing"}))[0] == 202
    assert (ada.chat.typing, teams.calls[-1].at > before) == (1, True)


async def test_who_sends_too_quickly_is_told_to_wait(teams: TeamsServer, ada: Person, ben: Person) -> None:
    teams.pace = 60.0
    body = {"type": "message", "text": "Hi"}
    where = [ada.chat.id, ben.chat.id, ada.chat.id]
    assert [(await post(teams, f"conversations/{one}/activities", body))[0] for one in where] == [201, 201, 429]
