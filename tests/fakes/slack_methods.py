"""The methods of the fake Slack's Web API beside chat.*: what each takes, changes and answers, and how it refuses.

`slack_server` reads the request, checks token and scopes, and calls `METHODS[name](workspace, arguments)`. Two things
of its own are among the arguments: `url`, where it stands, and `scopes`, what the token may. Words of refusal are those
of docs.slack.dev (each method's page).
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.slack_blocks import complaints_of_view
from tests.fakes.slack_calls import METHODS, SCOPES, flag, invalid, method, needs
from tests.fakes.slack_chat import check_blocks, where
from tests.fakes.slack_workspace import BOT, BOT_USER, TEAM, Post, Refused, Room, Upload, View, Workspace

__all__ = ["METHODS", "SCOPES"]

JSON = dict[str, Any]

TRIGGER_SECONDS = 3.0
_HISTORY = {"channel": "channels:history", "group": "groups:history", "im": "im:history", "mpim": "mpim:history"}
_READ = {"channel": "channels:read", "group": "groups:read", "im": "im:read", "mpim": "mpim:read"}


@method("auth.test")
def _auth_test(workspace: Workspace, arguments: JSON) -> JSON:
    return {
        "url": "https://larkfield.slack.com/",
        "team": "Larkfield",
        "user": "threadline",
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "is_enterprise_install": False,
    }


# Conversations and people


def _allowed(room: Room, arguments: JSON, scopes: Mapping[str, str] = _HISTORY) -> None:
    """Check the scope, which depends on what kind of conversation it is."""
    needed = scopes[room.kind]
    if needed not in arguments["scopes"]:
        raise Refused("missing_scope", needed=needed, provided=",".join(sorted(arguments["scopes"])))


def _pages(items: Sequence[JSON], arguments: JSON, name: str, most: int) -> JSON:
    start = int(arguments.get("cursor") or 0)
    size = min(int(arguments.get("limit") or 100), most)
    more = str(start + size) if start + size < len(items) else ""
    return {
        name: list(items[start : start + size]),
        "has_more": bool(more),
        "response_metadata": {"next_cursor": more},
    }


def _between(posts: Sequence[Post], arguments: JSON) -> list[Post]:
    oldest, latest = str(arguments.get("oldest") or "0"), str(arguments.get("latest") or "9999999999")
    edges = flag(arguments.get("inclusive"))
    within = [post for post in posts if oldest <= post.ts <= latest]
    return [post for post in within if edges or post.ts not in (oldest, latest)]


@method("conversations.history")
def _history(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "channel")
    room = workspace.room(arguments["channel"], member=True)
    _allowed(room, arguments)
    posts = [post for post in room.posts if not post.thread_ts and not post.only_for]
    metadata = flag(arguments.get("include_all_metadata"))
    shown = [workspace.payload(post, metadata=metadata) for post in reversed(_between(posts, arguments))]
    return _pages(shown, arguments, "messages", 999)


@method("conversations.replies")
def _replies(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "channel", "ts")
    room = workspace.room(arguments["channel"], member=True)
    _allowed(room, arguments)
    named = room.at(arguments["ts"])
    if named is None:
        raise Refused("thread_not_found")
    posts = workspace.thread(room.id, named.root)
    metadata = flag(arguments.get("include_all_metadata"))
    shown = [post for post in _between(posts, arguments) if post.ts != named.root]
    root = [post for post in posts if post.ts == named.root]
    return _pages([workspace.payload(post, metadata=metadata) for post in [*root, *shown]], arguments, "messages", 999)


@method("conversations.info", "channels:read", "groups:read", "im:read", "mpim:read")
def _info(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "channel")
    room = workspace.room(arguments["channel"])
    _allowed(room, arguments, _READ)
    return {"channel": room.payload()}


@method("conversations.members", "channels:read", "groups:read", "im:read", "mpim:read")
def _members(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "channel")
    room = workspace.room(arguments["channel"])
    _allowed(room, arguments, _READ)
    members: Any = room.members
    return _pages(members, arguments, "members", 1000)


@method("conversations.open", "im:write", "mpim:write")
def _open(workspace: Workspace, arguments: JSON) -> JSON:
    if arguments.get("channel"):
        return {"channel": {"id": workspace.room(arguments["channel"]).id}}
    users = str(arguments.get("users") or "").split(",")
    if users == [""]:
        raise Refused("users_list_not_supplied")
    for user in users:
        if user not in workspace.members:
            raise Refused("user_not_found")
        if workspace.members[user].deleted:
            raise Refused("user_disabled")
        if workspace.members[user].is_bot:
            raise Refused("cannot_dm_bot")
    room = workspace.dm(users[0]) if len(users) == 1 else workspace.add_room("mpdm", *users, kind="mpim")
    return {"channel": {"id": room.id}}


@method("users.info", "users:read")
def _user_info(workspace: Workspace, arguments: JSON) -> JSON:
    member = workspace.members.get(str(arguments.get("user")))
    if member is None:
        raise Refused("user_not_found")
    return {"user": member.payload(with_email="users:read.email" in arguments["scopes"])}


@method("users.conversations", "channels:read", "groups:read", "im:read", "mpim:read")
def _conversations(workspace: Workspace, arguments: JSON) -> JSON:
    names = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
    kinds = {names[name.strip()] for name in str(arguments.get("types") or "public_channel").split(",")}
    user = arguments.get("user") or BOT_USER
    rooms = [room for room in workspace.rooms.values() if user in room.members and room.kind in kinds]
    if flag(arguments.get("exclude_archived")):
        rooms = [room for room in rooms if not room.archived]
    return _pages([room.payload() for room in rooms], arguments, "channels", 999)


# Reactions


def _reacted(workspace: Workspace, arguments: JSON) -> list[str]:
    needs(arguments, "name", "channel", "timestamp")
    workspace.room(arguments["channel"], to_write=True)
    post = workspace.find(arguments["channel"], arguments["timestamp"])
    if not re.fullmatch(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?", arguments["name"]):
        raise Refused("invalid_name")
    return post.reactions.setdefault(arguments["name"], [])


@method("reactions.add", "reactions:write")
def _add_reaction(workspace: Workspace, arguments: JSON) -> JSON:
    users = _reacted(workspace, arguments)
    if BOT_USER in users:
        raise Refused("already_reacted")
    users.append(BOT_USER)
    return {}


@method("reactions.remove", "reactions:write")
def _remove_reaction(workspace: Workspace, arguments: JSON) -> JSON:
    users = _reacted(workspace, arguments)
    if BOT_USER not in users:
        raise Refused("no_reaction")
    users.remove(BOT_USER)
    return {}


# Views


def _view(workspace: Workspace, arguments: JSON, kind: str) -> JSON:
    view = arguments.get("view")
    complaints = complaints_of_view(view)
    if complaints:
        messages = [f"[ERROR] {complaint}" for complaint in complaints]
        raise Refused("invalid_arguments", response_metadata={"messages": messages})
    assert isinstance(view, dict)
    if view["type"] != kind:
        raise invalid(f"must be {kind} [json-pointer:/view/type]")
    if len(str(view)) > 250_000:
        raise Refused("view_too_large")
    return view


@method("views.open")
def _open_view(workspace: Workspace, arguments: JSON) -> JSON:
    view = _view(workspace, arguments, "modal")
    user, since = workspace.triggers.get(str(arguments.get("trigger_id")), ("", 0.0))
    if not user:
        raise Refused("invalid_trigger_id")
    if since < 0:
        raise Refused("exchanged_trigger_id")
    if time.monotonic() - since > TRIGGER_SECONDS:
        raise Refused("expired_trigger_id")
    workspace.triggers[arguments["trigger_id"]] = (user, -1.0)
    opened = View(workspace.id("V"), user, view, workspace.ts())
    workspace.views[opened.id] = opened
    return {"view": opened.payload()}


@method("views.update")
def _update_view(workspace: Workspace, arguments: JSON) -> JSON:
    view = _view(workspace, arguments, "modal")
    found = workspace.views.get(str(arguments.get("view_id")))
    if found is None:
        raise Refused("not_found")
    if arguments.get("hash") not in (None, found.hash):
        raise Refused("hash_conflict")
    found.view, found.hash = view, workspace.ts()
    return {"view": found.payload()}


@method("views.publish")
def _publish(workspace: Workspace, arguments: JSON) -> JSON:
    view, user = _view(workspace, arguments, "home"), str(arguments.get("user_id"))
    if user not in workspace.members:
        raise Refused("user_not_found")
    home = workspace.homes.setdefault(user, View(workspace.id("V"), user, view, workspace.ts()))
    if arguments.get("hash") not in (None, home.hash):
        raise Refused("hash_conflict")
    home.view, home.hash = view, workspace.ts()
    return {"view": home.payload()}


# The agent view


@method("assistant.threads.setStatus", "assistant:write", "chat:write")
def _set_status(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "channel_id", "thread_ts")
    room = workspace.room(arguments["channel_id"], to_write=True)
    if room.at(arguments["thread_ts"]) is None:
        raise Refused("invalid_thread_ts")
    place = (room.id, arguments["thread_ts"])
    if arguments.get("status"):
        workspace.statuses[place] = arguments["status"]
    else:
        workspace.statuses.pop(place, None)
    return {}


@method("assistant.threads.setSuggestedPrompts", "assistant:write")
def _set_prompts(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "channel_id", "prompts")
    room = workspace.room(arguments["channel_id"], to_write=True)
    prompts = arguments["prompts"]
    built = isinstance(prompts, list) and all(
        isinstance(one, dict) and one.keys() == {"title", "message"} for one in prompts
    )
    if not built or not 1 <= len(prompts) <= 4:
        raise invalid("prompts [json-pointer:/prompts]")
    workspace.prompts[room.id, str(arguments.get("thread_ts") or "")] = prompts
    return {}


# Files


@method("files.getUploadURLExternal", "files:write")
def _get_upload_url(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "filename")
    size = int(arguments.get("length") or 0)
    if size == 0:
        raise Refused("missing_argument")  # so for an empty file: Slack takes none
    file = workspace.id("F")
    url = f"{arguments['url']}/files-pri/{TEAM}-{file}/{len(arguments['filename'])}"
    upload = Upload(
        file, arguments["filename"], "application/octet-stream", b"", BOT_USER, url, size=size, uploaded=False
    )
    workspace.files[file] = upload
    return {"file_id": file, "upload_url": f"{arguments['url']}/upload/v1/{file}"}


@method("files.completeUploadExternal", "files:write")
def _complete_upload(workspace: Workspace, arguments: JSON) -> JSON:
    files = arguments.get("files")
    if not isinstance(files, list) or not files:
        raise invalid("files [json-pointer:/files]")
    uploads = [workspace.files.get(str(file.get("id"))) for file in files]
    if not all(upload and upload.uploaded for upload in uploads):
        raise Refused("file_not_found")
    if arguments.get("channel_id"):
        _share(workspace, arguments, [str(file["id"]) for file in files])
    return {"files": [{"id": file["id"], "title": file.get("title", "")} for file in files]}


def _share(workspace: Workspace, arguments: JSON, files: list[str]) -> None:
    room, thread = where(workspace, {**arguments, "channel": arguments["channel_id"]})
    blocks = arguments.get("blocks")
    check_blocks(blocks)
    post = Post(room.id, workspace.ts(), BOT_USER, arguments.get("initial_comment") or "", thread, bot=True)
    post.files, post.blocks, post.subtype = files, list(blocks or []), "file_share"
    workspace.post(post)


@method("files.info", "files:read")
def _file_info(workspace: Workspace, arguments: JSON) -> JSON:
    file = workspace.files.get(str(arguments.get("file")))
    if file is None:
        raise Refused("file_not_found")
    if file.deleted:
        raise Refused("file_deleted")
    return {"file": file.payload(), "comments": []}
