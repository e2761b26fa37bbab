"""Numbers, times and text from storage as people read them."""

from datetime import datetime, timedelta
from typing import Final

from otel_agent.model import Tokens
from otel_agent.summary.view import Range

_UNITS: Final = (("K", 10**3), ("M", 10**6), ("B", 10**9), ("T", 10**12), ("Q", 10**15))
_EXACT_BELOW: Final = 10_000
"""Five letters are as short as any shortened number."""
_NAMED: Final = {"today": "today", "week": "last 7 days", "month": "last 30 days", "all": "all time"}

NOTHING: Final = "·"
"""In a cell that has nothing to say."""
CATEGORIES: Final = ("Input", "Output", "Reasoning", "Cache read", "Cache write")
"""In the order of ``Tokens.each``."""


def exact(number: int) -> str:
    return f"{number:,}"


def compact(number: int) -> str:
    """Three digits and a unit: ``1.23M``."""
    if abs(number) < _EXACT_BELOW:
        return exact(number)
    unit, size = next(((unit, size) for unit, size in _UNITS if abs(number) < 999.5 * size), _UNITS[-1])
    value = number / size
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:,.{digits}f}{unit}"


def share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else NOTHING


def percent(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"{ratio:.1%}"


def dollars(nusd: int) -> str:
    """Billionths of a US dollar as dollars; what is less than the last digit is not shown as nothing."""
    if 0 < nusd < 50_000:
        return "<0.0001"
    return f"{nusd / 1e9:,.4f}"


def counted(number: int, noun: str) -> str:
    return f"{exact(number)} {noun}{'' if number == 1 else 's'}"


def tokens(found: Tokens) -> str:
    return counted(found.total, "token")


def megabytes(number: int) -> str:
    return f"{number / 2**20:,.0f} MB"


def age(passed: timedelta) -> str:
    """In its largest unit; what lies ahead, by a clock that is, is now."""
    seconds = max(int(passed.total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def since(moment: datetime, now: datetime) -> timedelta:
    """The time that really passed: the difference of two times of a zone is that of its clock."""
    return timedelta(seconds=now.timestamp() - moment.timestamp())


def since_epoch(seconds: float, now: datetime) -> timedelta:
    return timedelta(seconds=now.timestamp() - seconds)


def moment(when: datetime, now: datetime) -> str:
    """Of this year without the year, of another without the time."""
    return f"{when:%m-%d %H:%M}" if when.year == now.year else f"{when:%Y-%m-%d}"


def range_in_words(of: Range) -> str:
    """``last 7 days (2026-11-18 to 2026-11-24, Europe/Berlin)``."""
    if of.since is None and of.until is None:
        return _NAMED["all"]
    begin = _day_or_time(of.since)
    end = _last_day_or_time(of.until)
    span = begin if begin == end else " to ".join(each for each in (begin, end) if each)
    if of.name in _NAMED:
        return f"{_NAMED[of.name]} ({span}, {of.zone})"
    words = span if begin and end else f"from {begin}" if begin else f"up to {end}"
    return f"{words} ({of.zone})"


def in_range(of: Range) -> str:
    """The same within a sentence: ``today``, ``in the last 7 days``."""
    match of.name:
        case "today":
            return "today"
        case "week" | "month":
            return f"in the {_NAMED[of.name]}"
        case _:
            return f"in this range: {range_in_words(of)}"


def plain(text: str) -> str:
    """Text from storage, as one line that moves no terminal's cursor: control characters, those that turn the direction
    of writing, and lone surrogates become the replacement character."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _day_or_time(when: datetime | None) -> str:
    if when is None:
        return ""
    return f"{when:%Y-%m-%d}" if (when.hour, when.minute) == (0, 0) else f"{when:%Y-%m-%d %H:%M}"


def _last_day_or_time(until: datetime | None) -> str:
    """A range that ends at midnight ends with the day before."""
    if until is not None and (until.hour, until.minute) == (0, 0):
        return f"{until - timedelta(days=1):%Y-%m-%d}"
    return _day_or_time(until)
