"""One paragraph's words: a Markdown reader's tokens become runs. Called by `reading`. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from markdown_it.token import Token

from channels.markdown import (
    ADDRESS,
    is_safe,
    misleads,
    normal,
    with_honest_labels,
    without_punctuation,
    words_and_address,
)
from channels.teams.rich.elements import JOINER, LONGEST_URL, Run, has_words, target

_ADDRESS = re.compile(ADDRESS)
_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}


@dataclass(slots=True)
class _Reader:
    """The words of a paragraph, as they come in."""

    styles: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    link: str = ""
    start: int = 0

    def take(self, token: Token) -> None:
        match token.type:
            case "text":
                self._text(token.content.replace("\n", " "))
            case "code_inline":
                # Teams shows a link whose words are code as code (MicrosoftDocs/msteams-docs, issue 1909)
                self._add(token.content, code=not self.link and bool(token.content.strip()))
            case "softbreak" | "hardbreak":
                self._add(" " if self.link else "\n")
            case "image":
                self._picture(target(str(token.attrs.get("src", ""))), token.content)
            case "link_open":
                self.link, self.start = target(str(token.attrs["href"])), len(self.runs)
            case "link_close":
                self._close_link()
            case "strong_open" | "em_open" | "s_open":
                self.styles.append(_STYLES[token.tag])
            case "strong_close" | "em_close" | "s_close":
                self.styles.remove(_STYLES[token.tag])
            case _:
                self._add(token.content)

    def _add(self, words: str, url: str = "", *, code: bool = False) -> None:
        made = Run(words, frozenset(self.styles), url or self.link, code)
        last = self.runs[-1] if len(self.runs) > self.start else None
        if last and replace(last, words="") == replace(made, words=""):
            self.runs[-1] = replace(last, words=last.words + words)
        elif words:
            self.runs.append(made)

    def _text(self, words: str) -> None:
        at = 0
        for found in () if self.link else _ADDRESS.finditer(words):
            address = without_punctuation(found[0].partition("[")[0])  # there a citation begins
            url = target(normal(address))
            self._add(words[at : found.start()])
            at = found.start() + len(address)
            strange = misleads(address, url)  # a host in letters of other scripts, or none at all
            if is_safe(url) and len(url) <= LONGEST_URL and not (strange and re.search(r"[()*_~]", address)):
                self._add(url if strange else address, url)
            else:  # Teams itself would make it a link
                self._add(address.replace(":", f":{JOINER}", 1))
        self._add(words[at:])

    def _picture(self, address: str, words: str) -> None:
        words = words.replace("\n", " ")
        if self.link or not address:
            self._add(words)
        elif len(address) > LONGEST_URL:
            self._add(words_and_address(words, address))
        else:
            self._add(words if words.strip() else address, address)

    def _close_link(self) -> None:
        inside, url = self.runs[self.start :], self.link
        self.link, self.start = "", 0
        if len(url) > LONGEST_URL:
            del self.runs[len(self.runs) - len(inside) :]
            self._add(words_and_address("".join(run.words for run in inside), url))
        elif not has_words(inside):
            del self.runs[len(self.runs) - len(inside) :]
            self._add(url, url)


def runs_of(tokens: Sequence[Token]) -> tuple[Run, ...]:
    """Return a paragraph's words."""
    reader = _Reader()
    for token in with_honest_labels(tokens):
        reader.take(token)
    return tuple(reader.runs)
