"""One paragraph's words: a Markdown reader's tokens become text and link elements. Called by `page`, `table`. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

from channels.markdown import ADDRESS, is_safe, normal, with_honest_labels, without_punctuation, words_and_address
from channels.slack.rich.elements import LONGEST_URL, Block, link_to, shown, solid, styled, text_of

_ADDRESS = re.compile(ADDRESS)
_STYLES = {"strong": "bold", "em": "italic", "s": "strike"}
_STYLE_ORDER = ("bold", "italic", "strike", "code")


def inline(tokens: Sequence[Token], *styles: str) -> list[Block]:
    """Return a paragraph's words as text and link elements; `styles` hold for all of them."""
    writer = _Writer(list(styles))
    for token in with_honest_labels(tokens):
        writer.take(token)
    return writer.out


@dataclass(slots=True)
class _Writer:
    """The words of a paragraph, as they come in."""

    styles: list[str] = field(default_factory=list)
    out: list[Block] = field(default_factory=list)
    link: str = ""
    start: int = 0

    def take(self, token: Token) -> None:
        match token.type:
            case "text":
                self._words(token.content)
            case "code_inline":
                self._add(token.content, "code")
            case "softbreak" | "hardbreak":
                self._add(" " if self.link else "\n")
            case "image":
                self._picture(str(token.attrs.get("src", "")), token.content)
            case "link_open":
                self.link, self.start = str(token.attrs["href"]), len(self.out)
            case "link_close":
                self._close_link()
            case "strong_open" | "em_open" | "s_open":
                self.styles.append(_STYLES[token.tag])
            case "strong_close" | "em_close" | "s_close":
                self.styles.remove(_STYLES[token.tag])
            case _:
                self._add(token.content)

    def _style(self, *more: str) -> list[str]:
        return [name for name in _STYLE_ORDER if name in (*self.styles, *more)]

    def _add(self, words: str, *more: str) -> None:
        """Add words, to what stands there already if it looks the same."""
        made: Block = {"type": "link", "url": self.link, "text": words} if self.link else text_of(words)
        made |= styled(self._style(*more))
        last = self.out[-1] if len(self.out) > self.start else {}
        if {**last, "text": ""} == {**made, "text": ""} and "text" in last:
            last["text"] += words
        elif words:
            self.out.append(made)

    def _words(self, content: str) -> None:
        at = 0
        for found in () if self.link else _ADDRESS.finditer(content):
            shown = without_punctuation(found[0])
            url = normal(shown)
            if is_safe(url) and len(url) <= LONGEST_URL:
                self._add(content[at : found.start()])
                self.out.append(link_to(url, shown, self._style()))
                at = found.start() + len(shown)
        self._add(content[at:])

    def _picture(self, address: str, words: str) -> None:
        if self.link or not address:
            self._add(words)
        elif len(address) > LONGEST_URL:
            self._add(words_and_address(words, address))
        else:
            self.out.append(link_to(address, words, self._style()))

    def _close_link(self) -> None:
        inside, url = self.out[self.start :], self.link
        self.link, self.start = "", 0
        if len(url) > LONGEST_URL:
            self.out[len(self.out) - len(inside) :] = [text_of(words_and_address("".join(map(shown, inside)), url))]
        elif not solid(inside):
            self.out[len(self.out) - len(inside) :] = [link_to(url, "")]
