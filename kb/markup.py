"""Markdown, MDX, HTML and plain text turned into a title, an address and a body to split.

`kb.load` calls this with the decoded text of one file. Pure functions, tolerant by design: help
centres write front matter that is not quite YAML and Markdown that is not quite Markdown.
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from inscriptis import Inscriptis
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from lxml import etree, html

from kb.documents import EmptySourceError, Format, SourceError

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"^([A-Za-z_][\w-]*):[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_ADDRESS_FIELDS = ("url", "canonical_url", "canonical", "permalink", "source_url", "source", "html_url")
_TITLE = re.compile(r"\A\s*(?:# +(?P<atx>[^\n]+?)(?: #+)?[ \t]*|(?P<setext>[^\n]+)\n=+[ \t]*)(?:\n|\Z)")
_SOURCE_LINE = re.compile(r"\A\s*Source:[ \t]*<?(https?://\S+?)>?[ \t]*(?:\n|\Z)", re.IGNORECASE)
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE_SPAN = re.compile(r"(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
_COMMENTS = (("<!--", "-->"), ("{/*", "*/}"))
_LAYOUT_TAG = re.compile(
    r"</?(?:a|br|center|details|div|figcaption|figure|iframe|img|p|picture|source|span|summary|video)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_MODULE_LINE = re.compile(r"^(?:import\s.+?\sfrom\s+['\"].*|import\s+['\"].*|export\s.*)$", re.MULTILINE)
_COMPONENT = re.compile(r"</?[A-Z][\w.]*((?:\s[^<>]*)?)/?>")
_COMPONENT_TITLE = re.compile(r"\b(?:title|label)=(?:\"([^\"]*)\"|'([^']*)')")
_HIDDEN = (
    "//script|//style|//noscript|//template|//nav|//footer|//aside|//form|//iframe|//svg|//button"
    "|//*[@hidden]|//*[@aria-hidden='true']"
    "|//*[@role='navigation' or @role='search' or @role='banner' or @role='contentinfo' or @role='dialog']"
    "|//*[contains(translate(@style,' ',''),'display:none')]"
    "|//*[contains(translate(@style,' ',''),'visibility:hidden')]|//body/header"
)
_MAIN = (
    "//main",
    "//*[@role='main']",
    "//article[not(ancestor::article) and count(//article[not(ancestor::article)]) = 1]",
    "//*[@id='main' or @id='content' or @id='main-content' or @id='bodyContent']",
)
"""Where the text of a page is, most telling first; a page with several articles and no more is read whole."""
_FRAME = re.compile(
    r"(?:^|[\s_-])(?:breadcrumbs?|cookie|cookies|consent|sidebar|toc|pagination|pager|share|social|skip-?link|"
    r"edit-this-page|feedback|newsletter)(?:$|[\s_-])",
    re.IGNORECASE,
)
_LARGEST_FRAME = 0.5
"""What only looks like the frame of a page by its class is left in if it is more than this share of the text."""
_PERMALINKS = "//a[@class='headerlink' or @class='anchor' or @class='hash-link' or @aria-hidden='true']"
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_\-]+)""", re.IGNORECASE)
_DEEPEST = 200
"""Elements inside each other: no page for people nests deeper, and the layout needs a frame of Python for each."""
_TEXT_TITLE_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Content:
    """What one file says: `title` and `address` are empty where the file names none.

    `note` says what of the file was left out, '' if nothing was.
    """

    title: str
    address: str
    body: str
    format: Format = "markdown"
    note: str = ""


def plain(text: str) -> str:
    """Return one line of Markdown without its inline marks and with single spaces."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(\*\*|__|`|~~)", "", text)
    return " ".join(text.split())


def _outside_code(text: str, clean: Callable[[str], str]) -> str:
    """Apply `clean` to `text` but leave fenced blocks and code spans as they are."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match.group())
        return f"\0{len(kept) - 1}\0"

    cleaned = clean(_CODE_SPAN.sub(keep, _FENCED.sub(keep, text)))
    while "\0" in cleaned:  # a span may hold the mark of a fence
        cleaned = re.sub(r"\0(\d+)\0", lambda match: kept[int(match.group(1))], cleaned)
    return cleaned


def _clean_markdown(text: str) -> str:
    for opening, closing in _COMMENTS:
        text = _without(text, opening, closing)
    return _LAYOUT_TAG.sub(" ", text)


def _without(text: str, opening: str, closing: str) -> str:
    """Return `text` without what stands between the marks; one look at each character, however many are left open."""
    parts, at = [], 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start + len(opening))) >= 0:
        parts.append(text[at:start])
        at = end + len(closing)
    return "".join([*parts, text[at:]])


def _component_words(match: re.Match[str]) -> str:
    titles = [double or single for double, single in _COMPONENT_TITLE.findall(match.group(1))]
    return f"\n**{titles[0]}**\n" if titles else ""


