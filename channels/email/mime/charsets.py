"""Bytes of a mail become text, whatever charset the mail says and whatever it really is.

`head.py` and `mime.py` call `decode`. The order: the charset that is declared, or the larger one that mailers mean
by that name; then UTF-8; then what a Western desktop would have written. The result is fit for a database.
"""

import codecs
import re

FALLBACK = "cp1252"
"""What undeclared 8-bit text is read as: the charset that browsers take for 'iso-8859-1' (WHATWG Encoding)."""

_MEANT = {
    "ascii": "utf-8",
    "iso8859-1": FALLBACK,
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "iso2022_jp": "iso2022_jp_ext",
}
"""Codecs that mail programs name where they write a larger one (the WHATWG Encoding standard has the same list)."""

_ALIASES = {
    "ansi": FALLBACK,
    "ansi_x3.110-1983": FALLBACK,
    "binary": "utf-8",
    "default": "utf-8",
    "x-unknown": "utf-8",
    "unknown-8bit": "utf-8",
    "unicode": "utf-8",
    "utf8mb4": "utf-8",
    "utf": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "x-utf-7": "utf-7",
    "ks_c_5601": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "ksc5601": "cp949",
    "x-windows-949": "cp949",
    "uhc": "cp949",
    "x-sjis": "cp932",
    "ms932": "cp932",
    "windows-31j": "cp932",
    "x-euc-jp": "euc_jp",
    "cp50220": "iso2022_jp_ext",
    "cp50221": "iso2022_jp_ext",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "x-big5": "big5hkscs",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-cp1250": "cp1250",
    "x-cp1251": "cp1251",
    "x-cp1252": FALLBACK,
    "win-1251": "cp1251",
    "koi8r": "koi8_r",
    "koi8-ru": "koi8_u",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
}

_NOT_TEXT = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "charmap", "string_escape"}
)
"""Codecs of Python that no mail means; some take quadratic time."""

_CODE_PAGE = re.compile(r"(?:x-)?(?:cp|windows|win|ibm|dos|codepage|code page)[-_ ]*(\d{3,5})$")
_LATIN = re.compile(r"(?:x-)?iso[-_ ]*8859[-_ ]*(\d{1,2})\b")
_META = re.compile(
    rb"""<(?:meta|\?xml)\b[^>]{0,500}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_SHIFT = re.compile(rb"\x1b\$[@B]")
_HEAD = 4096  # bytes in which an HTML page declares its charset; browsers look at the first 1024


def decode(raw: bytes, charset: str = "", *, html: bool = False) -> str:
    """Return `raw` as text without NUL and lone surrogates. `charset` is what the mail declares, '' if nothing.

    With `html`, a charset that the page itself declares counts where the mail's is missing or wrong.
    """
    for codec in _candidates(raw, charset, html=html):
        try:
            return clean(raw.decode(codec))
        except (UnicodeError, LookupError):
            if codec == "utf-8" and _is_mostly_utf8(raw):
                return clean(raw.decode(codec, "replace"))
    declared = _codec(charset)
    best = declared if declared and not _is_narrow(declared) else FALLBACK
    return clean(raw.decode(best, "replace"))


def clean(text: str) -> str:
    """Return `text` without what PostgreSQL or JSON refuse: NUL characters and halves of surrogate pairs."""
    if "\0" in text:
        text = text.replace("\0", "")
    return _SURROGATES.sub("\ufffd", text)


def _is_mostly_utf8(raw: bytes) -> bool:
    """Say whether more characters of `raw` are good UTF-8 than broken: a mail that was cut, or damaged on its way."""
    text = raw.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) > broken


def _candidates(raw: bytes, charset: str, *, html: bool) -> list[str]:
    found = [_codec(charset)]
    if raw.startswith(codecs.BOM_UTF8):
        found.insert(0, "utf-8-sig")
    elif raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found.insert(0, "utf-16")
    if html and (meta := _META.search(raw, 0, _HEAD)):
        found.append(_codec(meta[1].decode("ascii", "replace")))
    if _SHIFT.search(raw, 0, _HEAD):
        found.append("iso2022_jp_ext")
    found += ["utf-8", FALLBACK]
    return [codec for codec in found if codec]


def _codec(charset: str) -> str:
    """Return the name of the codec meant by `charset`, '' if there is none."""
    name = charset.strip().strip("\"'").split("*")[0].lower()[:60]
    if not name or not name.isascii() or not name.isprintable():
        return ""
    for guess in (_ALIASES.get(name, ""), name, _spelled(name)):
        if not guess:
            continue
        try:
            codec = codecs.lookup(guess)
        except (LookupError, ValueError):
            continue
        if codec.name.replace("-", "_") in _NOT_TEXT or not getattr(codec, "_is_text_encoding", True):
            return ""
        return _MEANT.get(codec.name, codec.name)
    return ""


def _spelled(name: str) -> str:
    if page := _CODE_PAGE.match(name):
        return "utf-8" if page[1] == "65001" else f"cp{page[1]}"
    if latin := _LATIN.match(name):
        return f"iso8859-{latin[1]}"
    return ""


def _is_narrow(codec: str) -> bool:
    """Say whether `codec` is one that any bytes could have failed in by being something else."""
    return codec.startswith(("utf", "cp125", "iso8859", "ascii"))
