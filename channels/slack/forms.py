"""The form that asks why an answer did not help. Pure."""

import json
from typing import Any

from channels.slack.parse import Pressed
from core.ids import MessageId

REASON = "feedback:reason"


def why(press: Pressed, team: str, message: MessageId) -> dict[str, Any]:
    """Return the form; what it is about goes along in it and comes back with it."""
    about = {"team": team, "conversation": str(press.place), "message": message}
    field = {"type": "plain_text_input", "action_id": "reason", "multiline": True, "max_length": 2_000}
    return {
        "type": "modal",
        "callback_id": REASON,
        "private_metadata": json.dumps(about),
        "title": _plain("Thank you"),
        "submit": _plain("Send"),
        "close": _plain("Not now"),
        "blocks": [
            {
                "type": "input",
                "block_id": "reason",
                "optional": True,
                "label": _plain("What was missing or wrong?"),
                "element": field,
            }
        ],
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
