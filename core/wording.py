"""The fixed sentences customers read, in their language where we have it.

The sentences are in wording.toml, where people who speak the languages can read and mend them; this
module fills them in and writes out times. Whatever tells the customer something calls it: `decide`,
`handoff`, `operating`, and the agents for their greetings and questions. A language we don't have gets English.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from tomllib import loads

from babel import Locale
from babel.dates import format_datetime

LANGUAGES: tuple[str, ...] = ("en", "es", "fr", "de", "pt", "it", "nl", "ru", "zh", "ar", "hi", "ja")
"""ISO 639-1 codes of the languages every sentence exists in."""

_PLACE = re.compile(r"\{(\w+)\}")

# How each language puts a weekday, a day and a month in a row, as CLDR date patterns.
_DAYS = {
    "en": "EEEE, d MMMM",
    "es": "EEEE, d 'de' MMMM",
    "fr": "EEEE d MMMM",
    "de": "EEEE, d. MMMM",
    "pt": "EEEE, d 'de' MMMM",
    "it": "EEEE d MMMM",
    "nl": "EEEE d MMMM",
    "ru": "EEEE, d MMMM",
    "zh": "M月d日EEEE",
    "ar": "EEEE، d MMMM",
    "hi": "EEEE, d MMMM",
    "ja": "M月d日EEEE",
}
_WEEK = 6  # days ahead for which a weekday's name alone is clear


class Line(StrEnum):
    """A fixed sentence; the value is its table in wording.toml, where a note says when it is sent."""

    HANDED_OFF = "handed_off"
    HANDED_OFF_ASKED = "handed_off_asked"
    HANDED_OFF_FAILED = "handed_off_failed"
    HANDED_OFF_SENSITIVE = "handed_off_sensitive"
    HANDED_OFF_FILE = "handed_off_file"
    PERSON_NOW = "person_now"
    PERSON_FROM = "person_from"
    CUT_SHORT = "cut_short"
    DECLINED = "declined"
    GREETING = "greeting"
    THANKS = "thanks"
    ASK_BACK = "ask_back"
    SORRY_UNHELPFUL = "sorry_unhelpful"
    OTHER_LANGUAGE = "other_language"
    WORDS_ONLY = "words_only"
    JOINED = "joined"
    LEFT = "left"
    HANDED_BACK = "handed_back"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    SURVEY = "survey"
    SURVEY_THANKS = "survey_thanks"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    WAITING_LONG = "waiting_long"
    FILES_LEFT_OUT = "files_left_out"
    MAIL_FOOT = "mail_foot"
    MENTION_FOOT = "mention_foot"
    MAIL_WROTE = "mail_wrote"
    MAIL_SUBJECT = "mail_subject"
    HELPFUL = "helpful"
    UNHELPFUL = "unhelpful"
    ASK_PERSON = "ask_person"
    CONFIRM = "confirm"
    LEFT_ALONE = "left_alone"
    TOO_LATE = "too_late"
    DONE = "done"
    NOT_DONE = "not_done"


def text(line: Line, language: str = "en", **values: str) -> str:
    """Return `line` in `language`, or in English if we don't have that language.

    `values` are what the sentence has braces for (`operator`, `when`, ...), put in as they are: braces in
    a name mean nothing. One that is missing, or that the sentence has no place for, is a KeyError.
    """
    sentence = _in(_table()[line], language)
    if unknown := values.keys() - set(_PLACE.findall(sentence)):
        raise KeyError(f"the sentence {line.value!r} has no place for {sorted(unknown)}")
    return _PLACE.sub(lambda place: values[place[1]], sentence)


def language_name(code: str, language: str) -> str:
    """Return what the language `code` (ISO 639-1) is called in `language`; the code itself where nobody knows."""
    return str(_locale(language).languages.get(code, code))


def when(opening: datetime, now: datetime, language: str) -> str:
    """Return the moment `opening` in words for the {when} of a sentence, in the clock of `opening`'s zone.

    '14:00 (CET)' if that is the day it is `now` there, 'Monday 09:00 (CET)' within six days, else
    'Monday, 5 May 09:00 (CEST)'. Both times carry their zone.
    """
    days = (opening.date() - now.astimezone(opening.tzinfo).date()).days
    day = "" if days == 0 else "EEEE " if 0 < days <= _WEEK else f"{_in(_DAYS, language)} "
    return f"{format_datetime(opening, f'{day}HH:mm', locale=_locale(language))} ({_zone(opening)})"


def _in(translations: Mapping[str, str], language: str) -> str:
    return translations.get(language, translations["en"])


def _zone(moment: datetime) -> str:
    """The zone's short name, such as CET or EST; where it has none but numbers, GMT-3 or GMT+5:30."""
    name = moment.tzname() or ""
    if name.isalpha():
        return name
    offset = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    hours, minutes = divmod(abs(offset), 60)
    return f"GMT{'-' if offset < 0 else '+'}{hours}{f':{minutes:02}' if minutes else ''}"


@cache
def _locale(language: str) -> Locale:
    return Locale(language if language in LANGUAGES else "en")


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    return loads(files(__package__).joinpath("wording.toml").read_text(encoding="utf-8"))
