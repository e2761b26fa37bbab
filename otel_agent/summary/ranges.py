"""Turn what a person writes about time into a range in their zone.

Days begin at midnight in that zone, even on a day on which its clock changes.
"""

import os
import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError

from otel_agent.errors import UsageError
from otel_agent.summary.question import By, Range, RangeName

_DAYS: Final = {"today": 1, "week": 7, "month": 30}
"""Calendar days in each range, today included."""
_AGO: Final = re.compile(r"([0-9]{1,5})\s*(m|h|d|w)")
_AGO_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LOCAL_TIME: Final = "/etc/localtime"
"""Linux links it to the zone; tzlocal knows the ways of other systems."""
_FORMS: Final = (
    "Use a date (2026-11-18), a time (2026-11-18T14:30, 14:30), a duration before now (90m, 36h, 7d, 4w), "
    "today, yesterday or now."
)


def named_range(name: RangeName, now: datetime) -> Range:
    """Return a range by its name, in whole days: ``week`` and ``month`` are the last 7 and 30 days, today included.

    ``this-…`` and ``last-…`` are weeks from Monday and months of the calendar. What lasts until now ends at the next
    midnight or later. So a message from a clock that is a little ahead is in the range. ``now`` is in the zone in which
    a day begins.
    """
    since, until = _bounds(name, now)
    return Range(name, since, until, str(now.tzinfo))


def _bounds(name: RangeName, now: datetime) -> tuple[datetime | None, datetime | None]:
    today = now.date()
    match name:
        case "all":
            return None, None
        case "today" | "week" | "month":
            return _midnight(today, now, 1 - _DAYS[name]), _midnight(today, now, 1)
        case "yesterday":
            return _midnight(today, now, -1), _midnight(today, now)
        case "this-week":
            return period_of(now, "week")
        case "last-week":
            return period_of(_midnight(today, now, -7), "week")
        case "this-month":
            return period_of(now, "month")
        case "last-month":
            # The day before the first of this month is in the last one.
            return period_of(_midnight(today.replace(day=1), now, -1), "month")


def custom_range(since: str | None, until: str | None, now: datetime) -> Range:
    """Return the range that ``--since`` and ``--until`` describe. A date given as ``until`` is the last day of the range.

    Raises ``UsageError`` if a text is not a time, or if the range would be empty.
    """
    begin = None if since is None else _moment("--since", since, now, end_of_day=False)
    end = None if until is None else _moment("--until", until, now, end_of_day=True)
    if begin is not None and begin.timestamp() > now.timestamp():
        raise UsageError(
            f"--since {since} is in the future ({begin:%Y-%m-%d %H:%M}). Write a date before a time: 2026-11-18T14:30."
        )
    if begin is not None and end is not None and begin.timestamp() >= end.timestamp():
        raise UsageError(f"--since {since} is not before --until {until}.")
    return Range("custom", begin, end, str(now.tzinfo))


def range_before(of: Range, now: datetime) -> Range:
    """Return the range before, cut so that it is as long as the part of ``of`` that has passed.

    Before a calendar week or month comes the one before; else comes the same number of days, or the same time.
    Raises ``UsageError`` if the range has no beginning.
    """
    if of.since is None:
        raise UsageError("--compare previous needs a range that begins: add --range week, or --since.")
    until = of.until or now
    match of.name:
        case "this-month" | "last-month":
            since, end = period_of(of.since - timedelta(days=1), "month")
        case _:
            # By the clock on the wall: a day before a day is a day, even if the clock changed in between.
            length = until.replace(tzinfo=None) - of.since.replace(tzinfo=None)
            since, end = of.since - length, of.since
    passed = max(min(now, until).replace(tzinfo=None) - of.since.replace(tzinfo=None), timedelta())
    return Range("custom", since, min(end, since + passed), of.zone)


