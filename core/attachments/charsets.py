"""Bytes become text: by byte order mark, as UTF-8, by what a page declares, or by how its bytes fall.

charset-normalizer alone takes short texts for exotic character sets ("Grˆþe" for "Größe"), so the frequent ones
are told apart by the areas their letters lie in, and it is asked about the rest.
"""

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 64 * 1024  # bytes
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_\-]+)""", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROL = 0.001  # share of control characters that a text may have; random bytes have a tenth
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_RUN = re.compile(rb"[\x80-\xff]+")
_AREAS = (
    # Where the frequent characters of two bytes lie: kana and the first level of each standard's ideographs.
    ("euc_kr", re.compile(rb"[\xb0-\xc8][\xa1-\xfe]"), re.compile(rb"[\xa1-\xfe][\xa1-\xfe]")),
    ("euc_jp", re.compile(rb"[\xa4\xa5][\xa1-\xfe]"), re.compile(rb"[\xa1-\xfe][\xa1-\xfe]")),
    ("gb18030", re.compile(rb"[\xb0-\xd7][\xa1-\xfe]"), re.compile(rb"[\xa1-\xfe][\xa1-\xfe]")),
    ("cp932", re.compile(rb"[\x82\x83\x88-\x97][\x40-\xfc]"), re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\xfc]")),
    ("big5", re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]"), re.compile(rb"[\xa1-\xf9][\x40-\x7e\xa1-\xfe]")),
)
_LEAST = {"euc_kr": 0.9, "euc_jp": 0.3, "gb18030": 0.75, "cp932": 0.75, "big5": 0.75}
_PUNCTUATION = re.compile(rb"[\xa1-\xa3][\xa1-\xfe]|\x81[\x40-\xfc]")
_ODD_IN_WORDS = re.compile(r"[^\W\d_][¡-¿×÷][^\W\d_]")
_LONGEST_ACCENTED = 4  # accented letters in a row, in languages that have them among Latin ones
_LATIN = ["cp1250", "cp1252", "cp1254", "cp1257"]
_OTHERS = ["cp1251", "cp1253", "cp1255", "cp1256", "cp874"]


def decode(content: bytes) -> str | None:
    """Return `content` as text, or None if it is no text in any character set we know."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if len(_CONTROL.findall(content[:_SAMPLE])) > _MOST_CONTROL * min(len(content), _SAMPLE):
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as broken:
        if broken.start >= len(content) - 3:  # a text that was cut within its last character
            return content[: broken.start].decode("utf-8")
    return content.decode(_declared(content) or _guess(content[:_SAMPLE]), "replace")


def _declared(content: bytes) -> str:
    if declared := _DECLARED.search(content[:2048]):
        try:
            found = codecs.lookup(declared[1].decode("ascii"))
        except LookupError:
            return ""
        return found.name if found.name != "utf-8" else ""
    return ""


def _guess(sample: bytes) -> str:
    """Return the character set that `sample`, which is not UTF-8, is most likely in."""
    runs = _RUN.findall(sample)
    high = sum(map(len, runs))
    letters = high + len(re.findall(rb"[A-Za-z]", sample))
    if high < letters / 2 and max(map(len, runs)) <= _LONGEST_ACCENTED:
        western = sample.decode("cp1252", "replace")
        if not _ODD_IN_WORDS.search(western) and "�" not in western:
            return "cp1252"
    paired = all(len(run) % 2 == 0 for run in runs)
    for encoding, frequent, pair in _AREAS:
        if encoding in {"euc_kr", "euc_jp", "gb18030"} and not paired:
            continue
        if _share(sample, frequent, pair) >= _LEAST[encoding] and _decodes(sample, encoding):
            return encoding
    from charset_normalizer import from_bytes

    candidates = _LATIN if high < letters / 2 else _OTHERS
    best = from_bytes(sample, cp_isolation=candidates).best()
    found = best.encoding if best else candidates[0]
    return "koi8_r" if found == "cp1251" and _is_koi8(sample) else found


def _share(sample: bytes, frequent: re.Pattern[bytes], pair: re.Pattern[bytes]) -> float:
    pairs = [two for two in pair.findall(sample) if not _PUNCTUATION.fullmatch(two)]
    return sum(bool(frequent.fullmatch(two)) for two in pairs) / len(pairs) if pairs else 0.0


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _is_koi8(sample: bytes) -> bool:
    """Whether small Cyrillic letters, of which a text has most, lie where KOI8 has them."""
    return len(re.findall(rb"[\xc0-\xdf]", sample)) > len(re.findall(rb"[\xe0-\xff]", sample))


def clean(text: str) -> str:
    """Return `text` without what no database keeps and no reader sees: control characters, lone surrogates."""
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n\n"))
