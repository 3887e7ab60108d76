"""A Microsoft Teams on a loopback port, for tests: its Connector, identity and people; as strict as the real one.

It stands at the wire, so botbuilder's CloudAdapter and ConnectorClient run unchanged against it:

    async with TeamsServer() as teams:
        teams.post_to = "http://127.0.0.1:3978/api/messages"
        ada = teams.person("Ada")
        done = await ada.writes(ada.chat, "Hello")      # the app is told, again until it says 'ok'
        teams.fail("send", status=429, retry_after=1)   # the next one; those after it work again
        assert ada.sees(ada.chat)[-1].text == "Hello, Ada!"
        channel = teams.team("Contoso", ada).channel("Help")
        post = await ada.writes(channel, "How do I return it?", mention=True)
        assert "30 days" in ada.sees(channel, post.id)[-1].text
        answer = ada.sees(channel, post.id)[-1].id
        assert (await ada.presses(channel, answer, "Claim")).ok
        assert not teams.dropped                        # Teams left nothing of it out

What the app needs of it: `teams.service_urls`, `teams.identity.openid_url`, `.login_url`, `.ca_file`, `.secret`. Who
wants to know more of the parts: teams_identity (tokens), teams_workspace (what there is), teams_methods (the Connector)
with teams_checks, teams_cards and teams_streams (what may be sent), teams_people (what people do) with teams_activities
(what the app is told of it) and teams_lines (how), teams_reading (what people read).
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.fakes import loopback
from tests.fakes.teams_identity import Identity
from tests.fakes.teams_lines import Delivery, Lines
from tests.fakes.teams_methods import Connector, Operation, operation, perform
from tests.fakes.teams_people import Done, Person
from tests.fakes.teams_reading import Read, reads
from tests.fakes.teams_streams import Pace
from tests.fakes.teams_workspace import APP_ID, BOT_ID, TENANT, Refused, Room, Team, Workspace

__all__ = ["APP_ID", "BOT_ID", "TENANT", "TeamsServer"]

JSON = dict[str, Any]

REGIONS = ("amer", "emea")
_DENIED = {"message": "Authorization has been denied for this request."}
_WORDS = {
    403: ("BotNotInConversationRoster", "The bot is not part of the conversation roster."),
    404: ("ConversationNotFound", "Conversation not found."),
    412: ("PreconditionFailed", "Precondition failed, please try again."),
    413: ("MessageSizeTooBig", "Message size too large."),
    429: ("Throttled", "Too many requests."),
    500: ("ServiceError", "Internal server error."),
    502: ("ServiceError", "Service dependency issue."),
}


@dataclass
class Call:
    """One request to the Connector, and what it was answered; `at` is in seconds of a clock that only goes on."""

    at: float
    name: str
    verb: str
    path: str
    body: Any
    token: str
    status: int = 0
    answer: Any = None


@dataclass
class Trouble:
    """What happens to the next calls instead of, or after, what they ask for (`done`)."""

    what: str
    left: int
    status: int
    code: str
    retry_after: float
    delay: float
    drop: bool
    done: bool
    when: Callable[[JSON], bool] | None
    late: float = 0.0

    def meets(self, call: Call) -> bool:
        """Whether it is this call's."""
        if self.left == 0 or not (
            self.what in {"", call.name, call.verb} or ("/" in self.what and self.what in call.path)
        ):
            return False
        return self.when is None or self.when(call.body if isinstance(call.body, dict) else {})

    @property
    def goes_wrong(self) -> bool:
        """Whether the answer is another one than that of a good call."""
        return bool(self.status or self.drop or self.retry_after)

    def refusal(self) -> Refused:
        """Return the answer."""
        status = self.status or 429
        if status == 401:
            return Refused(401, body=_DENIED)
        code, words = _WORDS.get(status, ("", ""))
        return Refused(status, self.code or code, words, retry_after=self.retry_after)


class TeamOf:
    """A team, with its channels."""

    def __init__(self, workspace: Workspace, team: Team, *, installed: bool) -> None:
        self._workspace = workspace
        self._installed = installed
        self.team = team
        self.id = team.id
        self.general = self.channel("General")

    def channel(self, name: str) -> Room:
        """Return the channel of that name; it is made if there is none."""
        return self._workspace.add_channel(self.team, name, installed=self._installed)


