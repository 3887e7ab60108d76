"""What a language model and a log needn't read of a customer: card numbers, bank accounts, identity numbers, passwords.

`core.agent.veil` calls it for each request to a model, `bot.telemetry` for each line of a log. Only what its check
digits (python-stdnum) or the word before it prove is taken, so that order numbers stay: a support agent lives on them.
`REDACT` says which kinds; the transcript and the desk keep the original.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stdnum import iban, luhn
from stdnum.at import vnr
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import ssn
from stdnum.za import idnr as za_idnr

from core import keys


class Kind(StrEnum):
    """What can be redacted; the value is its name in `REDACT`."""

    CARDS = "cards"
    IBANS = "ibans"
    IDS = "ids"
    PASSWORDS = "passwords"
    KEYS = "keys"
    EMAILS = "emails"
    PHONES = "phones"

    @property
    def one(self) -> str:
        """One of it, as a placeholder names it: 'card' for cards."""
        return self.value.removesuffix("s")


BY_DEFAULT = (Kind.CARDS, Kind.IBANS, Kind.IDS, Kind.PASSWORDS, Kind.KEYS)
"""E-mail addresses and phone numbers stay: whoever helps may need them."""

NEVER_KEPT = frozenset(BY_DEFAULT)
"""What is remembered of no customer."""

FOR_TOOLS = frozenset({Kind.EMAILS, Kind.PHONES, Kind.IBANS})
"""What is put back into the arguments of a tool: the rest is nothing that a model should carry anywhere."""


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of a text that is of a kind: text[start:end]."""

    kind: Kind
    start: int
    end: int


_SPACE = r"[ \u00a0\u202f.\-]"
_DIGITS = re.compile(rf"(?<![\w/=#])\d(?:{_SPACE}?\d){{13,40}}(?!\w|-[A-Za-z])")
_GROUP = re.compile(r"\d+")
_SCHEMES = re.compile(
    r"4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}"
    r"|(?:50|5[6-9]|6\d)\d{14,17}"
)
"""Visa, Mastercard (both ranges), American Express, Diners, JCB, Discover, UnionPay, Maestro: ISO/IEC 7812 prefixes."""

_WRITTEN = frozenset({(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4)})
"""How the digits of a card stand in groups, where they don't stand together."""
_OPENING = frozenset(lengths[0] for lengths in _WRITTEN)
_MOST_GROUPS = max(map(len, _WRITTEN))
_SHORTEST_CARD = 14  # digits: Diners Club's
_OTHERS = re.compile(
    r"(?:tracking|parcel|shipment|consignment|order|invoice|reference|serial|imei|ean|gtin|sendung|paket|bestell|rechnung"
    r"|pedido|factura|commande|facture|colis|ordine|fattura|bestelling|заказ|订单|注文)\w{0,12}"
    r"(?:\W{0,2}(?:number|num|no|nr|id|code|nummer|número|numéro|is|ist)\b){0,2}\W{0,3}\Z",
    re.IGNORECASE,
)
"""What says right before a number that it is another one; one tracking number of twenty passes for a card."""

_CODE = re.compile(
    r"\b(?:cvv2?|cvc2?|csc|card security code|security code|prüfziffer|sicherheitscode|código de seguridad"
    r"|code de sécurité|codice di sicurezza|código de segurança)\b\W{0,3}(?:(?:is|ist|es|est|è|é)\W)?\s?(\d{3,4})\b",
    re.IGNORECASE,
)
_IBAN = re.compile(rf"\b[A-Za-z]{{2}}\d{{2}}(?:{_SPACE}?[A-Za-z0-9]){{11,30}}")
_ALNUM = re.compile(r"[^A-Za-z0-9]")
_SHORTEST_IBAN = 15  # Norway's

