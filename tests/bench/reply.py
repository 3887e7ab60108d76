"""How well the visible reply is found, on pairs of mail bodies and what ought to be seen of them.

Run `python -m tests.bench.reply [DIR]`; DIR holds `pairs.jsonl` (default: the data set beside the checkout). A pair is
matched as its `match` says. 'Lost' are pairs in which a word of the expected text is missing, 'leaked' are pairs with a
line of the original that ought to have gone. `--failing` prints each pair that doesn't match.
"""

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from channels.email.mail import Mail
from channels.email.mime import read as mime
from channels.email.visible import html, reply
from tests.support import SHARED

PAIRS = SHARED / "email_reply"
MEGABYTE = 1_000_000


@dataclass(slots=True)
class Tally:
    """What came out for one kind of pair or one source."""

    pairs: int = 0
    matched: int = 0
    lost: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    f1: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """One row of the table."""
        f1 = sum(self.f1) / len(self.f1) if self.f1 else 1.0
        share = self.matched / self.pairs if self.pairs else 1.0
        return (
            f"{name:34} {self.matched:4}/{self.pairs:<4} {share:6.1%}   token F1 {f1:.3f}"
            f"   lost {len(self.lost)}   leaked {len(self.leaked)}"
        )


def read_pairs(folder: Path) -> list[dict[str, Any]]:
    """The pairs of `folder`, each with its input as bytes (eml) or text."""
    pairs = [json.loads(line) for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    for pair in pairs:
        raw = (folder / pair["input_file"]).read_bytes() if "input_file" in pair else None
        pair["raw"] = raw if raw is not None else pair["input"].encode()
    return pairs


def run(pair: dict[str, Any]) -> str:
    """What this program shows of the pair's input."""
    match pair["kind"]:
        case "text":
            return reply.visible(pair["raw"].decode("utf-8", "replace"))
        case "html":
            return html.to_text(html.cut_quotes(pair["raw"].decode("utf-8", "replace")))
        case _:
            return reply.written(mime.read(pair["raw"])).visible


def is_match(pair: dict[str, Any], shown: str) -> bool:
    """Whether `shown` is what the pair permits."""
    match pair["match"]:
        case "exact_strip":
            return shown.strip() == str(pair["expected"]).replace("\r\n", "\n").strip()
        case "starts_with_ws":
            return _folded(shown).startswith(_folded(pair["expected"]))
        case "contains":
            return not _missing(pair, shown) and not any(part in shown for part in pair.get("must_not_contain") or [])
        case "text_ignoring_all_whitespace":
            return "".join(shown.split()) == str(pair["expected_text_nows"])
        case "markdown_loose":
            return _loose(shown) == _loose(pair["expected"])
        case _:
            return True


def _folded(text: str) -> str:
    return " ".join(text.split())


def _loose(text: str) -> str:
    return "".join(text.replace("*", "").split())


def _missing(pair: dict[str, Any], shown: str) -> list[str]:
    return [part for part in pair.get("must_contain") or [] if part not in shown]


def lost_words(pair: dict[str, Any], shown: str) -> list[str]:
    """The words of the expected text that `shown` has not."""
    if "expected_text_nows" in pair:
        return [] if pair["expected_text_nows"] in "".join(shown.split()) else [pair["expected_text_nows"]]
    missing = Counter((pair.get("expected") or "").split()) - Counter(shown.split())
    return [*missing, *_missing(pair, shown)]


def leaked_lines(pair: dict[str, Any], shown: str) -> list[str]:
    """The lines that `shown` has and the expected text has not, or the parts that it must not contain."""
    if "expected_text_nows" in pair:
        return [shown] if len("".join(shown.split())) > len(pair["expected_text_nows"]) else []
    if pair["match"] in ("contains", "time_under_1s"):
        return [part for part in pair.get("must_not_contain") or [] if part in shown]
    extra = Counter(_lines(shown)) - Counter(_lines(pair["expected"]))
    return list(extra)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if any(sign.isalnum() for sign in line)]


def token_f1(expected: str, shown: str) -> float:
    """The harmonic mean of how many words are right and how many right ones are there."""
    wanted, got = Counter(expected.split()), Counter(shown.split())
    common = sum((wanted & got).values())
    return 1.0 if not wanted and not got else 2 * common / (sum(wanted.values()) + sum(got.values()))


