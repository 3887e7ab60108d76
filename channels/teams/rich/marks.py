"""Words with their marks: the runs of a paragraph as Markdown in which nothing else is markup. Pure.

Called by `writing` for paragraphs, by `channels.teams.text` for words of one line. Marks that do not stand as
CommonMark wants them are left out: without them the words are still right.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from channels.teams.rich.elements import AT, JOINER, Run

MARKS = {"bold": "**", "italic": "*", "strike": "~~"}
"""What stands before and behind words of a style."""


@dataclass(frozen=True, slots=True)
class _Atom:
    """Something between two marks: words, code, or a link, as Teams reads it. `link` if it begins with its '['."""

    text: str
    styles: frozenset[str] = frozenset()
    link: bool = False


@dataclass(slots=True)
class _Mark:
    """A mark that begins or ends a style; a dead one is not written."""

    sign: str
    opens: bool
    dead: bool = False


def written(runs: Iterable[Run]) -> list[str]:
    """Return a paragraph's lines. All but the last end in two spaces, which is a hard break."""
    text = _marked(_spaced(_atoms(runs)))
    return text.replace("\n", "  \n").split("\n")


def _atoms(runs: Iterable[Run]) -> Iterator[_Atom]:
    begins = True  # whether the line does
    for url, group in groupby(runs, lambda run: run.url):
        if url:
            yield _link(url, list(group))
            begins = False
            continue
        for run in group:
            for part in [run.words] if run.code else filter(None, re.split(r"(\n)", run.words)):
                if part == "\n":
                    yield _Atom("\n", run.styles)
                elif run.code:
                    yield _Atom(_code(part), run.styles)
                else:
                    yield from _worded(part, run.styles, begins=begins)
                begins = part == "\n" or (begins and not part.strip())


def _worded(words: str, styles: frozenset[str], *, begins: bool) -> Iterator[_Atom]:
    """Yield words, with the white space at both ends for itself."""
    inner = words.strip()
    before, after = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :] if inner else ""
    yield from (_Atom(" ", styles) for _ in before[:1])
    if inner:
        text = escaped(inner)
        yield _Atom(at_begin(text) if begins else text, styles)
    yield from (_Atom(" ", styles) for _ in after[:1])


def _link(url: str, runs: list[Run]) -> _Atom:
    """Return a link; a style that all of its words have stands around it."""
    common = frozenset.intersection(*(run.styles for run in runs))
    inner = [
        _Atom(escaped(run.words, label=True), run.styles - common) if run.words.strip() else _Atom(" ", frozenset())
        for run in runs
    ]
    target = re.sub(r"&(?=#?\w+;)", "&amp;", url)
    return _Atom(f"[{_marked(_spaced(inner))}]({target})", common, link=True)


def _code(words: str) -> str:
    ticks = "`" * next(many for many in range(1, len(words) + 2) if not re.search(f"(?<!`)`{{{many}}}(?!`)", words))
    pad = " " if words[0] in "` " or words[-1] in "` " else ""
    return f"{ticks}{pad}{AT.sub(f'<{JOINER}', words)}{pad}{ticks}"


_SIGNS = re.compile(r"\[\d{1,3}\]|[\\`*_\[\]<>&]|~(?=~)|(?<=~)~")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_BEGINS = re.compile(r"(?:(?P<sign>#{1,6}|[-+])|\d{1,9}(?P<dot>[.)]))(?=\s|\Z)|(?P<rule>=+\s*\Z|[|:\s]*-[|:\s-]*\Z)")


def escaped(words: str, *, label: bool = False) -> str:
    """Return words as Teams has to read them to show them. A citation stays, unless it is in the `label` of a link."""

    def sign(found: re.Match[str]) -> str:
        text = found[0]
        if len(text) > 1:
            return rf"\{text[:-1]}\]" if label else text
        if text == "]" and not label:
            return text
        return _ENTITIES.get(text, f"\\{text}")

    text = _SIGNS.sub(sign, words)
    return text if label else re.sub(r"((?<!\\)\[\d{1,3}\])(?=[:(])", r"\1\\", text)


def at_begin(text: str) -> str:
    """Return a line's first words, which must not begin a heading, a list, a table or a rule."""
    found = _BEGINS.match(text)
    if not found:
        return text
    at = text.index("-") if found["rule"] and "-" in found["rule"] else 0
    at = found.start("dot") if found["dot"] else at
    return f"{text[:at]}\\{text[at:]}"


