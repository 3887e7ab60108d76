"""When the desk is open: the customer who is handed over hears from when a person answers, and reminders wait for it.

Whoever words a handover asks `opens_at`; whoever plans a reminder asks `open_seconds`. One rule serves all: the desk is
open while a clock on its wall shows opening time. So when the clocks jump ahead the hour that is skipped is not worked,
and when they go back the hour that comes twice is worked twice. Values only: the time is passed in.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MINUTES = 24 * 60
_DAY = _MINUTES * 60
_HORIZON = 400 * _DAY
_LONGEST_RANGE = timedelta(days=365)
_EPOCH = date(1970, 1, 1).toordinal()
_ONE_DAY = timedelta(days=1)
_NO_SHIFT = timedelta()

_ITEM = re.compile(
    r"(?:(?P<first>[^\W\d_]+)(?:\s*[-–]\s*(?P<last>[^\W\d_]+))?"
    r"|(?P<opens>[0-9][0-9:]*)\s*[-–]\s*(?P<closes>[0-9][0-9:]*))[\s,]*"
)
_TIME = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARLY = re.compile(r"[0-9]{2}-[0-9]{2}")

_HOURS_FIX = "Write hours like 'Mon-Fri 09:00-12:30,13:30-17:00; Sat 10:00-14:00'; a day left out is closed."
_ZONE_FIX = "Write the zone by its place, like 'Europe/Berlin', or 'UTC'."
_HOLIDAYS_FIX = "Write holidays like '2026-05-14, 2026-12-24..2026-12-31, 12-25'; one without a year is every year's."


class HoursError(ValueError):
    """The opening hours can't be read; the sentence quotes what was read and shows how to write it."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One opening, in minutes after midnight, `end` excluded; an `end` above 1440 lies on the next day."""

    start: int
    end: int


_ALL_DAY = (Span(0, _MINUTES),)


