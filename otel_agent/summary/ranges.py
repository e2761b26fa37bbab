"""What a person says about time, as a range in their zone. Days begin at midnight there, also when its clock changes."""

import re
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from otel_agent.errors import UsageError
from otel_agent.summary.question import By, RangeName
from otel_agent.summary.view import Range

_DAYS: Final = {"today": 1, "week": 7, "month": 30}
"""Calendar days up to and with today."""
_AGO: Final = re.compile(r"([0-9]{1,5})\s*(m|h|d|w)")
_AGO_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_FORMS: Final = (
    "Say a date (2026-11-18), a time (2026-11-18T14:30, 14:30), how long ago (90m, 36h, 7d, 4w), "
    "today, yesterday or now."
)


def named_range(name: RangeName, now: datetime) -> Range:
    """``week`` and ``month`` are the last 7 and 30 days, today being one of them; all that was said of ``today`` holds
    until tomorrow, for clocks that are a little ahead. ``now`` is in the zone in which a day begins."""
    if name == "all":
        return Range(name, None, None, str(now.tzinfo))
    today = now.date()
    return Range(name, _midnight(today, now, 1 - _DAYS[name]), _midnight(today, now, 1), str(now.tzinfo))


def custom_range(since: str | None, until: str | None, now: datetime) -> Range:
    """From what ``--since`` and ``--until`` say. A date given as ``until`` is the last day of the range.

    Raises ``UsageError`` for what is no time, and where nothing can lie in between.
    """
    begin = None if since is None else _moment("--since", since, now, end_of_day=False)
    end = None if until is None else _moment("--until", until, now, end_of_day=True)
    if begin is not None and end is not None and begin.timestamp() >= end.timestamp():
        raise UsageError(f"--since {since} is not before --until {until}.")
    return Range("custom", begin, end, str(now.tzinfo))


def period_of(moment: datetime, by: By) -> tuple[datetime, datetime]:
    """The hour, day, week (from Monday) or month that a moment lies in, in the moment's zone."""
    if by == "hour":
        begin = moment.replace(minute=0, second=0, microsecond=0)
        return begin, _later(begin, timedelta(hours=1))
    day = moment.date()
    if by == "day":
        return _midnight(day, moment), _midnight(day, moment, 1)
    if by == "week":
        return _midnight(day, moment, -day.weekday()), _midnight(day, moment, 7 - day.weekday())
    first = day.replace(day=1)
    return _midnight(first, moment), _midnight((first + timedelta(days=31)).replace(day=1), moment)


def _later(moment: datetime, by: timedelta) -> datetime:
    """By the time that really passes: the hour after 2 a.m. can be 2 a.m. again."""
    return datetime.fromtimestamp(moment.timestamp() + by.total_seconds(), moment.tzinfo)


def _midnight(day: date, like: datetime, days: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=days), time(), like.tzinfo)


def _moment(option: str, text: str, now: datetime, *, end_of_day: bool) -> datetime:
    said = text.strip()
    ago = _AGO.fullmatch(said)
    try:
        if ago:
            return _later(now, -timedelta(**{_AGO_UNITS[ago[2]]: int(ago[1])}))
        if said == "now":
            return now
        day = {"today": now.date(), "yesterday": now.date() - timedelta(days=1)}.get(said) or _date(said)
        if day:
            return _midnight(day, now, int(end_of_day))
        if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", said):
            return datetime.combine(now.date(), time.fromisoformat(said.zfill(5)), now.tzinfo)
        found = datetime.fromisoformat(said)
        return found.astimezone(now.tzinfo) if found.tzinfo else found.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {text}: this is no time. {_FORMS}") from None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def zone_named(name: str) -> ZoneInfo:
    """Raises ``UsageError`` for a zone that the system does not know."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise UsageError(f"--tz {name}: there is no such time zone. Say one like Europe/Berlin or UTC.") from None