_WORD_FOR_IT = (
    r"(?:pass ?word|pass ?code|pass ?phrase|pwd|passwort|kennwort|wachtwoord|contrase[ñn]a|clave|mot de passe|senha"
    r"|palavra-passe|пароль|密码|密碼|パスワード|كلمة المرور|كلمة السر|पासवर्ड)"
)
_PASSWORD = re.compile(
    rf"(?:\b|(?<=\W)){_WORD_FOR_IT}\s?(?:(?P<sign>[:=：])|(?:is|ist|lautet|es|est|é|è|is:|는|は)\b:?)"
    r"[ \t]*[\"'“„«`]?(?P<value>[^\s\"'”“»`]{3,80})(?P<rest>[^\n]*)",
    re.IGNORECASE,
)
_PIN = re.compile(r"\bPIN\b\W{0,3}(?:(?:code|is|ist|es|est)\W{1,2}){0,2}(\d{4,8})\b")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24}\b")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+|00)[1-9](?:[ ().\-/\u00a0]{0,2}\d){6,14}(?!\w)|(?<!\w)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"
    r"|(?<=\b(?:hone|bile|elef|mber|Tel\.|tel\.|tel:|Tel:|andy)[ :])[ ]?\(?0\d(?:[ ().\-/]{0,2}\d){6,12}(?!\w)"
)


@dataclass(frozen=True, slots=True)
class _Identity:
    """How a country's number for its people is written, and its check digits."""

    shape: str
    is_valid: Callable[[str], bool]


