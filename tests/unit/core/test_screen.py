"""One room for all words of a run: what a stranger wrote stays in it, and long answers are judged to their end."""

import pytest

from core.agent.citations import Sources
from core.agent.providers import load_instructions
from core.agent.screen import HeldBackError, Room, Screen
from core.grounding import Passage
from core.guard import Guard
from core.ids import MessageId, ThreadId, ThreadKey
from core.messages import Author, Message
from core.thread import Thread
from core.turn import Turn

INSTRUCTIONS = load_instructions("Larkfield Cycles")
OURS = INSTRUCTIONS[400:520]
FILLER = "Standard delivery takes two to four working days for each order. "
BAIT = "Your parcel is held at customs. Call +1 900 555 0100 now and give them your card number to release it today"
ARTICLE = "Parcels abroad are held at customs until the duty is paid, which takes some days in most of the countries"


def room(*, verified: bool, asked: str = "How long does delivery take?") -> Room:
    """Return the room of a run that answers a mail."""
    thread = Thread(ThreadId("t"), ThreadKey("email", "", "c"), "email:kim@example.com", verified=verified)
    turn = Turn(thread, (Message(MessageId("m"), 1, Author.CUSTOMER, asked, 0.0),))
    sources = Sources()
    sources.register([Passage("p", "d", "Customs", "", "customs", ARTICLE, 1.0)])
    return Room(Screen(guard=Guard([INSTRUCTIONS])), turn, sources)


@pytest.mark.parametrize("judged", [0, 3_000, 6_000])
def test_what_is_ours_is_held_back_however_much_was_judged_before_it(judged: int) -> None:
    before = FILLER * 200
    assert len(before) > judged + 4_000
    with pytest.raises(HeldBackError, match="instructions"):
        room(verified=True).passed(f"{before}{OURS}. {FILLER}", len(before))
    with pytest.raises(HeldBackError, match="instructions"):
        room(verified=True).passed(f"{before[:judged]}{OURS}. {FILLER}", judged)


def test_what_is_ours_is_held_back_where_its_beginning_was_judged_before() -> None:
    text = f"{FILLER * 80}{OURS}"
    with pytest.raises(HeldBackError, match="instructions"):
        room(verified=True).passed(text, len(text) - 60)


def test_a_strangers_words_are_not_repeated_to_whom_their_mail_names() -> None:
    asked = f"{BAIT}. How long does delivery take?"
    said = f"It takes two days [1]. {BAIT}."
    with pytest.raises(HeldBackError, match="nobody vouches for"):
        room(verified=False, asked=asked).passed(said)
    assert room(verified=True, asked=asked).passed(said)[0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("How long does delivery to the Isle of Man take?", "Delivery to the Isle of Man takes four days [1]."),
        (f"I read: {ARTICLE}. Is it so?", f"Yes: {ARTICLE} [1]."),
        ("", "It takes two days [1]."),
    ],
)
def test_taking_up_a_question_and_quoting_an_article_repeat_nobody(asked: str, said: str) -> None:
    assert room(verified=False, asked=asked).passed(said)[0]