def _spaced(atoms: Iterable[_Atom]) -> list[_Atom]:
    """Return atoms without white space at the ends of lines, and styles without any at theirs: none spans lines."""
    kept: list[_Atom] = []
    for atom in atoms:
        if atom.text == " " and (not kept or kept[-1].text in " \n"):
            continue
        if atom.text == "\n" and kept and kept[-1].text == " ":
            kept.pop()
        if kept or atom.text != "\n":
            kept.append(atom)
    while kept and kept[-1].text in " \n":
        kept.pop()
    solid = [atom for atom in kept if atom.text not in " \n"]
    made, at = [], 0
    for atom in kept:
        if atom.text in " \n":
            shared = atom.styles & solid[at - 1].styles & solid[at].styles
            atom = replace(atom, styles=shared if atom.text == " " else frozenset())
        else:
            at += 1
        made.append(atom)
    return made


def _marked(atoms: list[_Atom]) -> str:
    """Return atoms with the marks of their styles, but for marks that a reader would take for signs."""
    out: list[_Atom | _Mark] = []
    open_: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    muted: frozenset[str] = frozenset()
    for at, atom in enumerate([*atoms, _Atom("")]):
        muted &= atom.styles
        wanted = atom.styles - muted
        closing = _until(open_, wanted)
        fresh = wanted - (open_.keys() - set(closing))
        if closing and fresh:  # two marks of different kinds in one place are read in too many ways
            muted, fresh = muted | fresh, frozenset()
        for style in closing:
            spans.append((open_.pop(style), len(out)))
            out.append(_Mark(MARKS[style], opens=False))
        for style in sorted(fresh, key=lambda style: (-_lasts(atoms, at, style), style)):
            open_[style] = len(out)
            out.append(_Mark(MARKS[style], opens=True))
        out.append(atom)
    _bury(out, spans)
    return _joined(out)


def _until(open_: dict[str, int], wanted: frozenset[str]) -> list[str]:
    """Return the open styles that have to end, from the innermost, for only those that are `wanted` to go on."""
    styles = list(open_)
    keep = next((at for at, style in enumerate(styles) if style not in wanted), len(styles))
    return styles[keep:][::-1]


def _lasts(atoms: list[_Atom], at: int, style: str) -> int:
    return next((end for end in range(at, len(atoms)) if style not in atoms[end].styles), len(atoms))


def _bury(out: list[_Atom | _Mark], spans: list[tuple[int, int]]) -> None:
    """Take out the marks that do not stand as CommonMark wants them ('left-flanking', 'right-flanking')."""
    alive = list(spans)
    while True:
        bad = [(a, b) for a, b in alive if not (_stands(out, a, before=-1) and _stands(out, b, before=1))]
        if not bad:
            return
        for place in (place for span in bad for place in span):
            mark = out[place]
            if isinstance(mark, _Mark):
                mark.dead = True
        alive = [span for span in alive if span not in bad]


def _stands(out: list[_Atom | _Mark], at: int, *, before: int) -> bool:
    """Return whether a mark reads as one; `before` is the direction of what is outside: -1 or 1."""
    outside, inside = _sign_from(out, at, before), _sign_from(out, at, -before)
    if not inside or inside.isspace():
        return False
    if unicodedata.category(inside)[0] not in "PS":
        return True
    return not outside or outside.isspace() or unicodedata.category(outside)[0] == "P"


def _sign_from(out: list[_Atom | _Mark], at: int, step: int) -> str:
    """Return the next sign in a direction, beyond the marks that make one run with this one; '' at the end."""
    mark = out[at]
    place = at + step
    while 0 <= place < len(out):
        other = out[place]
        if isinstance(other, _Atom):
            if other.text:
                return other.text[0 if step > 0 else -1]
        elif not other.dead and isinstance(mark, _Mark) and other.sign[0] != mark.sign[0]:
            return other.sign[0]
        place += step
    return ""


def _joined(out: Iterable[_Atom | _Mark]) -> str:
    text = ""
    for part in out:
        if isinstance(part, _Mark):
            text += "" if part.dead else part.sign
            continue
        if part.link and text.endswith("!"):
            text = f"{text[:-1]}\\!"
        elif part.text[:1] == "`" and text.endswith("`"):
            text += JOINER
        text += part.text
    return text
