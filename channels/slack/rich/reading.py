"""Blocks as the words that are read in them, for `text` fields and where blocks can't be shown. Pure."""

from collections.abc import Iterable
from itertools import groupby

from channels.markdown import words_and_address
from channels.slack.rich.elements import RULE, Block


def words(made: Iterable[Block]) -> str:
    """Return what is read in rich_text, divider and table blocks: 'words (address)', '• ', '1. ', '> '."""
    return "\n\n".join(filter(None, map(_block_words, made)))


def _block_words(block: Block) -> str:
    match block["type"]:
        case "rich_text":
            return "\n".join(map(_element_words, block["elements"]))
        case "table":
            rows = [[_block_words(cell).replace("\n", " ") for cell in row] for row in block["rows"]]
            return "\n".join(" | ".join(row).strip() for row in rows)
        case "divider":
            return RULE
        case _:
            return ""


def _element_words(element: Block) -> str:
    match element["type"]:
        case "rich_text_list":
            margin, first = "    " * element.get("indent", 0), element.get("offset", 0) + 1
            items = (_element_words(item).replace("\n", f"\n{margin}   ") for item in element["elements"])
            return "\n".join(
                f"{margin}{f'{number}.' if element['style'] == 'ordered' else '•'} {item}"
                for number, item in enumerate(items, first)
            )
        case "rich_text_quote":
            return "> " + words_in_line(element["elements"]).replace("\n", "\n> ")
        case _:
            return words_in_line(element["elements"])


def words_in_line(elements: Iterable[Block]) -> str:
    """Return what is read in text and link elements."""
    together = groupby(elements, lambda inline: inline.get("url", ""))
    return "".join(
        words_and_address("".join(str(inline.get("text", "")) for inline in run), url) for url, run in together
    )
