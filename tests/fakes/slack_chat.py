"""Posting, changing and streaming in the fake Slack: the chat.* methods. Words of refusal are those of docs.slack.dev.

Where live workspaces do otherwise than the pages say, it is said at that place. `slack_methods` has the rest.
"""

import re
import time
from typing import Any

from tests.fakes.slack_blocks import MOST_BLOCKS, MOST_MARKDOWN, complaints_of_message, too_long
from tests.fakes.slack_calls import flag, method, needs
from tests.fakes.slack_workspace import BOT_USER, Post, Refused, Room, Workspace

JSON = dict[str, Any]

MOST_TEXT = 40_000
MOST_UPDATE = 4_000
_URL = re.compile(r"https?://[^\s<>|'\"]+")
_TS = re.compile(r"\d{10}\.\d{6}")

# Posting


def _content(arguments: JSON) -> tuple[str, list[JSON], str | None]:
    """Return text, blocks and Markdown of a post. Raises `Refused` for what Slack would not show."""
    text, blocks, markdown = arguments.get("text") or "", arguments.get("blocks"), arguments.get("markdown_text")
    if markdown is not None and (text or blocks):
        raise Refused("markdown_text_conflict")
    if not (text or blocks or markdown or arguments.get("attachments")):
        raise Refused("no_text")
    if markdown is not None and len(markdown) > MOST_MARKDOWN:
        raise Refused("msg_too_long")
    check_blocks(blocks)
    return text, list(blocks or []), markdown


def check_blocks(blocks: Any) -> None:
    if blocks is None:
        return
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    complaints = complaints_of_message(blocks)
    if complaints:
        messages = [f"[ERROR] {complaint}" for complaint in complaints]
        raise Refused("invalid_blocks", errors=complaints, response_metadata={"messages": messages})
    if too_long(blocks):
        raise Refused("msg_blocks_too_long")


