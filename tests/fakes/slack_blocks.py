"""What Slack accepts as blocks and views, as strictly as its documentation and its known refusals allow.

The fake Web API asks here before it posts anything. Each check yields complaints in Slack's own form, which say where:
"must be more than 0 characters [json-pointer:/blocks/0/text/text]". Limits are those of docs.slack.dev (Block Kit
reference); the one on the sum of all blocks is measured (github.com/slackapi/bolt-js/issues/2509), and that no text
element may be empty is what live workspaces answer. Where reports differ, this refuses.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

JSON = dict[str, Any]
Check = Callable[[Any, str], Iterator[str]]

MOST_BLOCKS = 50
MOST_IN_BLOCKS = 13_200
MOST_MARKDOWN = 12_000
MOST_IN_TABLE = 10_000
_URL = re.compile(r"(https?://[^\s/]|mailto:[^\s]|tel:[^\s])[^\s]*")


def complaints_of_message(blocks: Any) -> list[str]:
    """Return what is wrong with the blocks of a message; nothing, if it can be posted."""
    return list(_blocks(_ON_MESSAGE, MOST_BLOCKS)(blocks, "/blocks"))


def complaints_of_view(view: Any) -> list[str]:
    """Return what is wrong with a modal or a home tab."""
    if not isinstance(view, dict):
        return [_at("must be an object", "/view")]
    return list((_HOME if view.get("type") == "home" else _MODAL)(view, "/view"))


def too_long(blocks: Sequence[JSON]) -> bool:
    """Tell whether the words of all blocks together are more than a message holds."""
    return sum(map(_length, blocks)) > MOST_IN_BLOCKS


def _length(part: Any) -> int:
    if isinstance(part, dict):
        return sum(
            len(value) if key == "text" and isinstance(value, str) else _length(value) for key, value in part.items()
        )
    return sum(map(_length, part)) if isinstance(part, list) else 0


# Pieces of which the rules are made


def _at(complaint: str, where: str) -> str:
    return f"{complaint} [json-pointer:{where}]"


def _string(least: int, most: int) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield _at("must provide a string", where)
        elif len(value) < least:
            yield _at(f"must be more than {least - 1} characters", where)
        elif len(value) > most:
            yield _at(f"must be less than {most + 1} characters", where)

    return check


def _integer(least: int, most: int) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield _at("must provide an integer", where)
        elif not least <= value <= most:
            yield _at(f"must be between {least} and {most}", where)

    return check


def _flag(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, bool):
        yield _at("must provide a boolean", where)


def _address(value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, str) or len(value) > 3000 or not _URL.fullmatch(value):
        yield _at("must be a valid URL", where)


def _one_of(*values: object) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if value not in values:
            yield _at(f"must be a valid enum value: {', '.join(map(str, values))}", where)

    return check


def _list(item: Check, least: int, most: int) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield _at("must provide an array", where)
            return
        if len(value) < least:
            yield _at(f"no less than {least} items allowed", where)
        if len(value) > most:
            yield _at(f"no more than {most} items allowed", where)
        for at, each in enumerate(value):
            yield from item(each, f"{where}/{at}")

    return check


def _object(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    fields = {**required, **(optional or {})}

    def check(value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _at("must be an object", where)
            return
        for name in required.keys() - value.keys():
            yield _at(f"missing required field: {name}", where)
        for name, inner in value.items():
            if name in fields:
                yield from fields[name](inner, f"{where}/{name}")
            else:
                yield _at(f"invalid additional property: {name}", where)

    return check


def _typed(kinds: Mapping[str, Check]) -> Check:
    def check(value: Any, where: str) -> Iterator[str]:
        kind = str(value.get("type")) if isinstance(value, dict) else ""
        if kind in kinds:
            yield from kinds[kind]({name: inner for name, inner in value.items() if name != "type"}, where)
        else:
            yield _at(f"unsupported type: {kind}", f"{where}/type")

    return check


def _either(first: str, second: str, check: Check) -> Check:
    """One of two fields has to be there."""

    def both(value: Any, where: str) -> Iterator[str]:
        yield from check(value, where)
        if isinstance(value, dict) and not {first, second} & value.keys():
            yield _at(f"missing required field: {first} or {second}", where)

    return both


# Text, and what can be pressed


def _plain_fields(most: int) -> Check:
    return _object({"text": _string(1, most)}, {"emoji": _flag})


def _mrkdwn_fields(most: int) -> Check:
    return _object({"text": _string(1, most)}, {"verbatim": _flag})


def _plain(most: int) -> Check:
    return _typed({"plain_text": _plain_fields(most)})


def _any_text(most: int) -> Check:
    return _typed({"plain_text": _plain_fields(most), "mrkdwn": _mrkdwn_fields(most)})


_NAME = _string(1, 255)
_CONFIRM = _object(
    {"title": _plain(100), "text": _any_text(300), "confirm": _plain(30), "deny": _plain(30)},
    {"style": _one_of("primary", "danger")},
)
_OPTION = _object({"text": _any_text(75), "value": _string(1, 150)}, {"description": _any_text(75), "url": _address})
_GROUP = _object({"label": _plain(75), "options": _list(_OPTION, 1, 100)})
_ACTED = {"action_id": _NAME, "confirm": _CONFIRM, "focus_on_load": _flag}
_CHOSEN = {**_ACTED, "placeholder": _plain(150)}
_SIDE = _object({"text": _plain(75), "value": _string(1, 2000)}, {"accessibility_label": _string(1, 75)})
_WRITTEN = {
    **_CHOSEN,
    "initial_value": _string(0, 3000),
    "dispatch_action_config": _object({}, {"trigger_actions_on": _list(_NAME, 1, 2)}),
}
_IMAGE = _object(
    {"alt_text": _string(1, 2000)}, {"image_url": _address, "slack_file": _object({}, {"id": _NAME, "url": _address})}
)
_MENUS: dict[str, Check] = {
    "button": _object(
        {"text": _plain(75)},
        {
            "action_id": _NAME,
            "value": _string(1, 2000),
            "url": _address,
            "style": _one_of("primary", "danger"),
            "confirm": _CONFIRM,
            "accessibility_label": _string(1, 75),
        },
    ),
    "overflow": _object({"options": _list(_OPTION, 1, 5)}, _ACTED),
    "static_select": _either(
        "options",
        "option_groups",
        _object(
            {},
            {
                **_CHOSEN,
                "options": _list(_OPTION, 1, 100),
                "option_groups": _list(_GROUP, 1, 100),
                "initial_option": _OPTION,
            },
        ),
    ),
    "users_select": _object({}, {**_CHOSEN, "initial_user": _NAME}),
    "conversations_select": _object(
        {}, {**_CHOSEN, "initial_conversation": _NAME, "default_to_current_conversation": _flag}
    ),
    "channels_select": _object({}, {**_CHOSEN, "initial_channel": _NAME}),
    "radio_buttons": _object({"options": _list(_OPTION, 1, 10)}, {**_ACTED, "initial_option": _OPTION}),
    "checkboxes": _object({"options": _list(_OPTION, 1, 10)}, {**_ACTED, "initial_options": _list(_OPTION, 1, 10)}),
    "datepicker": _object({}, {**_CHOSEN, "initial_date": _NAME}),
}
_INPUTS: dict[str, Check] = {
    **{kind: check for kind, check in _MENUS.items() if kind not in {"button", "overflow"}},
    "plain_text_input": _object(
        {}, {**_WRITTEN, "multiline": _flag, "min_length": _integer(0, 3000), "max_length": _integer(1, 3000)}
    ),
    "email_text_input": _object({}, _WRITTEN),
    "url_text_input": _object({}, _WRITTEN),
    "number_input": _object({"is_decimal_allowed": _flag}, _WRITTEN),
}

# Rich text

_MARKED = {"bold": _flag, "italic": _flag, "strike": _flag, "code": _flag, "underline": _flag}
_CALLED = {
    **dict.fromkeys(("bold", "italic", "strike"), _flag),
    "highlight": _flag,
    "client_highlight": _flag,
    "unlink": _flag,
}
_TEXT = _object({"text": _string(1, 40_000)}, {"style": _object({}, _MARKED)})
_LINK = _object({"url": _address}, {"text": _string(1, 40_000), "unsafe": _flag, "style": _object({}, _MARKED)})
_CALL = {"style": _object({}, _CALLED)}
_INLINE = _typed(
    {
        "text": _TEXT,
        "link": _LINK,
        "emoji": _object(
            {"name": _NAME}, {"unicode": _NAME, "skin_tone": _integer(1, 6), "style": _object({}, _CALLED)}
        ),
        "user": _object({"user_id": _NAME}, _CALL),
        "usergroup": _object({"usergroup_id": _NAME}, _CALL),
        "channel": _object({"channel_id": _NAME}, _CALL),
        "broadcast": _object({"range": _one_of("here", "channel", "everyone")}, _CALL),
        "date": _object(
            {"timestamp": _integer(0, 2**33), "format": _NAME}, {"url": _address, "fallback": _NAME, **_CALL}
        ),
        "color": _object({"value": _NAME}),
    }
)
_BORDER = {"border": _one_of(0, 1)}
_SECTION = _object({"elements": _list(_INLINE, 1, 10_000)})
_RICH = _typed(
    {
        "rich_text_section": _SECTION,
        "rich_text_list": _object(
            {
                "style": _one_of("bullet", "ordered"),
                "elements": _list(_typed({"rich_text_section": _SECTION}), 1, 10_000),
            },
            {"indent": _integer(0, 8), "offset": _integer(0, 100_000), **_BORDER},
        ),
        "rich_text_quote": _object({"elements": _list(_INLINE, 1, 10_000)}, _BORDER),
        "rich_text_preformatted": _object(
            {"elements": _list(_typed({"text": _TEXT, "link": _LINK}), 1, 10_000)}, {**_BORDER, "language": _NAME}
        ),
    }
)

# Blocks

_ID = {"block_id": _NAME}
_RICH_TEXT = _object({"elements": _list(_RICH, 1, 10_000)}, _ID)
_CELL = _typed({"raw_text": _object({"text": _string(1, 40_000)}), "rich_text": _RICH_TEXT})
_COLUMN = _object({}, {"align": _one_of("left", "center", "right"), "is_wrapped": _flag})
_FEEDBACK = _object({"positive_button": _SIDE, "negative_button": _SIDE}, {"action_id": _NAME})
_ICON = _object(
    {"icon": _one_of("trash"), "text": _plain(75)},
    {"action_id": _NAME, "value": _string(1, 2000), "confirm": _CONFIRM, "visible_to_user_ids": _list(_NAME, 0, 100)},
)
_EVERYWHERE: dict[str, Check] = {
    "section": _either(
        "text",
        "fields",
        _object(
            {},
            {
                **_ID,
                "text": _any_text(3000),
                "fields": _list(_any_text(2000), 1, 10),
                "accessory": _typed({**_MENUS, "image": _IMAGE}),
                "expand": _flag,
            },
        ),
    ),
    "header": _object({"text": _plain(150)}, _ID),
    "divider": _object({}, _ID),
    "context": _object(
        {
            "elements": _list(
                _typed({"plain_text": _plain_fields(3000), "mrkdwn": _mrkdwn_fields(3000), "image": _IMAGE}), 1, 10
            )
        },
        _ID,
    ),
    "actions": _object({"elements": _list(_typed(_MENUS), 1, 25)}, _ID),
    "image": _object(
        {"alt_text": _string(1, 2000)},
        {
            **_ID,
            "image_url": _address,
            "slack_file": _object({}, {"id": _NAME, "url": _address}),
            "title": _plain(2000),
        },
    ),
    "rich_text": _RICH_TEXT,
    "input": _object(
        {"label": _plain(2000), "element": _typed(_INPUTS)},
        {**_ID, "hint": _plain(2000), "optional": _flag, "dispatch_action": _flag},
    ),
}
_ON_MESSAGE: dict[str, Check] = {
    **_EVERYWHERE,
    "markdown": _object({"text": _string(1, MOST_MARKDOWN)}, _ID),
    "table": _object({"rows": _list(_list(_CELL, 1, 20), 1, 100)}, {**_ID, "column_settings": _list(_COLUMN, 0, 20)}),
    "context_actions": _object(
        {"elements": _list(_typed({"feedback_buttons": _FEEDBACK, "icon_button": _ICON}), 1, 5)}, _ID
    ),
}


def _blocks(kinds: Mapping[str, Check], most: int) -> Check:
    each = _list(_typed(kinds), 0, most)

    def check(value: Any, where: str) -> Iterator[str]:
        found = list(each(value, where))
        yield from found
        if not found:
            yield from _together(value, where)

    return check


def _together(blocks: Sequence[JSON], where: str) -> Iterator[str]:
    """Complain about what is wrong only between blocks, or between the elements of one."""
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if len(names) != len(set(names)):
        yield _at("`block_id` already exists", where)
    if sum(block["type"] == "table" for block in blocks) > 1:
        yield _at("only_one_table_allowed", where)
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MOST_MARKDOWN:
        yield _at(f"markdown blocks must be less than {MOST_MARKDOWN + 1} characters together", where)
    for at, block in enumerate(blocks):
        if block["type"] == "table" and _length(block) > MOST_IN_TABLE:
            yield _at(f"cells must be less than {MOST_IN_TABLE + 1} characters together", f"{where}/{at}/rows")
        actions = [element["action_id"] for element in block.get("elements", ()) if "action_id" in element]
        if len(actions) != len(set(actions)):
            yield _at("`action_id` already exists for this block", f"{where}/{at}/elements")


_OF_VIEW = {
    "private_metadata": _string(0, 3000),
    "callback_id": _string(1, 255),
    "external_id": _string(0, 255),
}
_HOME = _object({"type": _one_of("home"), "blocks": _blocks(_EVERYWHERE, 100)}, _OF_VIEW)
_MODAL_FIELDS = _object(
    {"type": _one_of("modal"), "title": _plain(24), "blocks": _blocks(_EVERYWHERE, 100)},
    {
        **_OF_VIEW,
        "submit": _plain(24),
        "close": _plain(24),
        "clear_on_close": _flag,
        "notify_on_close": _flag,
        "submit_disabled": _flag,
    },
)


def _MODAL(value: Any, where: str) -> Iterator[str]:  # noqa: N802 (one of the rules, which are named like constants)
    yield from _MODAL_FIELDS(value, where)
    blocks = value.get("blocks")
    asks = isinstance(blocks, list) and any(
        isinstance(block, dict) and block.get("type") == "input" for block in blocks
    )
    if asks and "submit" not in value:
        yield _at("missing required field: submit", where)