@dataclass(frozen=True, slots=True)
class Hours:
    """The desk's week, Monday first, on the clocks of `zone`.

    On `holidays`, and on each `(month, day)` of `yearly`, the desk is closed from midnight to midnight; an opening
    that would begin on such a day and run into the next does not take place.
    """

    week: tuple[tuple[Span, ...], ...]
    zone: ZoneInfo
    holidays: frozenset[date]
    yearly: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def parse(cls, hours: str = "", zone: str = "UTC", holidays: str = "") -> "Hours":
        """Read the three settings as an administrator writes them, or raise `HoursError`.

        `hours`: 'Mon-Fri 09:00-12:30,13:30-17:00; Sat 10:00-14:00'. A name after times begins the next days, so a
        comma may stand for the semicolon. '22-2' ends on the next day. Empty is around the clock; 'closed' is never.
        `holidays`: '2026-05-14, 2026-12-24..2026-12-31, 12-25'; they hold for hours around the clock, too.
        """
        dates, yearly = _read_holidays(holidays)
        return cls(_read_week(hours), _read_zone(zone), dates, yearly)

    @property
    def always(self) -> bool:
        """Whether the desk is open around the clock, on every day of every year."""
        if self.holidays or self.yearly:
            return False
        return all(_within_day(self.week[day], self.week[day - 1]) == _ALL_DAY for day in range(7))

    def is_open(self, at: float) -> bool:
        """Say whether the desk is open at `at`, in seconds since 1970 UTC."""
        midnight, spans = self._day(at, self._shift(at))
        return any(midnight + 60 * span.start <= at < midnight + 60 * span.end for span in spans)

    def midnight(self, at: float) -> float:
        """Return when the day of `at` began, on the clocks of the zone as they are at `at`."""
        return _midnight(at, self._shift(at))

    def opens_at(self, at: float) -> datetime | None:
        """Return when the desk is next open, on the clocks of its zone: `at` itself if it is open then.

        None if it does not open within 400 days.
        """
        if not any(self.week):
            return None
        opening = next(self._openings(at, at + _HORIZON), None)
        return None if opening is None else datetime.fromtimestamp(opening[0], self.zone)

    def open_seconds(self, since: float, until: float) -> float:
        """Return how many seconds the desk is open from `since` to `until`: seconds that pass, not those on the wall.

        0 if `until` is not after `since`.
        """
        if self.always:
            return max(0.0, until - since)
        return math.fsum(end - start for start, end in self._openings(since, until))

    def _openings(self, since: float, until: float) -> Iterator[tuple[float, float]]:
        """Yield the openings from `since` to `until` in order; one that runs over midnight comes in two pieces."""
        for start, end, shift in self._stretches(since, until):
            midnight, spans = self._day(start, shift)
            for span in spans:
                opens, closes = max(start, midnight + 60 * span.start), min(end, midnight + 60 * span.end)
                if opens < closes:
                    yield opens, closes

    def _stretches(self, since: float, until: float) -> Iterator[tuple[float, float, int]]:
        """Cut the time into pieces that lie on one date and under one shift of the clocks; yield that shift too."""
        # No zone of the tz database has changed its clocks there and back within one day since 1970.
        while since < until:
            shift = self._shift(since)
            end = min(until, _midnight(since, shift) + _DAY)
            if self._shift(end) != shift:
                end = self._jump(since, end, shift)
            yield since, end, shift
            since = end

    def _jump(self, since: float, until: float, shift: int) -> int:
        """Return the second, after `since` and no later than `until`, at which the clocks leave `shift`."""
        before, after = math.floor(since), math.floor(until)
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if self._shift(middle) == shift else (before, middle)
        return after

    def _shift(self, at: float) -> int:
        """Return how many seconds the zone's clocks are ahead of UTC. They change on whole seconds only."""
        wall = datetime.fromtimestamp(math.floor(at), self.zone)
        return int((wall.utcoffset() or _NO_SHIFT).total_seconds())

    def _day(self, at: float, shift: int) -> tuple[int, tuple[Span, ...]]:
        """Return when the wall's date at `at` began, by the present `shift`, and that date's openings."""
        midnight = _midnight(at, shift)
        return midnight, self._on(date.fromordinal(_EPOCH + (midnight + shift) // _DAY))

    def _on(self, day: date) -> tuple[Span, ...]:
        if self._closed_on(day):
            return ()
        eve = day - _ONE_DAY
        return _within_day(self.week[day.weekday()], () if self._closed_on(eve) else self.week[eve.weekday()])

    def _closed_on(self, day: date) -> bool:
        return day in self.holidays or (day.month, day.day) in self.yearly


def _midnight(at: float, shift: int) -> int:
    return (math.floor(at) + shift) // _DAY * _DAY - shift


def _within_day(today: tuple[Span, ...], eve: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return the openings between a day's two midnights: its own, and what runs in from the evening before."""
    tails = [Span(0, span.end - _MINUTES) for span in eve if span.end > _MINUTES]
    if not tails and (not today or today[-1].end <= _MINUTES):
        return today
    return _merged([*tails, *(Span(span.start, min(span.end, _MINUTES)) for span in today)])


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return `spans` in order, those that overlap or touch made one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def _read_week(text: str) -> tuple[tuple[Span, ...], ...]:
    match text.strip().lower():
        case "":
            return (_ALL_DAY,) * 7
        case "closed":
            return ((),) * 7
    week: list[list[Span]] = [[] for _ in _DAY_NAMES]
    for entry in filter(str.strip, text.split(";")):
        for days, span in _read_entry(entry.strip()):
            for day in days:
                week[day].append(span)
    if not any(week):
        raise HoursError(f"The opening hours {_quoted(text)} name no day. {_HOURS_FIX}")
    return tuple(_merged(spans) for spans in week)


def _read_entry(entry: str) -> Iterator[tuple[list[int], Span]]:
    """Yield the spans between two semicolons, each with its weekdays; a name that follows a span begins new days."""
    days: list[int] = []
    timed = True
    for item in _items(entry):
        if item["first"]:
            days = _read_days(item) if timed else [*days, *_read_days(item)]
            timed = False
        elif not days:
            raise HoursError(f"The opening hours {_quoted(entry)} don't say on which days. {_HOURS_FIX}")
        else:
            timed = True
            yield days, _read_span(item)
    if not timed:
        raise HoursError(f"The opening hours {_quoted(entry)} end with a day that has no times. {_HOURS_FIX}")


def _items(entry: str) -> Iterator[re.Match[str]]:
    """Yield each 'Mon', 'Mon-Fri' or '9-17' of an entry; only commas and spaces may stand between them."""
    position = 0
    while position < len(entry):
        item = _ITEM.match(entry, position)
        if item is None:
            raise HoursError(f"The opening hours can't be read from {_quoted(entry[position:])} on. {_HOURS_FIX}")
        yield item
        position = item.end()


def _read_days(item: re.Match[str]) -> list[int]:
    first = _read_day(item["first"])
    last = _read_day(item["last"]) if item["last"] else first
    return [(first + step) % 7 for step in range((last - first) % 7 + 1)]


def _read_day(name: str) -> int:
    for number, full in enumerate(_DAY_NAMES):
        if len(name) >= 2 and full.startswith(name.lower()):
            return number
    raise HoursError(f"{_quoted(name)} is no day of the week: the names are English, two letters or more. {_HOURS_FIX}")


def _read_span(item: re.Match[str]) -> Span:
    start, end = _read_time(item["opens"]), _read_time(item["closes"])
    if start == _MINUTES:
        raise HoursError(f"{_quoted(item[0])} begins at 24:00: write 00:00 of the next day. {_HOURS_FIX}")
    if start == end:
        raise HoursError(f"{_quoted(item[0])} ends when it begins: a whole day is '00:00-24:00'. {_HOURS_FIX}")
    return Span(start, end if end > start else end + _MINUTES)


def _read_time(text: str) -> int:
    found = _TIME.fullmatch(text)
    hour, minute = (int(found[1]), int(found[2] or 0)) if found else (99, 0)
    if minute > 59 or 60 * hour + minute > _MINUTES:
        raise HoursError(f"{_quoted(text)} is no time of day: they go from 00:00 to 24:00. {_HOURS_FIX}")
    return 60 * hour + minute


def _read_zone(text: str) -> ZoneInfo:
    # ZoneInfo raises KeyError for an unknown name, ValueError for '../x' or a file that is no zone, and on Python 3.11
    # OSError for a folder such as 'Europe'. https://docs.python.org/3.11/library/zoneinfo.html#the-zoneinfo-class
    try:
        return ZoneInfo(text.strip())
    except (KeyError, ValueError, OSError) as error:
        raise HoursError(f"The time zone {_quoted(text)} is not known. {_ZONE_FIX}") from error


def _read_holidays(text: str) -> tuple[frozenset[date], frozenset[tuple[int, int]]]:
    dates: set[date] = set()
    yearly: set[tuple[int, int]] = set()
    for item in filter(None, map(str.strip, text.split(","))):
        if _YEARLY.fullmatch(item):
            # 2000 was a leap year: 02-29 may be a holiday of the years that have it.
            day = _read_date(f"2000-{item}", item)
            yearly.add((day.month, day.day))
        else:
            dates.update(_read_dates(item))
    return frozenset(dates), frozenset(yearly)


def _read_dates(item: str) -> Iterator[date]:
    """Yield the day, or every day of the range, that `item` names with its year."""
    ends = [end.strip() for end in item.split("..")]
    if len(ends) > 2 or not all(map(_DATE.fullmatch, ends)):
        raise HoursError(f"The holiday {_quoted(item)} can't be read. {_HOLIDAYS_FIX}")
    days = [_read_date(end, item) for end in ends]
    length = days[-1] - days[0]
    if length < _NO_SHIFT:
        raise HoursError(f"The holidays {_quoted(item)} end before they begin. {_HOLIDAYS_FIX}")
    if length > _LONGEST_RANGE:
        raise HoursError(f"The holidays {_quoted(item)} are longer than a year. {_HOLIDAYS_FIX}")
    return (days[0] + step * _ONE_DAY for step in range(length.days + 1))


def _read_date(iso: str, item: str) -> date:
    try:
        return date.fromisoformat(iso)
    except ValueError as error:
        raise HoursError(f"The holiday {_quoted(item)} is not in the calendar. {_HOLIDAYS_FIX}") from error


def _quoted(text: str) -> str:
    """Return `text` in quotes on one line, cut to 60 characters."""
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:59] + "…")


ALWAYS = Hours.parse()