_TELLING = (
    _Identity(r"\d{3}-\d{2}-\d{4}", ssn.is_valid),
    _Identity(r"\d{3}\.\d{3}\.\d{3}-\d{2}", cpf.is_valid),
    _Identity(r"756\.?\d{4}\.?\d{4}\.?\d{2}", ahv.is_valid),
    _Identity(r"[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}", nir.is_valid),
    _Identity(r"\d{6}-\d{7}", rrn.is_valid),
    _Identity(r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", hetu.is_valid),
    _Identity(r"(?:\d{2})?\d{6}[-+]\d{4}", personnummer.is_valid),
    _Identity(r"\d{6}-\d{4}", cpr.is_valid),
    _Identity(r"\d{6}/\d{3,4}", rc.is_valid),
    _Identity(r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", nn.is_valid),
    _Identity(r"\d{8}-?[A-Z]", dni.is_valid),
    _Identity(r"[XYZ]-?\d{7}-?[A-Z]", nie.is_valid),
    _Identity(r"[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]", codicefiscale.is_valid),
    _Identity(r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d", curp.is_valid),
    _Identity(r"[1-9]\d{16}[0-9X]", ric.is_valid),
    _Identity(
        r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", lambda _: True
    ),
)
"""Numbers whose shape and check tell them from any other."""

_PLAIN = (aadhaar, bsn, cnp, cpf, fodselsnummer, idnr, nif, nn, pesel, sin, ssn, tckimlik, vnr, za_idnr)
"""Modules of numbers that are digits only: one of ten order numbers passes such a check, so a word must tell."""

_TELLS = re.compile(rf"(?<![\w-])(?:{'|'.join(one.shape for one in _TELLING)})(?![\w-])")
_SHAPES = [(re.compile(one.shape), one.is_valid) for one in _TELLING]
_BARE = re.compile(r"(?<![\w.-])\d(?:[ .-]?\d){8,12}(?![\w-])")
_ID_WORD = re.compile(
    r"\b(?:ssn|social security|sozialversicherung\w*|steuer-?id\w*|steueridentifikation\w*|idnr"
    r"|tax(?:payer)? (?:id|no|number)"
    r"|national (?:id|insurance)|identity (?:card|number)|id(?:entity)? card|personalausweis\w*|ausweis\w*|bsn"
    r"|burgerservicenummer|pesel|cpf|nif|nie|dni|cnp|aadha?ar|sin|social insurance|fødselsnummer|personnummer"
    r"|rijksregisternummer|numéro national|sécurité sociale|codice fiscale|t\.?c\.? ?kimlik|kimlik|id number)\b\W",
    re.IGNORECASE,
)
_BEFORE = 45  # characters in which such a word stands before its number


def parse(setting: str) -> frozenset[Kind]:
    """Read `REDACT`: kinds by their names, comma-separated, or 'off'. Raises ValueError that names the choice."""
    names = [name.strip().lower() for name in setting.split(",") if name.strip()]
    if names == ["off"]:
        return frozenset()
    known = [kind.value for kind in Kind]
    if wrong := [name for name in names if name not in known]:
        raise ValueError(f"{', '.join(wrong)}: use off, or any of {','.join(known)}")
    return frozenset(map(Kind, names))


def find(text: str, kinds: frozenset[Kind] = NEVER_KEPT) -> list[Found]:
    """Return what of `kinds` stands in `text`, in its order; where two overlap, the one that begins first."""
    found = sorted((one for kind in kinds for one in _FINDERS[kind](text)), key=lambda one: (one.start, -one.end))
    apart: list[Found] = []
    for one in found:
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
    return apart


def blanked(text: str, kinds: frozenset[Kind] = NEVER_KEPT) -> str:
    """Return `text` with the name of its kind in the place of what was found, for a log: '[card]'."""
    return _replaced(text, find(text, kinds), lambda one: f"[{one.kind.one}]")


def _replaced(text: str, found: Sequence[Found], by: Callable[[Found], str]) -> str:
    pieces, end = [], 0
    for one in found:
        pieces += [text[end : one.start], by(one)]
        end = one.end
    return "".join([*pieces, text[end:]])


class Veil:
    """Hides and shows again, within one run: the same number has the same placeholder wherever it stands."""

    def __init__(self, kinds: frozenset[Kind] = NEVER_KEPT) -> None:
        self._kinds = kinds
        self._placeholders: dict[tuple[Kind, str], str] = {}
        self._originals: dict[str, tuple[Kind, str]] = {}
        self._counts: Counter[Kind] = Counter()
        self._done: dict[str, str] = {}  # each request of a run repeats what the last one said

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many different ones of each kind were hidden."""
        return self._counts

    def hide(self, text: str) -> str:
        """Return `text` with placeholders such as [card-1]."""
        if text not in self._done:
            self._done[text] = _replaced(text, find(text, self._kinds), lambda one: self._placeholder(text, one))
        return self._done[text]

    def show(self, text: str, kinds: frozenset[Kind] = frozenset(Kind)) -> str:
        """Return `text` with the originals of `kinds` in the place of their placeholders.

        Of a card the last four digits are shown, of a password or a key nothing: who wrote it knows it, and it
        needn't travel once more.
        """

        def original(placeholder: re.Match[str]) -> str:
            kind, value = self._originals.get(placeholder[0].lower(), (None, ""))
            return _shown(kind, value) if kind in kinds else placeholder[0]

        return _PLACEHOLDER.sub(original, text) if self._originals else text

    def _placeholder(self, text: str, one: Found) -> str:
        written = text[one.start : one.end]
        same = (one.kind, _ALNUM.sub("", written) if one.kind in _NUMBERS else written)
        if same not in self._placeholders:
            self._counts[one.kind] += 1
            name = f"[{one.kind.one}-{self._counts[one.kind]}]"
            self._placeholders[same] = name
            self._originals[name] = (one.kind, written)
        return self._placeholders[same]


def _shown(kind: Kind | None, value: str) -> str:
    if kind is Kind.CARDS:
        return f"•••• {_ALNUM.sub('', value)[-4:]}" if len(value) > _LONGEST_CODE else "•••"
    return "••••" if kind in {Kind.PASSWORDS, Kind.KEYS} else value


_LONGEST_CODE = 4  # digits of a card's security code
_NUMBERS = frozenset({Kind.CARDS, Kind.IBANS, Kind.IDS, Kind.PHONES})
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(kind.one for kind in Kind)})-\d{{1,3}}\]", re.IGNORECASE)


def in_words(counts: Mapping[Kind, int]) -> str:
    """Return `counts` for operators: '1 card, 2 passwords'."""
    return ", ".join(f"{n} {kind.one if n == 1 else kind.value}" for kind, n in sorted(counts.items()))


def _cards(text: str) -> Iterator[Found]:
    for run in _DIGITS.finditer(text):
        groups = [(run.start() + group.start(), run.start() + group.end()) for group in _GROUP.finditer(run[0])]
        yield from _cards_among(text, groups)
    for code in _CODE.finditer(text):
        yield Found(Kind.CARDS, code.start(1), code.end(1))


def _cards_among(text: str, groups: Sequence[tuple[int, int]]) -> Iterator[Found]:
    """Find card numbers in neighbouring groups of digits: an order's number may stand before, a date behind."""
    lengths = tuple(end - start for start, end in groups)
    first = 0
    while first < len(groups):
        for last in _ends(lengths, first):
            if _is_card(text, groups[first:last]):
                yield Found(Kind.CARDS, groups[first][0], groups[last - 1][1])
                first = last - 1
                break
        first += 1


def _ends(lengths: tuple[int, ...], first: int) -> Iterator[int]:
    """Return where groups of such lengths end that are written as a card is and begin at `first`, the most first."""
    if lengths[first] >= _SHORTEST_CARD:
        yield first + 1
    elif lengths[first] in _OPENING:
        most = min(len(lengths), first + _MOST_GROUPS)
        yield from (last for last in range(most, first, -1) if lengths[first:last] in _WRITTEN)


def _is_card(text: str, groups: Sequence[tuple[int, int]]) -> bool:
    number = "".join(text[start:end] for start, end in groups)
    start = groups[0][0]
    named = len(groups) == 1 and _OTHERS.search(text, max(0, start - _BEFORE), start)
    return not named and bool(_SCHEMES.fullmatch(number)) and bool(luhn.is_valid(number))


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        places = [match.start() + at for at, letter in enumerate(match[0]) if letter.isalnum()]
        number = _ALNUM.sub("", match[0]).upper()
        for length in range(len(number), _SHORTEST_IBAN - 1, -1):
            if iban.is_valid(number[:length], check_country=False):
                yield Found(Kind.IBANS, match.start(), places[length - 1] + 1)
                break


def _ids(text: str) -> Iterator[Found]:
    for match in _TELLS.finditer(text):
        if any(shape.fullmatch(match[0]) and is_valid(match[0]) for shape, is_valid in _SHAPES):
            yield Found(Kind.IDS, match.start(), match.end())
    for match in _BARE.finditer(text):
        if _ID_WORD.search(text, max(0, match.start() - _BEFORE), match.start()) and _is_plain_id(match[0]):
            yield Found(Kind.IDS, match.start(), match.end())


def _is_plain_id(written: str) -> bool:
    number = _ALNUM.sub("", written)
    return any(country.is_valid(number) for country in _PLAIN)


def _passwords(text: str) -> Iterator[Found]:
    for match in _PASSWORD.finditer(text):
        value = match["value"].rstrip(".,;!?)")
        alone = match["sign"] is not None and not match["rest"].strip(" \t\"'”»`.,;!")
        is_address = value.lower().startswith(("http://", "https://", "www."))
        if _PLACEHOLDER.fullmatch(value) or is_address or len(value) < 3:
            continue
        if alone or _looks_made_up(value):
            yield Found(Kind.PASSWORDS, match.start("value"), match.start("value") + len(value))
    for match in _PIN.finditer(text):
        yield Found(Kind.PASSWORDS, match.start(1), match.end(1))


def _looks_made_up(value: str) -> bool:
    """Whether it is no word of a sentence: it holds a digit, a sign, or capitals after small letters."""
    inside = value.strip("*_<>[](){}")
    return bool(re.search(r"\d|[^\w'’.,:;<>()\[\]*/-]|[a-z][A-Z]", inside)) and inside != ""


def _matches(kind: Kind, pattern: re.Pattern[str]) -> Callable[[str], Iterator[Found]]:
    return lambda text: (Found(kind, match.start(), match.end()) for match in pattern.finditer(text))


_FINDERS: Mapping[Kind, Callable[[str], Iterator[Found]]] = {
    Kind.CARDS: _cards,
    Kind.IBANS: _ibans,
    Kind.IDS: _ids,
    Kind.PASSWORDS: _passwords,
    Kind.KEYS: _matches(Kind.KEYS, keys.PATTERN),
    Kind.EMAILS: _matches(Kind.EMAILS, _EMAIL),
    Kind.PHONES: _matches(Kind.PHONES, _PHONE),
}