def _metadata(arguments: JSON) -> JSON | None:
    metadata = arguments.get("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or metadata.keys() - {"event_type", "event_payload"}:
        raise Refused("invalid_metadata_schema")
    return metadata


def where(workspace: Workspace, arguments: JSON) -> tuple[Room, str]:
    """Return the channel and the thread of a post; a person's id stands for their direct messages."""
    needs(arguments, "channel")
    channel = str(arguments["channel"])
    if channel in workspace.members:
        channel = workspace.dm(channel).id
    room = workspace.room(channel, to_write=True)
    thread = str(arguments.get("thread_ts") or "")
    if thread and not _TS.fullmatch(thread):
        raise Refused("invalid_thread_ts")
    root = room.at(thread)
    if root and (root.thread_ts or root.subtype == "channel_join"):
        raise Refused("cannot_reply_to_message")
    return room, thread


@method("chat.postMessage", "chat:write")
def _post_message(workspace: Workspace, arguments: JSON) -> JSON:
    room, thread = where(workspace, arguments)
    text, blocks, markdown = _content(arguments)
    post = Post(room.id, workspace.ts(), BOT_USER, text[:MOST_TEXT], thread, bot=True, blocks=blocks)
    post.markdown, post.metadata, post.mrkdwn = (
        markdown,
        _metadata(arguments),
        flag(arguments.get("mrkdwn"), usual=True),
    )
    post.attachments = list(arguments.get("attachments") or [])
    workspace.post(post)
    quiet = "unfurl_links" in arguments and "unfurl_media" in arguments
    previews = not quiet or flag(arguments["unfurl_links"]) or flag(arguments["unfurl_media"])
    if previews and (found := _URL.search(f"{text} {blocks} {markdown}")):
        workspace.preview(post, found[0])
    workspace.statuses.pop((room.id, thread), None)
    return {"channel": room.id, "ts": post.ts, "message": workspace.payload(post, metadata=True)}


@method("chat.postEphemeral", "chat:write")
def _post_ephemeral(workspace: Workspace, arguments: JSON) -> JSON:
    room, thread = where(workspace, arguments)
    needs(arguments, "user")
    text, blocks, markdown = _content(arguments)
    if arguments["user"] not in room.members:
        raise Refused("user_not_in_channel")
    post = Post(room.id, workspace.ts(), BOT_USER, text[:MOST_TEXT], thread, bot=True, blocks=blocks)
    post.markdown, post.only_for = markdown, arguments["user"]
    workspace.post(post)
    return {"message_ts": post.ts}


def _own(workspace: Workspace, arguments: JSON, error: str) -> Post:
    needs(arguments, "channel", "ts")
    post = workspace.find(arguments["channel"], arguments["ts"])
    if not post.bot:
        raise Refused(error)
    return post


@method("chat.update", "chat:write")
def _update(workspace: Workspace, arguments: JSON) -> JSON:
    post = _own(workspace, arguments, "cant_update_message")
    if workspace.rooms[post.channel].archived:
        raise Refused("is_inactive")
    if _streams(post):
        raise Refused("streaming_state_conflict")
    text, blocks, markdown = _content(arguments)
    if len(text) > MOST_UPDATE:
        raise Refused("msg_too_long")
    fields: JSON = {"text": text, "markdown": markdown, "blocks": blocks}
    if "blocks" not in arguments:
        fields["edited"] = workspace.ts()
        if "text" not in arguments and markdown is None:
            del fields["blocks"]
    if "metadata" in arguments:
        fields["metadata"] = _metadata(arguments) if arguments["metadata"] else None
    workspace.change(post, **fields)
    return {"channel": post.channel, "ts": post.ts, "text": text, "message": workspace.payload(post, metadata=True)}


@method("chat.delete", "chat:write")
def _delete(workspace: Workspace, arguments: JSON) -> JSON:
    post = _own(workspace, arguments, "cant_delete_message")
    workspace.delete(post)
    return {"channel": post.channel, "ts": post.ts}


@method("chat.getPermalink")
def _get_permalink(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "channel", "message_ts")
    post = workspace.find(arguments["channel"], arguments["message_ts"])
    thread = f"?thread_ts={post.thread_ts}&cid={post.channel}" if post.thread_ts else ""
    link = f"https://larkfield.slack.com/archives/{post.channel}/p{post.ts.replace('.', '')}{thread}"
    return {"channel": post.channel, "permalink": link}


# Streams


def _streams(post: Post) -> bool:
    return post.streams_until > time.monotonic()


def _piece(arguments: JSON) -> str:
    """Return the Markdown that a call adds to a stream."""
    text = arguments.get("markdown_text") or ""
    for chunk in arguments.get("chunks") or ():
        if not isinstance(chunk, dict) or chunk.get("type") not in {"markdown_text", "task_update", "plan_update"}:
            raise Refused("invalid_chunks")
        if chunk["type"] == "markdown_text":
            text += chunk["text"]
    if len(text) > MOST_MARKDOWN:
        raise Refused("msg_too_long")
    return str(text)


@method("chat.startStream", "chat:write")
def _start_stream(workspace: Workspace, arguments: JSON) -> JSON:
    needs(arguments, "thread_ts")
    room, thread = where(workspace, arguments)
    # The documentation asks for these in channels only; bots are refused without them in direct messages too.
    for name in ("recipient_team_id", "recipient_user_id"):
        if not arguments.get(name):
            raise Refused(f"missing_{name}")
    if arguments["recipient_user_id"] not in workspace.members:
        raise Refused("user_not_found")
    post = Post(room.id, workspace.ts(), BOT_USER, "", thread, bot=True, markdown=_piece(arguments))
    post.text, post.streams_until = post.markdown or "", time.monotonic() + workspace.stream_seconds
    workspace.post(post)
    workspace.statuses.pop((room.id, thread), None)
    return {"channel": room.id, "ts": post.ts}


def _streaming(workspace: Workspace, arguments: JSON) -> Post:
    needs(arguments, "channel", "ts")
    workspace.room(arguments["channel"], to_write=True)
    post = workspace.find(arguments["channel"], arguments["ts"])
    if not post.bot:
        raise Refused("message_not_owned_by_app")
    if post.streams_until < 0:
        raise Refused("stopped_by_user")
    if not _streams(post):
        raise Refused("message_not_in_streaming_state")
    return post


@method("chat.appendStream", "chat:write")
def _append_stream(workspace: Workspace, arguments: JSON) -> JSON:
    post = _streaming(workspace, arguments)
    piece = _piece(arguments)
    if not piece and not arguments.get("chunks"):
        raise Refused("no_text")
    post.markdown = (post.markdown or "") + piece
    post.text = post.markdown
    return {"channel": post.channel, "ts": post.ts}


@method("chat.stopStream", "chat:write")
def _stop_stream(workspace: Workspace, arguments: JSON) -> JSON:
    post = _streaming(workspace, arguments)
    piece, blocks = (post.markdown or "") + _piece(arguments), arguments.get("blocks") or []
    check_blocks(blocks)
    if too_long([{"text": piece}, *blocks]):
        raise Refused("msg_blocks_too_long")
    if len(blocks) > MOST_BLOCKS:
        raise Refused("msg_blocks_too_many")
    metadata = _metadata(arguments)
    post.streams_until = 0.0
    workspace.change(post, markdown=piece, text=piece, blocks=blocks, metadata=metadata)
    return {"channel": post.channel, "ts": post.ts, "message": workspace.payload(post, metadata=True)}
