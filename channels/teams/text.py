"""Markdown as Teams shows it: the words of a message's `text`, in which nothing is a mention or unwanted markup.

Answers come from a model, operators and documents. `render` calls `pieces` and `plain`, the channel `streamed` for an
answer that grows. Everything is read by the parser of all channels and written again.

What Teams shows of Markdown (learn.microsoft.com, 'Format your bot messages', text-only messages): bold, italic, code,
quotes and links everywhere, strikethrough and lists not on every phone; no headings, tables, rules and pictures. HTML
is markup there, and a single line end is a space. So a heading is bold, a table is code or a list, a picture a link,
'<' an entity, a line end a hard break. Lists stand on steps of four columns, which every reader of Markdown nests.
"""

from channels.markdown import cleaned, misleads, normal
from channels.teams.rich.cutting import Room, cost, halves, take
from channels.teams.rich.elements import AT, JOINER, Run, size, target
from channels.teams.rich.marks import at_begin, escaped, written
from channels.teams.rich.reading import blocks_of
from channels.teams.rich.streaming import End, settled
from channels.teams.rich.writing import lines_of


def shown(markdown: str) -> str:
    """Return Markdown as Teams shows it. '[1]' stays '[1]', where Teams puts a citation."""
    return "\n".join(lines_of(blocks_of(markdown), rich=True)) or _literal(markdown)


def plain(markdown: str) -> str:
    """Return the words of Markdown for textFormat 'plain': '• ', '1. ', '> ', 'words (address)'."""
    return AT.sub(f"<{JOINER}", "\n".join(lines_of(blocks_of(markdown), rich=False)) or cleaned(markdown).strip())


def literal(words: str) -> str:
    """Return `words` so that Teams shows them in one line as they are; nothing in them is a citation."""
    return at_begin(escaped(" ".join(cleaned(words).split()), label=True))


def link(words: str, url: str) -> str:
    """Return a link of one line to a safe `url`; words that look like another address are that address."""
    words = " ".join(cleaned(words).split())
    url = target(normal(url))
    return "".join(written([Run(url if misleads(words, url) or not words else words, url=url)]))


def pieces(markdown: str, most: int) -> list[str]:
    """Return `shown(markdown)` as texts of at most `most` each, by `size`; `most` is at least 500.

    The cut is between blocks, else between items of a list, lines or sentences. Code and tables are closed and opened
    again, a list goes on counting.
    """
    rest = blocks_of(markdown)
    if not lines_of(rest, rich=True):
        return halves(cleaned(markdown).strip(), most - 10, _literal, cost)
    made = []
    while rest:
        taken, rest = take(rest, Room(most, most // 3), fresh=True)
        made.append("\n".join(lines_of(taken, rich=True)))
    return list(filter(None, made))


def plain_pieces(words: str, most: int) -> list[str]:
    """Return plain `words` as texts of at most `most` each, by `size`, cut at lines, sentences or words."""
    return halves(AT.sub(f"<{JOINER}", cleaned(words)).strip(), most, str, size)


def streamed(markdown: str, most: int = 12_000) -> str:
    """Return as much of a growing answer, at most `most` by `size`, as more text can't change.

    Teams refuses a text that does not hold the one before ('Stream bot messages': 'Request streamed content should
    contain the previously streamed content'), also at the end (microsoft/Agents-for-net, issue 251). What is returned
    begins `shown` of every text that `markdown` grows to, if it ends where a sentence or a line does. So code, a
    table, and what stands behind a mark that is still open wait for the rest, and a result may be shorter than the one
    before: then there is nothing new to show. It also begins the first of `pieces` that are 2.5 times `most` or more.

    Not foreseen is a table whose head has no '|' before the end of its first sentence.
    """
    markdown = cleaned(markdown)
    kept = markdown[: markdown.rfind("\n") + 1]
    if any(sign.isalpha() for sign in markdown[len(kept) :]):
        kept = markdown  # else the last line may become a rule, an item or a table
    blocks = settled(blocks_of(kept), End.of(kept))
    while blocks and size("\n".join(lines_of(blocks, rich=True))) > most:
        blocks.pop()
    return "\n".join(lines_of(blocks, rich=True))


def _literal(words: str) -> str:
    return "\n".join(written([Run(cleaned(words).strip())]))
