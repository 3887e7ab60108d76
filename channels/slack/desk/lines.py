"""What is said, as operators read it below a card in Slack: the transcript, and each line after it. Pure."""

from collections.abc import Sequence

from channels.desk.words import LONGER, cut, one_line, remarks, shortened, writer
from channels.slack.desk.blocks import (
    JSON,
    PIECE,
    Post,
    context,
    flat,
    mrkdwn,
    option,
    overflow,
    rich,
    section,
    when,
    words,
)
from core.case import Case
from core.ids import CaseId
from core.messages import Author, Message

_MOST_BLOCKS = 45  # of Slack's 50
_MOST_WORDS = 11_000  # of the 13,200 characters that Slack takes in all blocks of a message
_LONGEST = 4_000  # of one message in the transcript


def transcript(said: Sequence[Message]) -> list[Post]:
    """Return what was said so far, in as few posts as Slack allows."""
    return _posts([_spoken(message, f"{n}", longest=_LONGEST) for n, message in enumerate(said)])


def line(case: Case, message: Message) -> list[Post]:
    """Return a message as posts for the case's thread; the first is brought in line when the message changes."""
    return _posts([_spoken(message, "0", case=case.id)])


def _spoken(message: Message, n: str, *, longest: int = 0, case: CaseId | None = None) -> list[JSON]:
    who = context(one_line(writer(message), 250), mrkdwn(when(message.at)), block_id=f"who-{n}")
    text = shortened(message.text, longest) if longest else message.text
    marks = remarks(message)
    pieces = [] if message.withdrawn or not text else cut(text, PIECE)[0]
    shown = [rich(section(words(piece)), block_id=f"words-{n}-{m}") for m, piece in enumerate(pieces) if piece]
    if longest and len(message.text) > longest:
        marks.append(LONGER)
    below = [context(*marks, block_id=f"marks-{n}")] if marks else []
    mine = case and message.author is Author.OPERATOR and not message.withdrawn
    return [who, *shown, *below, *([_own(case, message)] if case and mine else [])]


def _own(case: CaseId, message: Message) -> JSON:
    """What the writer of a line may do with it here: Slack lets nobody edit what the app has posted for them."""
    named = f"{case} {message.id}"
    options = [option("Correct it", f"correct {named}"), option("Withdraw it", f"withdraw {named}")]
    return {"type": "actions", "block_id": "own", "elements": [overflow(options)]}


def _posts(spoken: Sequence[list[JSON]]) -> list[Post]:
    """Put messages together into posts; one that is too long for a post goes on in the next."""
    posts: list[list[JSON]] = []
    room, left = 0, 0
    for block in (block for blocks in spoken for block in blocks):
        size = length(block)
        if not posts or not room or size > left:
            posts.append([])
            room, left = _MOST_BLOCKS, _MOST_WORDS
        posts[-1].append(block)
        room, left = room - 1, left - size
    return [Post(flat(_read(blocks)), blocks) for blocks in posts]


def length(part: object) -> int:
    """Return the number of characters that Slack shows of blocks or a piece of them."""
    if isinstance(part, dict):
        return sum(
            len(value) if name == "text" and isinstance(value, str) else length(value) for name, value in part.items()
        )
    return sum(map(length, part)) if isinstance(part, list) else 0


def _read(blocks: Sequence[JSON]) -> str:
    """Return the words of blocks that were said, for a notification."""
    shown = []
    for block in blocks:
        name = str(block.get("block_id"))
        if name.startswith("words-"):
            shown.append(str(block["elements"][0]["elements"][0]["text"]))
        elif name.startswith(("who-", "marks-")):
            shown.append(
                f"{block['elements'][0]['text']}:" if name.startswith("who-") else block["elements"][0]["text"]
            )
    return "\n".join(shown)
