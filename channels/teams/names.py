"""What Teams' names are in our words: conversations, people, activities. Pure; used by all of `channels.teams`.

A conversation is a personal chat, a group chat, or one thread of a channel, whose id then names its first message:
'19:...@thread.tacv2;messageid=1700000000000'. What the bot sends and reads there are activities.
"""

from core.ids import ThreadKey

CHANNEL = "teams"
_ROOT = ";messageid="


def key(tenant: str, conversation: str) -> ThreadKey:
    """Return the key of a conversation in the organisation `tenant`."""
    return ThreadKey(CHANNEL, tenant, conversation)


def channel_of(conversation: str) -> str:
    """Return the channel that a thread stands in; a chat is itself."""
    return conversation.partition(_ROOT)[0]


def root_of(conversation: str) -> str:
    """Return the id of a thread's first message; '' of a chat, or of a channel as a whole."""
    return conversation.partition(_ROOT)[2]


def thread_in(channel: str, root: str) -> str:
    """Return the thread that `root` begins in a channel."""
    return f"{channel_of(channel)}{_ROOT}{root}"


def person(tenant: str, user: str) -> str:
    """Return what a member of an organisation is called in our tables, as customer or as operator."""
    return f"{CHANNEL}:{tenant}/{user}"


def activity(conversation: str, one: str) -> str:
    """Return the one name of an activity: their ids are unique within a channel or a chat."""
    return f"{channel_of(conversation)}:{one}"


def platform_id(activities: list[str]) -> str:
    """Return the one name of all `activities` that a message became."""
    return ",".join(activities)


def activities(name: str) -> list[str]:
    """Return the activities that `platform_id` named, in their order."""
    return [one for one in name.split(",") if one]