def period_of(moment: datetime, by: By) -> tuple[datetime, datetime]:
    """Return the begin and the end of the hour, day, week (from Monday) or month around a moment, in the moment's zone."""
    if by == "hour":
        return _hour_of(moment)
    day = moment.date()
    if by == "day":
        return _midnight(day, moment), _midnight(day, moment, 1)
    if by == "week":
        return _midnight(day, moment, -day.weekday()), _midnight(day, moment, 7 - day.weekday())
    # No month is longer than 31 days: that many days after its first day lies the next month.
    first = day.replace(day=1)
    return _midnight(first, moment), _midnight((first + timedelta(days=31)).replace(day=1), moment)


def _hour_of(moment: datetime) -> tuple[datetime, datetime]:
    """Return the begin and the end of the hour around a moment. On Lord Howe Island the clock is set back by half an hour:
    that hour is longer, and the one in which it is set forward is shorter."""
    begin = _hour_began(moment)
    end = _later(begin, timedelta(hours=1))
    while _hour_began(end).timestamp() <= begin.timestamp():
        end = _later(end, timedelta(minutes=1))
    return begin, _hour_began(end)


def _hour_began(moment: datetime) -> datetime:
    began = moment.replace(minute=0, second=0, microsecond=0)
    return _later(began, timedelta())


def _later(moment: datetime, by: timedelta) -> datetime:
    """Add time as it really passes: one hour after 2 a.m. the clock can show 2 a.m. again."""
    return datetime.fromtimestamp(moment.timestamp() + by.total_seconds(), moment.tzinfo)


def _midnight(day: date, like: datetime, days: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=days), time(), like.tzinfo)


def _moment(option: str, text: str, now: datetime, *, end_of_day: bool) -> datetime:
    written = text.strip()
    ago = _AGO.fullmatch(written)
    try:
        if ago:
            return _later(now, -timedelta(**{_AGO_UNITS[ago[2]]: int(ago[1])}))
        if written == "now":
            return now
        # A date alone means a whole day; everything below is a moment.
        day = {"today": now.date(), "yesterday": now.date() - timedelta(days=1)}.get(written) or _date(written)
        if day:
            return _midnight(day, now, int(end_of_day))
        if re.fullmatch(r"[0-9]{1,2}:[0-9]{2}", written):
            return datetime.combine(now.date(), time.fromisoformat(written.zfill(5)), now.tzinfo)
        # Without an offset, the text means the clock of the zone that was asked for.
        exact = datetime.fromisoformat(written)
        return exact.astimezone(now.tzinfo) if exact.tzinfo else exact.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {text}: not a valid time. {_FORMS}") from None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def local_zone() -> tzinfo | None:
    """Return the machine's time zone by its name; ``None`` if it has no name, as in ``TZ=CET-1CEST``."""
    if "TZ" not in os.environ and (linked := zone_linked_from(_LOCAL_TIME)):
        return linked
    from tzlocal import get_localzone  # noqa: PLC0415 - takes a fifth of the time of a status line

    try:
        return get_localzone()
    except (ZoneInfoNotFoundError, ValueError):
        return None


def here(at: datetime) -> datetime:
    """Return the same time with this machine's offset. ``TZ`` can name one of a day or more: no date has that, and UTC
    is used."""
    try:
        return at.astimezone()
    except ValueError:
        return at.astimezone(UTC)


def zone_linked_from(path: str) -> ZoneInfo | None:
    """Return the zone that a link into the system's zones names, ``None`` for anything else."""
    target = os.path.realpath(path)
    for folder in TZPATH:
        if target.startswith(f"{folder}/"):
            with suppress(ZoneInfoNotFoundError, ValueError, OSError):
                return ZoneInfo(target.removeprefix(f"{folder}/"))
    return None


def zone_named(name: str) -> ZoneInfo:
    """Return the time zone of that name. Raises ``UsageError`` if the system does not know it."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise UsageError(f"--tz {name}: no such time zone. Use a name such as Europe/Berlin or UTC.") from None
