"""People in the fake Slack: they write, edit, press buttons, fill in forms, as they do in Slack's client.

What they do changes the workspace, and the app is told by just the events that Slack would send it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from mimetypes import guess_type
from typing import Any, Protocol

from tests.fakes.slack_events import Ack, Delivery, Lines
from tests.fakes.slack_text import compose
from tests.fakes.slack_workspace import APP, BOT_USER, TEAM, Member, Post, Read, Room, Upload, View, Workspace

JSON = dict[str, Any]


@dataclass
class Done:
    """What somebody did: the post it made or changed, and what the app was told of it."""

    ts: str
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the app took all of it."""
        return all(delivery.ok for delivery in self.deliveries)

    @property
    def ack(self) -> Ack:
        """How the app took the last of it."""
        return self.deliveries[-1].acks[-1]

    @property
    def answer(self) -> Any:
        """What the app sent along with its 'ok'."""
        return self.ack.answer


class Slack(Protocol):
    """What people need of the server."""

    workspace: Workspace
    lines: Lines
    url: str

    async def tell(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver all of these."""
        ...

    def told(self, event: JSON, room: Room | None) -> Delivery | None:
        """Return the delivery of an event; None if the app has not subscribed to it, or is not there."""
        ...

    def quietly(self) -> Any:
        """Within it, changes of the workspace are collected and not delivered: a list of deliveries."""
        ...


class Person:
    """One person."""

    def __init__(self, slack: Slack, member: Member) -> None:
        self._slack = slack
        self._workspace = slack.workspace
        self._presses = count(1)
        self.member = member
        self.id = member.id

    @property
    def dm(self) -> str:
        """Their direct messages with the app."""
        return self._workspace.dm(self.id).id

    # Writing

    async def writes(
        self,
        channel: str,
        text: str,
        *,
        thread_ts: str = "",
        files: Sequence[tuple[str, bytes]] = (),
        mention: bool = False,
        forwards: Post | None = None,
        subtype: str = "",
        tell: bool = True,
    ) -> Done:
        """Write into a channel. `mention` the bot before the words; `<@U1>` is a mention if there is such a person.

        `subtype`: 'thread_broadcast', 'me_message'. With `tell` off the app is not told yet:
        `SlackServer.tell(done.deliveries)` does that, in any order.
        """
        typed = f"<@{BOT_USER}> {text}" if mention else text
        plain, blocks = compose(typed, self._workspace.members)
        room = self._workspace.rooms[channel]
        assert self.id in room.members, f"{self.member.name} is not in {room.name or room.id}"
        post = Post(channel, self._workspace.ts(), self.id, plain, thread_ts, blocks=blocks, team=self.member.team)
        post.files = [self._upload(room, name, content) for name, content in files]
        post.subtype = subtype or ("file_share" if files else "")
        if forwards:
            post.attachments = [self._forwarded(forwards)]
        return await self._changes(post.ts, lambda: self._workspace.post(post), tell=tell)

    def _upload(self, room: Room, name: str, content: bytes) -> str:
        file = self._workspace.id("F")
        kind = guess_type(name)[0] or "application/octet-stream"
        access = "check_file_info" if room.teams else ""
        url = f"{self._slack.url}/files-pri/{TEAM}-{file}/{len(name)}"
        self._workspace.files[file] = Upload(file, name, kind, content, self.id, url, access)
        return file

    def _forwarded(self, post: Post) -> JSON:
        files = [self._workspace.files[file].in_event() for file in post.files]
        return {
            "is_msg_unfurl": True,
            "is_share": True,
            "ts": post.ts,
            "author_id": post.user,
            "author_name": self._workspace.members[post.user].name,
            "channel_id": post.channel,
            "text": post.text,
            "fallback": post.text,
            "mrkdwn_in": ["text"],
            **({"files": files} if files else {}),
        }

    async def edits(self, channel: str, ts: str, text: str, *, tell: bool = True) -> Done:
        """Change what they wrote."""
        plain, blocks = compose(text, self._workspace.members)
        post = self._own(channel, ts)

        def change() -> None:
            self._workspace.change(post, text=plain, blocks=blocks, edited=self._workspace.ts())

        return await self._changes(ts, change, tell=tell)

    async def deletes(self, channel: str, ts: str, *, tell: bool = True) -> Done:
        """Delete what they wrote."""
        post = self._own(channel, ts)
        return await self._changes(ts, lambda: self._workspace.delete(post), tell=tell)

    def _own(self, channel: str, ts: str) -> Post:
        post = self._workspace.find(channel, ts)
        assert post.user == self.id, "people change only what is theirs"
        return post

    async def _changes(self, ts: str, change: Any, *, tell: bool) -> Done:
        with self._slack.quietly() as deliveries:
            change()
        done = Done(ts, deliveries)
        if tell:
            await self._slack.tell(done.deliveries)
        return done

    async def reacts(self, channel: str, ts: str, name: str) -> Done:
        """React to a message."""
        post = self._workspace.find(channel, ts)
        post.reactions.setdefault(name, []).append(self.id)
        item = {"type": "message", "channel": channel, "ts": ts}
        return await self._event({"type": "reaction_added", "user": self.id, "reaction": name, "item": item}, channel)

    def stops(self, channel: str, ts: str) -> None:
        """Stop an answer that grows."""
        self._workspace.find(channel, ts).streams_until = -1.0

    async def joins(self, channel: str) -> Done:
        """Join a channel."""
        room = self._workspace.rooms[channel]
        room.members.append(self.id)
        event = {
            "type": "member_joined_channel",
            "user": self.id,
            "channel": channel,
            "channel_type": "C",
            "team": TEAM,
        }
        done = await self._event(event, channel)
        line = Post(
            channel, self._workspace.ts(), self.id, f"<@{self.id}> has joined the channel", subtype="channel_join"
        )
        told = await self._changes(line.ts, lambda: self._workspace.post(line), tell=True)
        return Done(line.ts, [*done.deliveries, *told.deliveries])

    async def leaves(self, channel: str) -> None:
        """Leave a channel."""
        self._workspace.rooms[channel].members.remove(self.id)

    async def opens_home(self, tab: str = "home") -> Done:
        """Open the app: its home tab, or its messages tab."""
        event: JSON = {"type": "app_home_opened", "user": self.id, "channel": self.dm, "tab": tab}
        home = self._workspace.homes.get(self.id)
        return await self._event({**event, **({"view": home.payload()} if home and tab == "home" else {})}, self.dm)

    async def _event(self, event: JSON, channel: str) -> Done:
        told = self._slack.told({**event, "event_ts": self._workspace.ts()}, self._workspace.rooms.get(channel))
        done = Done(event.get("event_ts", ""), [told] if told else [])
        await self._slack.tell(done.deliveries)
        return done

    # Reading

    def sees(self, channel: str, root: str = "") -> list[Read]:
        """Return what they read in a thread or a channel, from the top, with what only they see."""
        return self._workspace.reads(channel, root, who=self.id)

    def whispers(self, channel: str, root: str = "") -> list[str]:
        """Return the words that only they were shown."""
        posts = [post for post in self._workspace.rooms[channel].posts if post.only_for == self.id]
        return [self._workspace.read(post).text for post in posts if not root or root == post.thread_ts]

    @property
    def home(self) -> View | None:
        """Their home tab."""
        return self._workspace.homes.get(self.id)

    @property
    def modal(self) -> View | None:
        """The form they have open, the newest."""
        return next((view for view in reversed(self._workspace.views.values()) if view.user == self.id), None)

    # Pressing

    async def presses(
        self,
        channel: str,
        ts: str,
        action_id: str,
        value: str = "",
        *,
        seen: Sequence[JSON] | None = None,
        tell: bool = True,
    ) -> Done:
        """Press what stands in a message; `value` tells which, where several have that action.

        `seen`: its blocks as an old screen still shows them.
        """
        posts = self._workspace.rooms[channel].posts
        [post] = [post for post in posts if post.ts == ts and post.only_for in {"", self.id}]
        message = {"user": post.user, "ts": ts} if post.only_for else self._workspace.payload(post)
        container = {"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": bool(post.only_for)}
        if post.thread_ts:
            container["thread_ts"] = post.thread_ts
        room = self._workspace.rooms[channel]
        where = {"id": channel, "name": "directmessage" if room.kind == "im" else room.name}
        about = {"container": container, "channel": where, "message": message, "state": {"values": {}}}
        blocks = self._workspace.payload(post).get("blocks", []) if seen is None else seen
        return await self._acts(about, blocks, action_id, value, channel, ts, tell=tell)

    async def presses_in_view(self, view: View, action_id: str, value: str = "") -> Done:
        """Press what stands in a home tab or a form."""
        shown = view.payload()
        about = {"container": {"type": "view", "view_id": view.id}, "view": shown}
        return await self._acts(about, shown["blocks"], action_id, value, self.dm, "", tell=True)

    async def _acts(
        self, about: JSON, blocks: Sequence[JSON], action_id: str, value: str, channel: str, ts: str, *, tell: bool
    ) -> Done:
        action = {**_action(blocks, action_id, value), "action_ts": self._workspace.ts()}
        payload = {**self._interaction("block_actions", channel, ts), **about, "actions": [action]}
        done = Done(ts, [Delivery("interactive", payload)])
        if tell:
            await self._slack.tell(done.deliveries)
        return done

    def _interaction(self, kind: str, channel: str, ts: str) -> JSON:
        name = self.member.name.lower()
        user = {"id": self.id, "username": name, "name": name, "team_id": self.member.team}
        return {
            "type": kind,
            "user": user,
            "api_app_id": APP,
            "token": "verification-token",
            "trigger_id": self._workspace.trigger(self.id),
            "team": {"id": TEAM, "domain": "larkfield"},
            "enterprise": None,
            "is_enterprise_install": False,
            "response_url": f"{self._slack.url}/actions/{self.id}/{channel}/{ts or '-'}",
        }

    async def submits(self, view: View, values: Mapping[str, Any]) -> Done:
        """Send a form; `values` by block_id or action_id. The form closes unless the app says otherwise."""
        state = _state(view.view["blocks"], values)
        shown = {**view.payload(), "state": {"values": state}}
        payload = {**self._interaction("view_submission", "", ""), "view": shown, "response_urls": []}
        del payload["response_url"]
        done = Done("", [Delivery("interactive", payload)])
        await self._slack.tell(done.deliveries)
        self._after_form(view, done.answer if isinstance(done.answer, dict) else {})
        return done

    def _after_form(self, view: View, answer: JSON) -> None:
        match answer.get("response_action"):
            case "errors":
                pass
            case "update" | "push":
                view.view = answer["view"]
            case _:
                self._workspace.views.pop(view.id, None)

    async def slash(self, command: str, text: str = "", *, channel: str = "") -> Done:
        """Type a command; `Done.answer` is what they are shown."""
        where = channel or self.dm
        payload = {
            "token": "verification-token",
            "team_id": TEAM,
            "team_domain": "larkfield",
            "channel_id": where,
            "channel_name": self._workspace.rooms[where].name or "directmessage",
            "user_id": self.id,
            "user_name": self.member.name.lower(),
            "command": command,
            "text": text,
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": f"{self._slack.url}/actions/{self.id}/{where}/-",
            "trigger_id": self._workspace.trigger(self.id),
        }
        done = Done("", [Delivery("slash_commands", payload)])
        await self._slack.tell(done.deliveries)
        return done


def _action(blocks: Sequence[JSON], action_id: str, value: str) -> JSON:
    """Return the action of pressing what has that id, and that value; AssertionError if it isn't there."""
    for block in blocks:
        for element in [*block.get("elements", ()), *([block["accessory"]] if "accessory" in block else ())]:
            found = element.get("action_id") == action_id and _pressed(element, value)
            if found:
                return {"action_id": action_id, "block_id": block["block_id"], "type": element["type"], **found}
    raise AssertionError(f"there is no {action_id} {value} to press in {[block.get('type') for block in blocks]}")


def _pressed(element: JSON, value: str) -> JSON | None:
    match element["type"]:
        case "button":
            if value in {"", element.get("value", "")}:
                return {"text": element["text"], **({"value": element["value"]} if "value" in element else {})}
        case "feedback_buttons":
            sides = [element["positive_button"], element["negative_button"]]
            return next(
                ({"text": side["text"], "value": side["value"]} for side in sides if side["value"] == value), None
            )
        case "static_select" | "overflow" | "radio_buttons":
            groups = element.get("option_groups") or [element]
            options = [option for group in groups for option in group["options"] if option["value"] == value]
            return {"selected_option": options[0]} if options else None
        case "users_select":
            return {"selected_user": value}
    return None


def _state(blocks: Sequence[JSON], values: Mapping[str, Any]) -> JSON:
    state: JSON = {}
    for at, block in enumerate(blocks):
        if block["type"] != "input":
            continue
        element, block_id = block["element"], block.get("block_id", f"x{at}")
        action = element.get("action_id", "action")
        given = values.get(block_id, values.get(action))
        entered = _entered(element, given)
        assert block.get("optional") or any(entered.values()), f"{block_id} has to be filled in"
        state[block_id] = {action: {"type": element["type"], **entered}}
    return state


def _entered(element: JSON, given: Any) -> JSON:
    match element["type"]:
        case "static_select" | "radio_buttons":
            groups = element.get("option_groups") or [element]
            options = {option["value"]: option for group in groups for option in group["options"]}
            assert given is None or given in options, f"{given} is none of {list(options)}"
            return {"selected_option": options[given] if given else element.get("initial_option")}
        case "checkboxes":
            return {"selected_options": [option for option in element["options"] if option["value"] in (given or ())]}
        case "users_select":
            return {"selected_user": given or element.get("initial_user")}
        case _:
            return {"value": element.get("initial_value") if given is None else given or None}
