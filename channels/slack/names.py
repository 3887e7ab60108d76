"""What Slack's names are in our words: conversations, people, posts. Pure; used by all of `channels.slack`.

A conversation is a thread: 'C1:1700000000.000100' (its channel and the timestamp of its root), or 'D1', a direct
message channel as a whole where the agent view is off. A post is 'C1:1700000000.000200'.
"""

from dataclasses import dataclass
from typing import Self

from core.ids import ThreadKey

CHANNEL = "slack"


@dataclass(frozen=True, slots=True)
class Place:
    """Where posts of a conversation go: `root` is the thread's, '' for the channel itself."""

    channel: str
    root: str = ""

    def __str__(self) -> str:
        return f"{self.channel}:{self.root}" if self.root else self.channel

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str(place)` wrote."""
        channel, _, root = text.partition(":")
        return cls(channel, root)

    def key(self, team: str) -> ThreadKey:
        """Return the key of this conversation in the workspace `team`."""
        return ThreadKey(CHANNEL, team, str(self))


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that stands in Slack. Its channel and `ts` name it; `ts` is text, never a number."""

    channel: str
    ts: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.ts}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str(posted)` wrote."""
        channel, _, ts = text.partition(":")
        return cls(channel, ts)


def posted(platform_id: str) -> list[Posted]:
    """Return the posts that `platform_id` names, in their order; a long message has several."""
    return [Posted.parse(one) for one in platform_id.split(",") if one]


def platform_id(posts: list[Posted]) -> str:
    """Return the one name of all `posts`."""
    return ",".join(map(str, posts))


def person(team: str, user: str) -> str:
    """Return what a member of a workspace is called in our tables, as customer or as operator."""
    return f"{CHANNEL}:{team}/{user}"
