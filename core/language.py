"""Which language a customer writes in, so that the fixed sentences (core/wording.py) answer in it.

`decide` asks for each of a customer's messages and keeps the thread's earlier language when the answer is None; the
agent without a model asks for its own lines. A wrong language is worse than none: the caller's fallback
is English, which most people can read. The statistics are py3langid's; it is loaded at the first call.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from core.wording import LANGUAGES

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_READ = 1000  # characters from the beginning
_ENOUGH = 6  # letters below which statistics say nothing
_NEIGHBOUR = 0.25  # a language we have no sentences in counts so much less: fewer customers write it

_ADDRESS = re.compile(r"https?://[^\s\u3000-\u9fff]+|`[^`]*`")
_TOKEN = re.compile(r"[!-~]+")
# A digit or a sign of paths, tags and code; 'a.b', 'f(x' or 'camelCase'; an abbreviation.
_CODE = re.compile(r"[\d_\\/=<>{}\[\]#$%^*|~@]|[a-zA-Z)][.:(][a-zA-Z]|[a-z][A-Z]|\b[A-Z]{2,}\b")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
_WORD = re.compile(r"[\w\u064b-\u0652\u0900-\u0963]+")  # with the vowel signs of Arabic and Hindi, which \w leaves out


@dataclass(frozen=True, slots=True)
class _Script:
    """Letters, and the languages written in them that are told apart ('zxx' is py3langid's 'no language').

    `sure` is the least probability of an answer, measured on short messages: Cyrillic needs more, or
    Ukrainian passes for Russian; Chinese characters alone still more, for Japanese headings have no
    others. `weight` is about how many Latin letters one letter stands for: Arabic writes few vowels.
    """

    letters: re.Pattern[str]
    languages: frozenset[str]
    sure: float
    weight: int

    def amount(self, text: str) -> int:
        """How much of `text` is written in it, in Latin letters."""
        return self.weight * len(self.letters.findall(text))


def _script(letters: str, languages: str, *, sure: float = 0.7, weight: int = 1) -> _Script:
    return _Script(re.compile(f"[{letters}]"), frozenset(languages.split()), sure, weight)


_LATIN = r"A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_CYRILLIC = r"\u0400-\u052f"
_ARABIC = r"\u0620-\u06ff"
_DEVANAGARI = r"\u0900-\u097f"
_EAST_ASIAN = r"\u3041-\u30fa\u3400-\u9fff"
_SCRIPTS = (
    _script(_LATIN, "en es fr de pt it nl sv da no pl cs tr ro hu fi ca vi id gl sk hr zxx"),
    _script(_CYRILLIC, "ru uk bg sr mk be", sure=0.8),
    _script(_ARABIC, "ar fa ur", weight=2),
    _script(_DEVANAGARI, "hi mr ne", weight=2),
    _script(_EAST_ASIAN, "zh ja", sure=0.9, weight=3),
    _script(rf"^\W\d_{_LATIN}{_CYRILLIC}{_ARABIC}{_DEVANAGARI}{_EAST_ASIAN}", ""),
)

# Messages of these words alone are too short for statistics, and many conversations begin with one.
# A word of several languages ('hallo') stands with each: it tells only beside another ('hallo zusammen').
# English has only those of the others' words that mean something in it, too; 'hello' and 'ok' are said in all.
_SMALL_TALK = {
    "en": "tag aide salve favor bom dia per u je mille",
    "es": "hola gracias muchas buenos días dias buenas tardes noches ayuda por favor",
    "fr": "bonjour bonsoir salut coucou merci beaucoup aide svp",
    "de": "hallo merci ciao guten tag morgen abend danke schön sehr vielen dank hilfe bitte moin zusammen servus",
    "pt": "olá ola oi bom dia boa tarde noite obrigado obrigada muito ajuda por favor",
    "it": "ciao salve buongiorno buonasera grazie mille aiuto per favore",
    "nl": "hallo merci hoi goedemorgen goedemiddag goedenavond goedendag bedankt dank je u wel dankjewel hulp",
    "ru": "привет здравствуйте добрый день вечер доброе утро спасибо большое помогите пожалуйста",
    "zh": "你好 您好 谢谢 謝謝 感谢 感謝 帮助 幫助",
    "ar": "مرحبا مرحبًا أهلا السلام عليكم شكرا شكرًا جزيلا مساعدة",
    "hi": "नमस्ते नमस्कार धन्यवाद शुक्रिया बहुत मदद",
}
_SMALL_TALK_WORDS = {language: frozenset(words.split()) for language, words in _SMALL_TALK.items()}


def detect(text: str) -> str | None:
    """Return the ISO 639-1 code, one of `wording.LANGUAGES`, of the language of `text`; None if unsure.

    Reads the first 1,000 characters, without addresses, numbers and whatever looks like code. None also
    for a language we have no sentences in.
    """
    read = _ADDRESS.sub(" ", text[:_READ])
    return _small_talk(read) or _by_letters(_prose(read))


def _prose(text: str) -> str:
    """`text` without what looks like code; shouting in capitals is not taken for abbreviations."""
    plain = text.lower() if text.isupper() else text
    return " ".join(_TOKEN.sub(lambda token: " " if _CODE.search(token[0]) else token[0], plain).split())


def _small_talk(text: str) -> str | None:
    """The one language whose small talk is all that `text` says."""
    words = set(_WORD.findall(text.lower()))
    found = [language for language, known in _SMALL_TALK_WORDS.items() if words and words <= known]
    return found[0] if len(found) == 1 else None


def _by_letters(prose: str) -> str | None:
    """The language that the script of `prose` and py3langid agree on."""
    script = max(_SCRIPTS, key=lambda script: script.amount(prose))
    if not script.languages or script.amount(prose) < _ENOUGH:
        return None
    if "ja" in script.languages and _KANA.search(prose):
        return "ja"
    scores = {
        language: score * (1 if language in LANGUAGES else _NEIGHBOUR)
        for language, score in _identifier().rank(prose)
        if language in script.languages
    }
    best = max(scores, key=lambda language: scores[language])
    return best if best in LANGUAGES and scores[best] >= script.sure * sum(scores.values()) else None


def load() -> None:
    """Read the statistics now: a third of a second that the first message need not wait for."""
    _identifier()


@cache
def _identifier() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted(frozenset().union(*(script.languages for script in _SCRIPTS))))
    return identifier
