"""`threadline articles`: what people answered, suggested as articles. They are approved on the web desk."""

import argparse
from contextlib import AsyncExitStack

from rich.table import Table

from bot.settings import Settings
from bot.terminal import Commands, add, brief, cell, open_store, out, print_json, takes_json
from channels.web import render
from core.articles import ArticleGroup, collect

_QUESTION, _ANSWER = 200, 300  # characters that are shown


def add_articles(commands: Commands) -> None:
    """Add the command."""
    command = add(
        commands, "articles", _articles, "list the articles that people's answers suggest", "threadline articles"
    )
    takes_json(command)


async def _articles(settings: Settings, options: argparse.Namespace) -> int:
    from bot.articles import same_words

    async with AsyncExitStack() as stack:
        store, _ = await open_store(settings, stack)
        found = collect(await store.articles.waiting(), same_words)
    if options.json:
        print_json([render.article_group(group) for group in found])
    elif found:
        out.print(_table(found))
        out.print("Approve or drop them on the web desk: Suggested articles in your menu.", style="dim")
    else:
        out.print("No suggested article waits. A case that a person answered and resolved as solved makes one.")
    return 0


def _table(found: list[ArticleGroup]) -> Table:
    table = Table("Cases", box=None, padding=(0, 2, 0, 0))
    for name in ("Question", "Answer"):
        table.add_column(name, overflow="fold")
    for group in found:
        cases = ", ".join(f"#{one.number}" for one in group.suggestions)
        table.add_row(cases, cell(brief(group.question, _QUESTION)), cell(brief(group.answer, _ANSWER)))
    return table
