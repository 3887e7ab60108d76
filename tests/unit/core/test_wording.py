"""The fixed sentences customers read: core/wording.py and its table."""

import re
import tomllib
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core import wording
from core.phrases import wants_person
from core.wording import LANGUAGES, Line, text, when

TABLE: dict[str, dict[str, str]] = tomllib.loads(
    Path(wording.__file__).with_name("wording.toml").read_text(encoding="utf-8")
)
BERLIN = ZoneInfo("Europe/Berlin")
TRANSLATIONS = [(line, language) for line in Line for language in LANGUAGES if language != "en"]
PLACES = re.compile(r"\{\w*\}?|\}")


def filled(line: Line, language: str, value: str = "Ada") -> str:
    """The sentence with `value` in every place."""
    return text(line, language, **{place.strip("{}"): value for place in PLACES.findall(TABLE[line]["en"])})


def test_every_sentence_of_the_table_has_a_name_and_every_name_a_sentence() -> None:
    assert set(TABLE) == {line.value for line in Line}


@pytest.mark.parametrize("line", Line)
def test_every_sentence_exists_in_every_language(line: Line) -> None:
    assert tuple(TABLE[line]) == LANGUAGES
    assert all(sentence == sentence.strip() != "" for sentence in TABLE[line].values())


@pytest.mark.parametrize(("line", "language"), TRANSLATIONS)
def test_a_translation_has_the_places_of_the_english_sentence_and_none_of_its_words(line: Line, language: str) -> None:
    assert sorted(PLACES.findall(TABLE[line][language])) == sorted(PLACES.findall(TABLE[line]["en"]))
    assert TABLE[line][language] != TABLE[line]["en"]


def test_only_the_places_that_the_product_fills_occur() -> None:
    used = {line: set(PLACES.findall(sentences["en"])) for line, sentences in TABLE.items()}
    about_operators = {"joined", "left", "handed_back", "resolved", "reopened", "corrected", "withdrawn"}
    assert {line for line, places in used.items() if places == {"{operator}"}} == about_operators
    assert {line for line, places in used.items() if places == {"{when}"}} == {"person_from"}
    assert {line for line, places in used.items() if places == {"{customer}"}} == {"mail_wrote"}
    assert {line for line, places in used.items() if places == {"{company}"}} == {"mail_subject"}
    assert {line for line, places in used.items() if places == {"{articles}"}} == {"other_language"}
    assert {line for line, places in used.items() if places == {"{most}"}} == {"files_left_out"}
    assert {line for line, places in used.items() if places == {"{what}"}} == {"confirm", "done", "not_done"}
    assert sum(bool(places) for places in used.values()) == len(about_operators) + 8


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["{operator}", "{when}", "{0}", "{", "}}", r"\1 \g<0>", "%s", "{operator.__class__}"])
def test_a_name_with_braces_is_only_a_name(name: str, language: str) -> None:
    assert text(Line.JOINED, language, operator=name) == TABLE["joined"][language].replace("{operator}", name)


@pytest.mark.parametrize(
    ("code", "language", "name"),
    [("en", "de", "Englisch"), ("de", "zh", "德语"), ("en", "xx", "English"), ("qq", "de", "qq")],
)
def test_a_language_has_a_name_in_each_of_them(code: str, language: str, name: str) -> None:
    assert wording.language_name(code, language) == name


@pytest.mark.parametrize("language", ["xx", "", "EN", "de-AT"])
def test_a_language_we_do_not_have_gets_english(language: str) -> None:
    assert text(Line.GREETING, language) == "Hello! What can I help you with?"


def test_a_sentence_comes_in_the_customers_language() -> None:
    assert text(Line.JOINED, "de", operator="Ada") == "Ada ist jetzt für Sie da."
    assert text(Line.THANKS, "ja") == "どういたしまして。ほかにも何かありましたら、いつでもお書きください。"


def test_a_value_that_is_missing_or_has_no_place_is_a_bug() -> None:
    with pytest.raises(KeyError, match="operator"):
        text(Line.JOINED, "fr")
    with pytest.raises(KeyError, match=r"no place for.*'name'"):
        text(Line.JOINED, "fr", operator="Ada", name="Ada")
    with pytest.raises(KeyError, match="no place"):
        text(Line.GREETING, operator="Ada")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_offered_to_a_customer_who_wants_a_person_are_understood(language: str) -> None:
    quoted = re.search(r"[“«„「]\s*(.+?)\s*[”»“」]", text(Line.SORRY_UNHELPFUL, language))
    assert quoted is not None
    assert wants_person(quoted[1])


@pytest.mark.parametrize("line", Line)
def test_an_arabic_sentence_runs_from_right_to_left_even_with_a_latin_name(line: Line) -> None:
    directions = [unicodedata.bidirectional(letter) for letter in filled(line, "ar")]
    assert next(direction for direction in directions if direction in {"L", "R", "AL"}) == "AL"