def _clean_mdx(text: str) -> str:
    text = _COMPONENT.sub(_component_words, _MODULE_LINE.sub("", _clean_markdown(text)))
    # MDX indents the children of a component, which Markdown would read as code.
    return re.sub(r"^[ \t]{2,}(?=\S)(?![-*+] |\d+[.)] )", "", text, flags=re.MULTILINE)


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    match = _FRONT_MATTER.match(text)
    if not match:
        return {}, text
    fields = {name.lower(): value.strip("\"'") for name, value in _FIELD.findall(match.group(1))}
    return fields, text[match.end() :]


def _address(fields: dict[str, str]) -> str:
    found = (fields.get(name, "") for name in _ADDRESS_FIELDS)
    return next((value for value in found if value.startswith(("http://", "https://"))), "")


def read_markdown(text: str, *, mdx: bool = False) -> Content:
    """Read Markdown: title from the front matter or the first heading, address where it is named.

    A line 'Source: ADDRESS' right under the title counts as the address, as exports write it.
    """
    fields, body = _front_matter(text)
    body = _outside_code(body, _clean_mdx if mdx else _clean_markdown)
    title = fields.get("title", "")
    heading = _TITLE.match(body)
    if heading and title in ("", plain(heading["atx"] or heading["setext"])):
        title = heading["atx"] or heading["setext"]
        body = body[heading.end() :]
    address = _address(fields)
    source = _SOURCE_LINE.match(body)
    if source:
        address = address or source.group(1)
        body = body[source.end() :]
    if fields.get("description"):
        body = f"{fields['description']}\n\n{body}"
    return Content(title=plain(title), address=address, body=body.strip("\n"))


def read_text(text: str) -> Content:
    """Read plain text: a short first line with a blank line after it is the title."""
    first, _, rest = text.lstrip().partition("\n")
    if first and len(first) <= _TEXT_TITLE_LIMIT and (not rest.strip() or rest.startswith(("\n", "\r"))):
        return Content(title=" ".join(first.split()), address="", body=rest.strip("\n"), format="text")
    return Content(title="", address="", body=text.strip("\n"), format="text")


def _mark_structure(tree: html.HtmlElement) -> None:
    """Write headings and code blocks as Markdown, so that the splitter sees them."""
    for element in tree.iter("h1", "h2", "h3", "h4", "h5", "h6"):
        words = " ".join(element.text_content().split())
        for child in list(element):
            element.remove(child)
        element.text = f"{'#' * int(element.tag[1])} {words}" if words else ""
    for element in tree.iter("pre"):
        element.text = f"```\n{element.text or ''}"
        element.append(html.fromstring("<span>\n```</span>"))


def declared_charset(data: bytes) -> str:
    """Return the character set that the head of a page names and Python knows, '' otherwise."""
    found = _CHARSET.search(data[:4096])
    try:
        return codecs.lookup(found[1].decode("ascii")).name if found else ""
    except LookupError:
        return ""


def read_html(text: str) -> Content:
    """Read a page: what a reader would not see is cut first, then it is laid out as Markdown."""
    tree = _tree(text)
    title = " ".join((tree.findtext(".//title") or "").split())
    canonical = tree.xpath("string(//link[@rel='canonical']/@href)")
    for element in [*tree.xpath(_HIDDEN), *tree.xpath(_PERMALINKS)]:
        if element.getparent() is not None:
            element.drop_tree()
    tree = _main(tree)
    _cut_frame(tree)
    _mark_structure(tree)
    config = ParserConfig(css=CSS_PROFILES["strict"], display_links=False)
    laid_out = "\n".join(line.rstrip() for line in Inscriptis(tree, config).get_text().splitlines())
    content = read_markdown(re.sub(r"\n{3,}", "\n\n", laid_out).strip("\n"))
    address = canonical if canonical.startswith(("http://", "https://")) else ""
    return replace(content, title=content.title or title, address=address)


def _tree(text: str) -> html.HtmlElement:
    try:
        tree = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, ValueError) as error:
        raise EmptySourceError("it is empty") from error
    deepest = depth = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        raise SourceError("its elements are nested too deeply to be read")
    return tree


def _main(tree: html.HtmlElement) -> html.HtmlElement:
    """Return the element with the text of the page."""
    for path in _MAIN:
        found = [element for element in tree.xpath(path) if element.text_content().strip()]
        if found:
            return max(found, key=lambda element: len(element.text_content()))
    return tree


def _cut_frame(tree: html.HtmlElement) -> None:
    """Cut what the names of its classes call navigation, cookie notices and the like; not where most would go."""
    found = [
        element
        for element in tree.xpath(".//*[@class or @id]")
        if element is not tree and _FRAME.search(f"{element.get('class', '')} {element.get('id', '')}")
    ]
    inside = set(found)
    outer = [element for element in found if inside.isdisjoint(element.iterancestors())]
    if sum(len(element.text_content()) for element in outer) <= _LARGEST_FRAME * len(tree.text_content()):
        for element in outer:
            element.drop_tree()
