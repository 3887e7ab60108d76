"""Opening hours: a customer hears the true next opening, and only opening time counts, whatever the clocks do."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.hours import ALWAYS, Hours, HoursError, Span

HOUR, DAY, QUARTER = 3600, 86400, 900
BERLIN = "Europe/Berlin"
SPLIT = "Mon-Fri 09:00-12:30,13:30-17:00; Sat 10:00-14:00"


def at(wall: str, zone: str = BERLIN, *, second_time: bool = False) -> float:
    """Return the instant at which a clock in `zone` shows `wall`; `second_time` once it has gone back."""
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=int(second_time)).timestamp()


def opening(hours: Hours, moment: float) -> str | None:
    """Return the next opening as a customer would read it: 'Mon 2026-06-15 09:00'."""
    opens = hours.opens_at(moment)
    return None if opens is None else f"{opens:%a %Y-%m-%d %H:%M}"


def week(hours: str) -> dict[int, list[tuple[int, int]]]:
    """Return the days that have openings, 0 for Monday, each with the minutes at which they start and end."""
    return {n: [(s.start, s.end) for s in spans] for n, spans in enumerate(Hours.parse(hours).week) if spans}


NINE_TO_FIVE = [(540, 1020)]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Mon 9-17", [0]),
        ("Mon 9:00-17", [0]),
        ("Mon 09:00-17:00;", [0]),
        ("  mOnDaY   9 - 17 ", [0]),
        ("Mo 9-17; Tues 9-17; thurs 9-17", [0, 1, 3]),
        ("Mon,Wed 9-17", [0, 2]),
        ("Mon, Wed-Fri ,Su 9-17", [0, 2, 3, 4, 6]),
        ("Mon Wed 9-17", [0, 2]),
        ("Fri-Mon 9-17", [0, 4, 5, 6]),
        ("Sat-Fri 9-17", [0, 1, 2, 3, 4, 5, 6]),
        ("Tue-Tue 9-17", [1]),
        ("Mon–Wed 9–17", [0, 1, 2]),
        ("Mon-Wed\n9-17", [0, 1, 2]),
        ("Mon 9-17, Tue 9-17", [0, 1]),
        ("Mon 9-17, Tue, Thu 9-17", [0, 1, 3]),
    ],
)
def test_days_are_read_as_people_write_them(text: str, days: list[int]) -> None:
    assert week(text) == dict.fromkeys(days, NINE_TO_FIVE)


@pytest.mark.parametrize(
    ("times", "spans"),
    [
        ("09:00-12:30,13:30-17:00", [(540, 750), (810, 1020)]),
        ("13:30-17:00, 09:00-12:30", [(540, 750), (810, 1020)]),
        ("9-12 13-17", [(540, 720), (780, 1020)]),
        ("9-12,12-17", [(540, 1020)]),
        ("9-13,12-17", [(540, 1020)]),
        ("9-17,10-11,16-18", [(540, 1080)]),
        ("0-24", [(0, 1440)]),
        ("00:00-24:00", [(0, 1440)]),
        ("18-0", [(1080, 1440)]),
        ("18:00-24:00", [(1080, 1440)]),
        ("22:00-02:00", [(1320, 1560)]),
        ("23-4,20-23:30", [(1200, 1680)]),
        ("9-12; Wed 13-17; WED 16-18", [(540, 720), (780, 1080)]),
    ],
)
def test_times_of_one_day_are_ordered_and_merged(times: str, spans: list[tuple[int, int]]) -> None:
    assert week(f"Wed {times}") == {2: spans}


def test_a_comma_between_days_and_one_between_times_are_told_apart() -> None:
    assert week("Mon,Tue 9-12,13-17; Sat,Sun 10-14, Fri 9-12") == {
        0: [(540, 720), (780, 1020)],
        1: [(540, 720), (780, 1020)],
        4: [(540, 720)],
        5: [(600, 840)],
        6: [(600, 840)],
    }


HOURS_EXAMPLE = "Mon-Fri 09:00-12:30,13:30-17:00; Sat 10:00-14:00"
HOLIDAYS_EXAMPLE = "2026-05-14, 2026-12-24..2026-12-31, 12-25"


@pytest.mark.parametrize(
    ("text", "read", "why"),
    [
        ("Montag 9-17", "Montag", "no day of the week"),
        ("M 9-17", "'M'", "two letters or more"),
        ("Mon-Fr1 9-17", "'1 9-17'", "can't be read"),
        ("Mon-Fri 9-17; Sun closed", "'closed'", "no day of the week"),
        ("always", "'always'", "no day of the week"),
        ("Mon 9-25:00", "'25:00'", "no time of day"),
        ("Mon 9-24:01", "'24:01'", "no time of day"),
        ("Mon 9:60-17", "'9:60'", "no time of day"),
        ("Mon 9:5-17", "'9:5'", "no time of day"),
        ("Mon 9-1718-20", "'1718'", "no time of day"),
        ("Mon 9::00-17", "'9::00'", "no time of day"),
        ("Mon 24:00-03:00", "'24:00-03:00'", "begins at 24:00"),
        ("Mon 9-09:00", "'9-09:00'", "ends when it begins"),
        ("Mon 0-0", "'0-0'", "00:00-24:00"),
        ("9-17", "'9-17'", "on which days"),
        ("Mon 9-17; 10-12", "'10-12'", "on which days"),
        ("Mon", "'Mon'", "no times"),
        ("Mon; Tue 9-17", "'Mon'", "no times"),
        ("Mon 9-17, Tue", "'Mon 9-17, Tue'", "no times"),
        ("Mon 9am-5pm", "'9am-5pm'", "can't be read"),
        ("Mon 9-17-18", "'-18'", "can't be read"),
        ("Mon-Wed-Fri 9-17", "'-Fri 9-17'", "can't be read"),
        ("Mon: 9-17", "': 9-17'", "can't be read"),
        (", Mon 9-17", "', Mon 9-17'", "can't be read"),
        (" ; ", "';'", "no day"),
        ("Mon ٩-17", "'٩-17'", "can't be read"),
    ],
)
def test_hours_that_cannot_be_read_are_quoted_beside_an_example(text: str, read: str, why: str) -> None:
    with pytest.raises(HoursError) as error:
        Hours.parse(text)
    assert read in str(error.value)
    assert why in str(error.value)
    assert HOURS_EXAMPLE in str(error.value)


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "Europe", "", "../../etc/passwd", "/etc/localtime", "UTC+2", "a\0b", "x" * 5000]
)
def test_an_unknown_zone_is_quoted_beside_an_example(zone: str) -> None:
    with pytest.raises(HoursError, match=r"The time zone '.*' is not known\..*'Europe/Berlin'") as error:
        Hours.parse("Mon 9-17", zone)
    assert zone[:40].replace("\0", "\\x00") in str(error.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-12-31..2026-12-24", "end before they begin"),
        ("2026-01-01..2027-01-02", "longer than a year"),
        ("2026-01-01..9999-12-31", "longer than a year"),
        ("2026-02-30", "not in the calendar"),
        ("2026-02-27..2026-02-29", "not in the calendar"),
        ("02-30", "not in the calendar"),
        ("25-12", "not in the calendar"),
        ("0000-01-01", "not in the calendar"),
        ("12-24..12-26", "can't be read"),
        ("2026-12-24..", "can't be read"),
        ("2026-12-24...2026-12-26", "can't be read"),
        ("2026-12-24..2026-12-25..2026-12-26", "can't be read"),
        ("20261224", "can't be read"),
        ("2026-W52-5", "can't be read"),
        ("24.12.2026", "can't be read"),
        ("Christmas", "can't be read"),
    ],
)
def test_a_holiday_that_cannot_be_read_is_quoted_beside_an_example(text: str, why: str) -> None:
    with pytest.raises(HoursError) as error:
        Hours.parse(holidays=f"2026-05-01, {text}")
    assert f"'{text}'" in str(error.value)
    assert why in str(error.value)
    assert HOLIDAYS_EXAMPLE in str(error.value)


@pytest.mark.parametrize("nonsense", ["x" * 5000, "9" * 5000, "Mon 9-17 ?" * 500, "Mon\n" * 2000, "-" * 5000])
def test_long_nonsense_is_refused_in_a_short_sentence_on_one_line(nonsense: str) -> None:
    for wrong in ({"hours": nonsense}, {"holidays": nonsense}, {"zone": nonsense}):
        with pytest.raises(HoursError) as error:
            Hours.parse(**wrong)
        assert len(str(error.value)) < 300
        assert "\n" not in str(error.value)


@given(text=st.text("MonFrisatu 0123459:-,;.\n–?", max_size=300))
def test_whatever_is_written_is_read_or_refused_with_a_sentence(text: str) -> None:
    for setting in ("hours", "holidays", "zone"):
        try:
            read = Hours.parse(**{setting: text})
        except HoursError as error:
            assert "Write " in str(error)
        else:
            assert all(0 <= span.start < 1440 and span.start < span.end < 2880 for day in read.week for span in day)


def test_an_hours_error_is_a_value_error() -> None:
    assert issubclass(HoursError, ValueError)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("2026-06-15 08:59:59", "Mon 2026-06-15 09:00"),
        ("2026-06-15 09:00", "Mon 2026-06-15 09:00"),
        ("2026-06-15 12:29", "Mon 2026-06-15 12:29"),
        ("2026-06-15 12:30", "Mon 2026-06-15 13:30"),
        ("2026-06-15 13:00", "Mon 2026-06-15 13:30"),
        ("2026-06-15 13:30", "Mon 2026-06-15 13:30"),
        ("2026-06-15 17:00", "Tue 2026-06-16 09:00"),
        ("2026-06-19 17:00", "Sat 2026-06-20 10:00"),
        ("2026-06-20 14:00", "Mon 2026-06-22 09:00"),
        ("2026-06-21 12:00", "Mon 2026-06-22 09:00"),
    ],
)
def test_a_customer_hears_the_next_opening_of_a_split_shift(asked: str, answer: str) -> None:
    assert opening(Hours.parse(SPLIT, BERLIN), at(asked)) == answer


def test_while_the_desk_is_open_the_answer_is_the_very_moment() -> None:
    moment = at("2026-06-15 10:11:12.500000")
    opens = Hours.parse(SPLIT, BERLIN).opens_at(moment)
    assert opens is not None
    assert opens.timestamp() == moment
    assert opens.tzinfo is ZoneInfo(BERLIN)


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-06-15 00:00", "2026-06-16 00:00", 7.0),
        ("2026-06-15 12:00", "2026-06-15 14:00", 1.0),
        ("2026-06-15 12:30", "2026-06-15 13:30", 0.0),
        ("2026-06-15 16:00", "2026-06-16 10:00", 2.0),
        ("2026-06-15 00:00", "2026-06-22 00:00", 39.0),
        ("2026-06-15 10:00", "2026-06-15 10:15", 0.25),
        ("2026-06-15 10:00", "2026-06-15 10:00", 0.0),
        ("2026-06-15 11:00", "2026-06-15 10:00", 0.0),
        ("2026-06-01 00:00", "2026-07-01 00:00", 4 * 39 + 2 * 7),
    ],
)
def test_a_reminder_counts_opening_time_only(since: str, until: str, hours: float) -> None:
    assert Hours.parse(SPLIT, BERLIN).open_seconds(at(since), at(until)) == hours * HOUR


def test_parts_of_a_second_count() -> None:
    hours = Hours.parse("Mon 9-17", BERLIN)
    assert hours.open_seconds(at("2026-06-15 09:00") - 5.5, at("2026-06-15 09:00") + 0.25) == 0.25
    assert not hours.is_open(at("2026-06-15 09:00") - 0.001)
    assert hours.is_open(at("2026-06-15 17:00") - 0.001)


def test_an_evening_runs_into_the_next_day_and_over_the_end_of_the_week() -> None:
    hours = Hours.parse("Sun 22:00-02:00", BERLIN)
    assert hours.is_open(at("2026-06-21 23:59:59"))
    assert hours.is_open(at("2026-06-22 01:59:59"))
    assert not hours.is_open(at("2026-06-22 02:00"))
    assert not hours.is_open(at("2026-06-21 01:00")), "Saturday has no evening"
    assert hours.open_seconds(at("2026-06-21 00:00"), at("2026-06-23 00:00")) == 4 * HOUR
    assert opening(hours, at("2026-06-22 02:00")) == "Sun 2026-06-28 22:00"


def test_time_is_counted_once_where_an_evening_overlaps_the_next_morning() -> None:
    hours = Hours.parse("Mon 22-6; Tue 4-9", BERLIN)
    assert hours.open_seconds(at("2026-06-15 00:00"), at("2026-06-18 00:00")) == 11 * HOUR
    assert opening(hours, at("2026-06-16 09:00")) == "Mon 2026-06-22 22:00"


def test_a_desk_without_hours_is_open_around_the_clock() -> None:
    assert ALWAYS.always
    assert Hours.parse() == ALWAYS == Hours.parse("  ")
    for moment in (0.0, 0.5, at("2026-12-25 03:00")):
        opens = ALWAYS.opens_at(moment)
        assert ALWAYS.is_open(moment)
        assert opens is not None
        assert opens.timestamp() == moment
    assert ALWAYS.open_seconds(0.25, 1_800_000_000.5) == 1_800_000_000.25
    assert ALWAYS.open_seconds(5.0, 4.0) == 0
    assert ALWAYS.open_seconds(0.0, 1e15) == 1e15, "no calendar is needed"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mon-Sun 0-24",
        "Mon-Sun 0-12,12-24",
        "Mon-Sun 8-2,1-9",
        "Mon 0-13,12-2; Tue-Sun 0-24",
        "Mon-Sat 0-24; Sun 0-24",
    ],
)
def test_a_week_without_a_gap_is_around_the_clock(text: str) -> None:
    hours = Hours.parse(text, BERLIN)
    assert hours.always
    assert hours.open_seconds(at("2026-03-29 00:00"), at("2026-03-30 00:00")) == 23 * HOUR


@pytest.mark.parametrize(
    ("text", "holidays"),
    [("Mon-Sun 0-23:59", ""), ("Mon-Sat 0-24", ""), ("closed", ""), ("", "12-25"), ("", "2026-05-01")],
)
def test_a_week_with_a_gap_or_a_holiday_is_not(text: str, holidays: str) -> None:
    assert not Hours.parse(text, BERLIN, holidays).always


@pytest.mark.parametrize("text", ["closed", " Closed "])
def test_a_desk_that_never_opens_promises_nobody(text: str) -> None:
    hours = Hours.parse(text, BERLIN)
    assert hours.opens_at(at("2026-06-15 10:00")) is None
    assert not hours.is_open(at("2026-06-15 10:00"))
    assert hours.open_seconds(at("2026-01-01 00:00"), at("2027-01-01 00:00")) == 0


def test_an_opening_further_off_than_400_days_is_no_promise() -> None:
    hours = Hours.parse("Mon-Sun 9-17", BERLIN, "2026-01-01..2026-12-31, 2027-01-01..2027-12-31")
    new_year = at("2028-01-01 09:00")
    assert hours.opens_at(new_year - 400 * DAY) is None
    assert opening(hours, new_year - 400 * DAY + 60) == "Sat 2028-01-01 09:00"


@pytest.mark.parametrize(
    ("holidays", "closed", "open_"),
    [
        ("2026-12-25", ["2026-12-25"], ["2026-12-24", "2026-12-26", "2027-12-25"]),
        ("12-25", ["2026-12-25", "2027-12-25", "2031-12-25"], ["2026-12-24", "2026-12-26"]),
        (
            "2026-12-30..2027-01-02",
            ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"],
            ["2026-12-29", "2027-01-03"],
        ),
        ("2026-12-24 .. 2026-12-24 ,", ["2026-12-24"], ["2026-12-23", "2026-12-25"]),
        ("01-01, 2026-05-14,12-25", ["2026-01-01", "2027-01-01", "2026-05-14", "2026-12-25"], ["2027-05-14"]),
        ("02-29", ["2028-02-29"], ["2027-02-28", "2027-03-01", "2028-02-28", "2028-03-01"]),
        ("2027-01-01..2028-01-01", ["2027-01-01", "2027-12-31", "2028-01-01"], ["2026-12-31", "2028-01-02"]),
    ],
)
def test_a_holiday_closes_the_desk_from_midnight_to_midnight(
    holidays: str, closed: list[str], open_: list[str]
) -> None:
    hours = Hours.parse("", BERLIN, holidays)
    for moment in ("00:00", "12:00", "23:59:59"):
        assert not any(hours.is_open(at(f"{day} {moment}")) for day in closed)
        assert all(hours.is_open(at(f"{day} {moment}")) for day in open_)


def test_a_customer_hears_the_first_opening_after_the_holidays() -> None:
    hours = Hours.parse(SPLIT, BERLIN, "2026-12-24..2026-12-26, 12-31, 01-01")
    assert opening(hours, at("2026-12-23 17:00")) == "Mon 2026-12-28 09:00"
    assert opening(hours, at("2026-12-30 17:00")) == "Sat 2027-01-02 10:00"
    assert hours.open_seconds(at("2026-12-21 00:00"), at("2026-12-28 00:00")) == 3 * 7 * HOUR


def test_an_evening_ends_at_midnight_before_a_holiday_and_does_not_begin_on_one() -> None:
    hours = Hours.parse("Mon-Sun 22:00-02:00", BERLIN, "2026-12-25")
    assert hours.is_open(at("2026-12-24 23:59:59"))
    assert not hours.is_open(at("2026-12-25 00:00"))
    assert not hours.is_open(at("2026-12-25 22:30"))
    assert not hours.is_open(at("2026-12-26 01:00")), "Friday's evening did not take place"
    assert opening(hours, at("2026-12-25 00:00")) == "Sat 2026-12-26 22:00"
    assert hours.open_seconds(at("2026-12-24 12:00"), at("2026-12-27 12:00")) == (2 + 4) * HOUR


SPRING, AUTUMN = "2026-03-29", "2026-10-25"


@pytest.mark.parametrize(
    ("text", "day", "hours"),
    [
        ("Sun 9-17", SPRING, 8),
        ("Sun 9-17", AUTUMN, 8),
        ("Sun 0-24", SPRING, 23),
        ("Sun 0-24", AUTUMN, 25),
        ("Sun 1-4", SPRING, 2),
        ("Sun 1-4", AUTUMN, 4),
        ("Sun 1-2:30", SPRING, 1),
        ("Sun 2:30-4", SPRING, 1),
        ("Sun 2:15-2:45", SPRING, 0),
        ("Sun 2-3", AUTUMN, 2),
        ("Sun 2:15-2:45", AUTUMN, 1),
        ("Sat 22-4", SPRING, 3),
        ("Sat 22-4", AUTUMN, 5),
    ],
)
def test_on_the_day_the_clocks_change_the_seconds_that_pass_are_counted(text: str, day: str, hours: int) -> None:
    midnight, next_midnight = at(day), at(f"{date.fromisoformat(day) + timedelta(days=1)}")
    assert Hours.parse(text, BERLIN).open_seconds(midnight, next_midnight) == hours * HOUR


@pytest.mark.parametrize(
    ("text", "asked", "answer"),
    [
        ("Sun 9-17", "2026-03-28 20:00", "2026-03-29T09:00:00+02:00"),
        ("Sun 9-17", "2026-10-24 20:00", "2026-10-25T09:00:00+01:00"),
        ("Sun 2:30-4", "2026-03-29 01:00", "2026-03-29T03:00:00+02:00"),
        ("Sun 2:15-2:45", "2026-03-29 01:00", "2026-04-05T02:15:00+02:00"),
        ("Sun 2:30-4", "2026-10-25 01:00", "2026-10-25T02:30:00+02:00"),
    ],
)
def test_the_next_opening_is_told_in_the_new_time_after_the_clocks_change(text: str, asked: str, answer: str) -> None:
    opens = Hours.parse(text, BERLIN).opens_at(at(asked))
    assert opens is not None
    assert opens.isoformat() == answer
    assert opens.timestamp() == datetime.fromisoformat(answer).timestamp()


def test_a_desk_open_over_the_jump_stays_open() -> None:
    hours = Hours.parse("Sun 1-4", BERLIN)
    jump = at("2026-03-29 03:00")
    assert hours.is_open(jump - 0.5)
    assert hours.is_open(jump)
    assert hours.open_seconds(jump - 60, jump + 60) == 120
    assert hours.open_seconds(jump - HOUR - 60, jump + HOUR + 60) == 2 * HOUR


@pytest.mark.parametrize("seconds", [0.5, 1, 2, 3, 7, 1001])
def test_the_jump_is_found_to_the_second(seconds: float) -> None:
    jump = at("2026-03-29 03:00")
    before, after = Hours.parse("Sun 1-2", BERLIN), Hours.parse("Sun 3-4", BERLIN)
    assert before.is_open(jump - seconds)
    assert not after.is_open(jump - seconds)
    assert before.open_seconds(jump - seconds, jump + HOUR) == seconds
    assert after.open_seconds(jump - seconds, jump + HOUR) == HOUR


def test_the_hour_that_comes_twice_is_open_both_times() -> None:
    hours = Hours.parse("Sun 2:00-2:30", BERLIN)
    first, second = at("2026-10-25 02:10"), at("2026-10-25 02:10", second_time=True)
    assert second - first == HOUR
    assert hours.is_open(first)
    assert hours.is_open(second)
    again = hours.opens_at(at("2026-10-25 02:40"))
    assert again is not None
    assert again.isoformat() == "2026-10-25T02:00:00+01:00"


def test_a_half_hour_zone_opens_on_its_own_clock() -> None:
    hours = Hours.parse("Mon-Fri 9:30-18", "Asia/Kolkata")
    opens = hours.opens_at(at("2026-06-15 00:00", "UTC"))
    assert opens is not None
    assert opens.isoformat() == "2026-06-15T09:30:00+05:30"
    assert opens.timestamp() == at("2026-06-15 04:00", "UTC")
    assert not hours.is_open(at("2026-06-15 12:30", "UTC"))
    assert hours.open_seconds(at("2026-06-14 18:30", "UTC"), at("2026-06-15 18:30", "UTC")) == 8.5 * HOUR


def test_a_week_begins_where_the_desk_is_not_in_greenwich() -> None:
    hours = Hours.parse("Mon 0-24", "Pacific/Auckland")
    assert hours.is_open(at("2026-06-14 12:00", "UTC"))
    assert not hours.is_open(at("2026-06-15 12:00", "UTC"))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Africa/Cairo", "2026-04-24", 23),  # from 00:00 to 01:00: the day has no midnight
        ("America/Havana", "2026-11-01", 25),  # from 01:00 to 00:00: it has two
        ("Australia/Lord_Howe", "2026-10-04", 23.5),  # half an hour only
    ],
)
def test_clocks_that_change_at_midnight_or_by_half_an_hour_are_counted_right(zone: str, day: str, hours: float) -> None:
    weekday = f"{date.fromisoformat(day):%a}"
    around = at(f"{day} 12:00", zone) - 2 * DAY, at(f"{day} 12:00", zone) + 2 * DAY
    assert Hours.parse(f"{weekday} 0-24", zone).open_seconds(*around) == hours * HOUR


def test_a_span_is_read_in_minutes_of_the_day() -> None:
    assert Hours.parse("Tue 9:15-9:45").week[1] == (Span(555, 585),)


@dataclass(frozen=True)
class Written:
    """Hours as a person might write them, with a second, plainer way to tell whether the desk is open."""

    entries: tuple[tuple[frozenset[int], int, int], ...]
    holidays: frozenset[date]
    zone: str

    def hours(self) -> Hours:
        names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
        text = "; ".join(
            f"{','.join(names[day] for day in sorted(days))} {start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}"
            for days, start, end in self.entries
        )
        return Hours.parse(text or "closed", self.zone, ",".join(map(str, self.holidays)))

    def is_open(self, moment: float) -> bool:
        wall = datetime.fromtimestamp(moment, ZoneInfo(self.zone))
        today, minute = wall.date(), wall.hour * 60 + wall.minute
        eve = today - timedelta(days=1)
        for days, start, end in self.entries:
            until = end if start < end else 1440
            if today.weekday() in days and start <= minute < until and today not in self.holidays:
                return True
            if end < start and eve.weekday() in days and minute < end and not {today, eve} & self.holidays:
                return True
        return False


ZONES = ["UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana"]
# Hours before a change of the clocks in Cairo, Berlin, Berlin, Havana and Lord Howe, and one ordinary week.
AROUND = [
    at(day, "UTC") for day in ("2026-04-22", "2026-03-27", "2026-10-23", "2026-10-30", "2026-10-02", "2026-06-15")
]


@st.composite
def written(draw: st.DrawFn) -> Written:
    quarters = st.integers(0, 95)
    pairs = st.tuples(quarters, quarters).filter(lambda pair: pair[0] != pair[1])
    entry = st.builds(
        lambda days, pair: (days, 15 * pair[0], 15 * pair[1]), st.frozensets(st.integers(0, 6), min_size=1), pairs
    )
    near = st.sampled_from(AROUND).map(lambda moment: datetime.fromtimestamp(moment, ZoneInfo("UTC")).date())
    holiday = st.builds(lambda day, later: day + timedelta(days=later), near, st.integers(0, 7))
    return Written(
        tuple(draw(st.lists(entry, max_size=4))),
        draw(st.frozensets(holiday, max_size=3)),
        draw(st.sampled_from(ZONES)),
    )


moments = st.builds(lambda base, step: base + step * QUARTER, st.sampled_from(AROUND), st.integers(0, 4 * 96))


@settings(deadline=None)
@given(plan=written(), moment=moments)
def test_at_every_quarter_the_desk_is_open_as_its_wall_clock_says(plan: Written, moment: float) -> None:
    hours = plan.hours()
    for step in range(2 * 96):
        assert hours.is_open(moment + step * QUARTER) == plan.is_open(moment + step * QUARTER)


@settings(deadline=None)
@given(plan=written(), moment=moments, later=st.integers(0, QUARTER - 1))
def test_the_next_opening_is_open_and_nothing_before_it_is(plan: Written, moment: float, later: int) -> None:
    hours, asked = plan.hours(), moment + later
    opens = hours.opens_at(asked)
    until = asked + 9 * DAY if opens is None else opens.timestamp()
    assert until >= asked
    assert opens is None or plan.is_open(until)
    assert until == asked or not plan.is_open(until - 1)
    for step in range(min(int(until - asked) // QUARTER, 9 * 96)):
        assert not plan.is_open(asked + step * QUARTER)


@settings(deadline=None)
@given(plan=written(), moment=moments, quarters=st.integers(0, 5 * 96))
def test_opening_time_is_the_sum_of_the_quarters_that_are_open(plan: Written, moment: float, quarters: int) -> None:
    sampled = QUARTER * sum(plan.is_open(moment + step * QUARTER) for step in range(quarters))
    assert plan.hours().open_seconds(moment, moment + quarters * QUARTER) == sampled


@given(plan=written(), cuts=st.lists(st.floats(AROUND[1], AROUND[3]), min_size=3, max_size=3).map(sorted))
def test_opening_time_adds_up_wherever_it_is_cut(plan: Written, cuts: list[float]) -> None:
    first, middle, last = cuts
    hours = plan.hours()
    parts = hours.open_seconds(first, middle) + hours.open_seconds(middle, last)
    assert parts == pytest.approx(hours.open_seconds(first, last), abs=1e-3)