@pytest.mark.parametrize("line", Line)
def test_french_punctuation_does_not_fall_onto_the_next_line(line: Line) -> None:
    assert not re.search(r"(?<!\u00a0)[?!:»](?!\d)|«(?!\u00a0)", filled(line, "fr"))


def moment(day: int, hour: int, zone: tzinfo = BERLIN, month: int = 5) -> datetime:
    """An hour of a day in 2026; 4 May was a Monday."""
    return datetime(2026, month, day, hour, tzinfo=zone)


@pytest.mark.parametrize(
    ("language", "today", "this_week", "later"),
    [
        ("en", "14:00 (CEST)", "Monday 09:00 (CEST)", "Monday, 11 May 09:00 (CEST)"),
        ("es", "14:00 (CEST)", "lunes 09:00 (CEST)", "lunes, 11 de mayo 09:00 (CEST)"),
        ("fr", "14:00 (CEST)", "lundi 09:00 (CEST)", "lundi 11 mai 09:00 (CEST)"),
        ("de", "14:00 (CEST)", "Montag 09:00 (CEST)", "Montag, 11. Mai 09:00 (CEST)"),
        ("pt", "14:00 (CEST)", "segunda-feira 09:00 (CEST)", "segunda-feira, 11 de maio 09:00 (CEST)"),
        ("it", "14:00 (CEST)", "lunedì 09:00 (CEST)", "lunedì 11 maggio 09:00 (CEST)"),
        ("nl", "14:00 (CEST)", "maandag 09:00 (CEST)", "maandag 11 mei 09:00 (CEST)"),
        ("ru", "14:00 (CEST)", "понедельник 09:00 (CEST)", "понедельник, 11 мая 09:00 (CEST)"),
        ("zh", "14:00 (CEST)", "星期一 09:00 (CEST)", "5月11日星期一 09:00 (CEST)"),
        ("ar", "14:00 (CEST)", "الاثنين 09:00 (CEST)", "الاثنين، 11 مايو 09:00 (CEST)"),
        ("hi", "14:00 (CEST)", "सोमवार 09:00 (CEST)", "सोमवार, 11 मई 09:00 (CEST)"),
        ("ja", "14:00 (CEST)", "月曜日 09:00 (CEST)", "5月11日月曜日 09:00 (CEST)"),
        ("xx", "14:00 (CEST)", "Monday 09:00 (CEST)", "Monday, 11 May 09:00 (CEST)"),
        ("", "14:00 (CEST)", "Monday 09:00 (CEST)", "Monday, 11 May 09:00 (CEST)"),
    ],
)
def test_an_opening_is_said_as_briefly_as_is_clear(language: str, today: str, this_week: str, later: str) -> None:
    friday = moment(1, 8)
    assert when(moment(1, 14), friday, language) == today
    assert when(moment(4, 9), friday, language) == this_week
    assert when(moment(11, 9), friday, language) == later


def test_the_same_weekday_in_a_week_is_said_with_its_date() -> None:
    monday = moment(4, 18)
    assert when(moment(10, 9), monday, "en") == "Sunday 09:00 (CEST)"
    assert when(moment(11, 9), monday, "en") == "Monday, 11 May 09:00 (CEST)"


def test_the_day_is_the_one_at_the_desk() -> None:
    sunday_night_in_utc = datetime(2026, 5, 3, 22, 30, tzinfo=UTC)
    assert when(moment(4, 9), sunday_night_in_utc, "en") == "09:00 (CEST)"
    assert when(moment(4, 9), sunday_night_in_utc - timedelta(hours=1), "en") == "Monday 09:00 (CEST)"


@pytest.mark.parametrize(
    ("zone", "month", "name"),
    [
        (BERLIN, 1, "CET"),
        (BERLIN, 7, "CEST"),
        (ZoneInfo("America/New_York"), 1, "EST"),
        (ZoneInfo("Asia/Tokyo"), 1, "JST"),
        (UTC, 1, "UTC"),
        (ZoneInfo("America/Sao_Paulo"), 1, "GMT-3"),
        (ZoneInfo("Asia/Kathmandu"), 1, "GMT+5:45"),
        (timezone(timedelta(hours=5, minutes=30)), 1, "GMT+5:30"),
        (timezone(-timedelta(hours=3, minutes=30)), 1, "GMT-3:30"),
        (timezone(timedelta(minutes=5)), 1, "GMT+0:05"),
    ],
)
def test_the_zone_is_named_as_people_know_it(zone: tzinfo, month: int, name: str) -> None:
    assert when(moment(12, 14, zone, month), moment(12, 9, zone, month), "en") == f"14:00 ({name})"


def test_the_sentence_about_the_opening_reads_well() -> None:
    opening = when(moment(4, 9), moment(1, 18), "ru")
    assert text(Line.PERSON_FROM, "ru", when=opening) == "Вам ответит человек. Начало работы: понедельник 09:00 (CEST)."
    opening = when(moment(4, 9), moment(1, 18), "en")
    assert text(Line.PERSON_FROM, when=opening) == "A person answers from Monday 09:00 (CEST)."