def measure(pairs: list[dict[str, Any]], show: Callable[[dict[str, Any]], str] = run) -> dict[str, Tally]:
    """Tallies by kind and by source."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for pair in pairs:
        shown = show(pair)
        for name in (f"{pair['kind']} pairs", f"  {pair['kind']} of {pair['source']}"):
            tally = tallies[name]
            tally.pairs += 1
            tally.matched += is_match(pair, shown)
            tally.lost += [pair["id"]] if lost_words(pair, shown) else []
            tally.leaked += [pair["id"]] if leaked_lines(pair, shown) else []
            if pair.get("expected") is not None and pair["match"] != "contains":
                tally.f1.append(token_f1(pair["expected"], shown))
    return tallies


def large_texts() -> Iterator[tuple[str, str]]:
    """Bodies of a megabyte that a program might choke on."""
    lead = "On Mon, 5 May 2025 at 10:00, Kim Example <kim@example.com> wrote:\n"
    prose = "This is an ordinary line of a long mail that somebody wrote one evening.\n"
    yield "prose", prose * (MEGABYTE // len(prose))
    yield "no line break", "word " * (MEGABYTE // 5)
    yield "a million '>' in one line", ">" * MEGABYTE
    yield "half a million '>' lines", ">\n" * (MEGABYTE // 2)
    yield "'>' and words in turn", ">\nx\n" * (MEGABYTE // 4)
    yield "ten thousand leads", lead * 10_000
    yield "ten thousand quoted leads", (lead + "> yes\n\n") * 10_000
    yield "ten thousand broken leads", ("On Mon, 5 May 2025 at 10:00\nKim Example\n<kim@example.com>\nwrote\n") * 10_000
    yield "header lines", "From: a\nTo: b\n" * (MEGABYTE // 14)
    yield "header blocks", "From: a@b.c\nSent: 5 May 2025\nTo: b\n\n" * (MEGABYTE // 36)
    yield "rules", "--\n" * (MEGABYTE // 3)
    yield "dashes", "-" * MEGABYTE
    yield "colons", "a:\n" * (MEGABYTE // 3)
    yield "spaces", " " * MEGABYTE
    yield "code fences", "```\n" * (MEGABYTE // 4)
    yield "angle brackets", "<\n" * (MEGABYTE // 2)
    yield "brackets", ("(" * 590 + ":\n") * (MEGABYTE // 592)
    yield "at signs", ("a@" * 290 + ":\n") * (MEGABYTE // 582)
    yield "one word", ("a" * 590 + "@:\n") * (MEGABYTE // 593)
    yield "digits", ("1" * 590 + ":\n") * (MEGABYTE // 592)
    yield "dates", ("5 May 2025 " * 50 + "wrote:\n") * (MEGABYTE // 557)
    yield "short dashes", ("-" * 590 + "x\n") * (MEGABYTE // 592)
    yield "footers", "Sent from my iPhone\n" * (MEGABYTE // 20)
    yield "disclaimers", "This message is confidential, not for others. " * (MEGABYTE // 46)
    yield "blank lines", "\n" * MEGABYTE


def large_pages() -> Iterator[tuple[str, str]]:
    """Pages of a megabyte, likewise."""
    yield "paragraphs", "<p>This is an ordinary paragraph of a long page, with a few words.</p>" * (MEGABYTE // 70)
    yield "nested <div>", "<div>" * (MEGABYTE // 11) + "x" + "</div>" * (MEGABYTE // 11)
    yield "nested <blockquote>", "<blockquote>" * (MEGABYTE // 12) + "x"
    yield "200 nested tables", ("<table><tr><td>" * 200 + "x" + "</td></tr></table>" * 200) * 140
    yield "<br>", "x<br>" * (MEGABYTE // 5)
    yield "open brackets", "<" * MEGABYTE
    yield "comments", "<!-- x -->" * (MEGABYTE // 10)
    yield "gmail quotes", '<div class="gmail_quote">x<blockquote>y</blockquote></div>' * (MEGABYTE // 58)
    yield "styles", '<span style="color:#fff;font-size:0">x</span>' * (MEGABYTE // 46)
    yield "one attribute", f'<p style="{"a:b;" * (MEGABYTE // 4)}">x</p>'
    yield "pre", f"<pre>{'x' * 9}{chr(10)}" * (MEGABYTE // 15)
    yield "no tags", "word " * (MEGABYTE // 5)


def milliseconds(work: Callable[[str], object], text: str) -> float:
    """The shortest of three runs, in time of the processor: other programs don't count."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work(text)
        times.append(time.process_time() - start)
    return min(times) * 1000


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=PAIRS)
    parser.add_argument("--failing", action="store_true", help="print the pairs that don't match, are lost or leaked")
    options = parser.parse_args()
    pairs = read_pairs(options.folder)
    tallies = measure(pairs)
    for name in sorted(tallies, key=lambda name: (not name.startswith("text"), name.strip())):
        print(tallies[name].line(name))
    for what in ("lost", "leaked"):
        print(f"{what}: {sorted({name for tally in tallies.values() for name in getattr(tally, what)})}")
    if options.failing:
        for pair in pairs:
            if not is_match(pair, shown := run(pair)):
                print(f"--- {pair['id']} ({pair['match']})\n{shown}\n--- expected\n{pair.get('expected')}")
    for name, text in large_texts():
        print(f"1 MB text, {name:28} {milliseconds(reply.visible, text):8.1f} ms")
    for name, page in large_pages():
        print(f"1 MB HTML, {name:28} {milliseconds(lambda it: reply.written(Mail(html=it)), page):8.1f} ms")


if __name__ == "__main__":
    main()