class TeamsServer:
    """The server. `clock` gives the time of messages, `ticks` the seconds that streams are measured with.

    What a test may set: `hears_all` (the app hears what doesn't mention it too, as with ChannelMessage.Read.Group),
    `pace` (seconds between two sends in a conversation; who is quicker is told 429), `download_seconds` (how long a
    file's address works), `stream_pace`, `connector.stream_seconds`, `connector.strict_final`, `connector.splits`.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic) -> None:
        self.workspace = Workspace(clock)
        self.connector = Connector(self.workspace, ticks)
        self.identity = Identity(clock)
        self.lines = Lines(self.identity.sign)
        self.hears_all = False
        self.pace = 0.0
        self.download_seconds = 3600.0
        self.calls: list[Call] = []
        self.leaks: list[str] = []
        """Addresses that need no token and were asked for with one."""
        self.url = ""
        self._troubles: list[Trouble] = []
        self._sent: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        self.identity.__enter__()
        application = web.Application(client_max_size=100 * 1024 * 1024)
        application.router.add_get("/download/{file}", self._download)
        application.router.add_put("/upload/{place}", self._upload)
        application.router.add_route("*", "/{region}/{rest:.+}", self._connect)
        self._runner, self.url = await loopback.serve(application, shutdown_timeout=0.1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.lines.close()
        await self._runner.cleanup()
        await asyncio.to_thread(self.identity.__exit__, kind, error, trace)

    # Addresses and settings

    @property
    def service_urls(self) -> tuple[str, ...]:
        """What the service addresses in activities begin with."""
        return tuple(f"{self.url}/{region}/" for region in REGIONS)

    def service_url(self, room: Room) -> str:
        """Return the service address for a conversation: by region and tenant, as Teams has them."""
        return f"{self.url}/{room.region}/{room.tenant}/"

    @property
    def post_to(self) -> str:
        """The app's messaging endpoint."""
        return self.lines.post_to

    @post_to.setter
    def post_to(self, address: str) -> None:
        self.lines.post_to = address

    @property
    def dropped(self) -> list[str]:
        """What the app sent and Teams left out without a word."""
        return self.workspace.dropped

    @property
    def stream_pace(self) -> float:
        """Seconds between two pieces of a stream; 0 for no limit."""
        return self.connector.pace.seconds

    @stream_pace.setter
    def stream_pace(self, seconds: float) -> None:
        self.connector.pace = Pace(seconds)

    # People and places

    def person(self, name: str, *, installed: bool = True, region: str = "amer", **more: Any) -> Person:
        """Take in a person: `tenant` (another one), `guest`, `locale`, `timezone`. `installed`: they have the app."""
        person = Person(self, self.workspace.add_member(name, **more), installed=installed)
        person.chat.region = region
        return person

    def group(self, name: str, *people: Person, installed: bool = True) -> Room:
        """Make a group chat of these people, with the app in it."""
        return self.workspace.add_group(name, *(person.id for person in people), installed=installed)

    def team(self, name: str, *people: Person, installed: bool = True) -> TeamOf:
        """Make a team of these people, with the app in it."""
        team = self.workspace.add_team(name, *(person.id for person in people))
        return TeamOf(self.workspace, team, installed=installed)

    def reads(self, room: Room, root: str, who: str) -> list[Read]:
        """Return what somebody reads in a conversation."""
        began = self.connector.ticks() - self.connector.stream_seconds
        return reads(self.workspace, room, root, who, broken_after=began)

    def calls_of(self, name: str) -> list[Call]:
        """Return the calls of an operation ('send', 'update', 'delete', 'create', 'member' ...), oldest first."""
        return [call for call in self.calls if call.name == name]

    def forget(self) -> None:
        """Forget all calls, deliveries and messages: for tests that count what somebody else remembers."""
        self.calls.clear()
        self.lines.deliveries.clear()
        self.dropped.clear()
        for room in self.workspace.rooms.values():
            room.messages.clear()

    def end_streams(self) -> None:
        """Let the two minutes of all streams be over."""
        for room in self.workspace.rooms.values():
            for message in room.messages.values():
                if message.stream and message.stream.state == "streaming":
                    message.stream.state = "broken"

    def end_downloads(self) -> None:
        """Let the addresses of all files be too old."""
        for download in self.workspace.downloads.values():
            download.until = 0.0

    # Trouble

    def fail(
        self,
        what: str = "",
        *,
        left: int = 1,
        status: int = 0,
        code: str = "",
        retry_after: float = 0.0,
        delay: float = 0.0,
        drop: bool = False,
        done: bool = False,
        when: Callable[[JSON], bool] | None = None,
        late: float = 0.0,
    ) -> Trouble:
        """Have the next `left` calls go wrong; -1: all from now on.

        `what`: an operation ('send'), a verb ('POST'), or part of a path with a slash; '' any. `status`, `code`: what
        is answered, `retry_after`: a 429 if nothing else. `delay`: seconds before it is done; alone, it is done and
        answered, late; with `late` it is done, and answered so many seconds later. `drop`: it is done, but the
        connection ends without an answer. `done`: it is done all the same. `when`: only for such bodies.
        """
        trouble = Trouble(what, left, status, code, retry_after, delay, drop, done or drop, when, late)
        self._troubles.append(trouble)
        return trouble

    def heal(self) -> None:
        """End all trouble."""
        self._troubles.clear()
        self.identity.heal()

    # Telling the app

    async def tell(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver these, all at the same moment."""
        await asyncio.gather(*(self.lines.deliver(one) for one in deliveries))

    async def again(self, done: Done, *, times: int = 1) -> None:
        """Deliver once more what somebody did, `times` at the same moment."""
        await self.tell([delivery for delivery in done.deliveries for _ in range(times)])

    # The Connector

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        region, rest = request.match_info["region"], request.match_info["rest"]
        path = re.sub(r"^([0-9a-f-]{36}/)?v3/", "", rest)
        asked = operation(request.method, path) if region in REGIONS and path != rest else None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        body = await _body(request)
        call = Call(time.monotonic(), asked.name if asked else "", request.method, request.path, body, token)
        self.calls.append(call)
        trouble = next((one for one in self._troubles if one.meets(call)), None)
        if trouble:
            trouble.left -= 1
            await asyncio.sleep(trouble.delay)
        try:
            answer = self._answer(request, call, asked, trouble)
            await asyncio.sleep(trouble.late if trouble else 0)
            return answer
        except Refused as refused:
            call.status, call.answer = refused.status, refused.body
            if refused.body is None:
                return web.Response(status=refused.status, headers=refused.headers)
            return web.json_response(refused.body, status=refused.status, headers=refused.headers)

    def _answer(
        self, request: web.Request, call: Call, asked: Operation | None, trouble: Trouble | None
    ) -> web.StreamResponse:
        """Do what was asked, unless it goes wrong, and answer. Raises `Refused`."""
        wrong = trouble if trouble and trouble.goes_wrong else None
        if wrong and not wrong.done:
            raise wrong.refusal()
        status, answer = self._done(call, asked, dict(request.query))
        if wrong and wrong.drop:
            assert request.transport
            request.transport.abort()
            return web.Response()
        if wrong:
            raise wrong.refusal()
        call.status, call.answer = status, answer
        if isinstance(answer, tuple):
            return web.Response(body=answer[1], content_type=answer[0])
        return web.Response(status=status) if answer is None else web.json_response(answer, status=status)

    def _done(self, call: Call, asked: Operation | None, query: JSON) -> tuple[int, Any]:
        if not self.identity.takes(call.token):
            raise Refused(401, body=_DENIED)
        if asked is None:
            raise Refused(404)
        if isinstance(call.body, ValueError):
            raise Refused(400, "BadSyntax", "Could not parse the body as JSON")
        self._in_pace(asked, call.at)
        return perform(self.connector, asked, call.body, query)

    def _in_pace(self, asked: Operation, at: float) -> None:
        if not self.pace or asked.name != "send":
            return
        if at < self._sent.get(asked.ids[0], 0.0) + self.pace:
            raise Refused(429, "Throttled", "Too many requests.", retry_after=1.0)
        self._sent[asked.ids[0]] = at

    # Files

    async def _download(self, request: web.Request) -> web.Response:
        """Give a file's bytes; who sends a token along is refused, and noted."""
        download = self.workspace.downloads.get(request.match_info["file"])
        if "Authorization" in request.headers:
            self.leaks.append(request.path)
            return web.json_response({"error_description": "Unsupported security token."}, status=401)
        if download is None:
            return web.Response(status=404)
        if download.until < self.workspace.clock():
            return web.Response(status=401, text="The tempauth token has expired.")
        download.fetched += 1
        return web.Response(body=download.content, content_type=download.type)

    async def _upload(self, request: web.Request) -> web.Response:
        """Take a piece of a file, by Content-Range, as OneDrive's upload sessions do."""
        upload = self.workspace.uploads.get(request.match_info["place"])
        content = await request.read()
        if "Authorization" in request.headers:
            self.leaks.append(request.path)
            return web.Response(status=401)
        if upload is None or upload.size == len(upload.content):
            return web.json_response({"error": {"code": "itemNotFound"}}, status=404)
        found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", request.headers.get("Content-Range", ""))
        if not found:
            return web.json_response({"error": {"code": "invalidRequest"}}, status=400)
        first, last, size = (int(number) for number in found.groups())
        if first != len(upload.content) or last - first + 1 != len(content) or last >= size:
            return web.json_response({"error": {"code": "invalidRange"}}, status=416)
        upload.size, upload.content = size, upload.content + content
        if last + 1 < size:
            return web.json_response({"nextExpectedRanges": [f"{last + 1}-"]}, status=202)
        return web.json_response({"id": request.match_info["place"], "name": upload.name, "size": size}, status=201)


async def _body(request: web.Request) -> Any:
    """Return the JSON of a request, None without one, or the error it makes."""
    content = await request.read()
    try:
        return json.loads(content) if content else None
    except ValueError as error:
        return error
