"""What a person writes about time means certain moments in their zone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

import pytest

from otel_agent.errors import UsageError
from otel_agent.summary.question import By
from otel_agent.summary.ranges import custom_range, named_range, period_of, zone_linked_from, zone_named

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 10, 30, tzinfo=BERLIN)


def utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("today", "2026-11-23 23:00", "2026-11-24 23:00"),
        ("yesterday", "2026-11-22 23:00", "2026-11-23 23:00"),
        ("this-week", "2026-11-22 23:00", "2026-11-29 23:00"),
        ("last-week", "2026-11-15 23:00", "2026-11-22 23:00"),
        ("this-month", "2026-10-31 23:00", "2026-11-30 23:00"),
        ("last-month", "2026-09-30 22:00", "2026-10-31 23:00"),
        ("week", "2026-11-17 23:00", "2026-11-24 23:00"),
        ("month", "2026-10-25 23:00", "2026-11-24 23:00"),
        ("all", None, None),
    ],
)
def test_a_named_range_is_made_of_whole_days(name: str, since: str | None, until: str | None) -> None:
    found = named_range(name, NOW)  # type: ignore[arg-type]
    assert utc(found.since) == since
    assert utc(found.until) == until
    assert found.zone == "Europe/Berlin"


def test_a_range_across_the_end_of_summer_time_begins_at_midnight() -> None:
    """30 days before this winter day there was still summer time: midnight was at 22:00 UTC."""
    found = named_range("month", datetime(2026, 11, 20, 8, tzinfo=BERLIN))
    assert utc(found.since) == "2026-10-21 22:00"


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-24", 24)])
def test_today_is_an_hour_shorter_or_longer_when_the_clock_changes(day: str, hours: int) -> None:
    found = named_range("today", datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=BERLIN))
    assert found.since is not None
    assert found.until is not None
    assert found.until.timestamp() - found.since.timestamp() == hours * 3600


@pytest.mark.parametrize(
    ("said", "since"),
    [
        ("2026-11-18", "2026-11-17 23:00"),
        ("2026-11-18T14:30", "2026-11-18 13:30"),
        ("2026-11-18 14:30", "2026-11-18 13:30"),
        ("2026-11-18T14:30Z", "2026-11-18 14:30"),
        ("2026-11-18T14:30:00-05:00", "2026-11-18 19:30"),
        ("9:05", "2026-11-24 08:05"),
        ("90m", "2026-11-24 08:00"),
        ("36h", "2026-11-22 21:30"),
        ("7d", "2026-11-17 09:30"),
        ("2w", "2026-11-10 09:30"),
        ("today", "2026-11-23 23:00"),
        ("yesterday", "2026-11-22 23:00"),
        (" now ", "2026-11-24 09:30"),
    ],
)
def test_since_understands_dates_times_and_durations(said: str, since: str) -> None:
    found = custom_range(said, None, NOW)
    assert found.name == "custom"
    assert utc(found.since) == since
    assert found.until is None


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("2026-11-18", "2026-11-18 23:00"),
        ("yesterday", "2026-11-23 23:00"),
        ("2026-11-18T14:30", "2026-11-18 13:30"),
        ("1d", "2026-11-23 09:30"),
    ],
)
def test_until_a_date_includes_the_whole_day(said: str, until: str) -> None:
    found = custom_range(None, said, NOW)
    assert found.since is None
    assert utc(found.until) == until


def test_since_and_until_the_same_date_is_that_day() -> None:
    found = custom_range("2026-10-25", "2026-10-25", NOW)
    assert utc(found.since) == "2026-10-24 22:00"
    assert utc(found.until) == "2026-10-25 23:00"


def test_a_duration_is_time_that_really_passed_even_if_the_clock_changed() -> None:
    found = custom_range("1d", None, datetime(2026, 10, 25, 12, tzinfo=BERLIN))
    assert utc(found.since) == "2026-10-24 11:00"


@pytest.mark.parametrize(
    "said", ["", "tomorrow", "2026-13-01", "7x", "7", "999999d", "25:00", "2026-11-18T99", "-7d", "\u0667d"]
)
def test_a_text_that_is_not_a_time_is_refused_with_the_forms_that_are(said: str) -> None:
    with pytest.raises(UsageError, match=r"--since .*not a valid time\. Use a date") as refused:
        custom_range(said, None, NOW)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(("since", "until"), [("2026-11-20", "2026-11-19"), ("1d", "2d"), ("now", "now")])
def test_a_range_without_any_time_is_refused(since: str, until: str) -> None:
    with pytest.raises(UsageError, match="is not before"):
        custom_range(since, until, NOW)


def test_an_hour_that_the_clock_repeats_comes_after_the_first_one() -> None:
    found = custom_range("2026-10-25T02:30+02:00", "2026-10-25T02:10+01:00", NOW)
    assert utc(found.since) == "2026-10-25 00:30"
    assert utc(found.until) == "2026-10-25 01:10"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "Europe", "x" * 5000, "a\0b"])
def test_a_time_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(UsageError, match=r"no such time zone\. Use a name such as"):
        zone_named(zone)


@pytest.mark.parametrize(
    ("by", "since", "until"),
    [
        ("hour", "2026-11-24 09:00", "2026-11-24 10:00"),
        ("day", "2026-11-23 23:00", "2026-11-24 23:00"),
        ("week", "2026-11-22 23:00", "2026-11-29 23:00"),
        ("month", "2026-10-31 23:00", "2026-11-30 23:00"),
    ],
)
def test_a_moment_lies_in_one_hour_day_week_and_month(by: By, since: str, until: str) -> None:
    begin, end = period_of(NOW, by)
    assert utc(begin) == since
    assert utc(end) == until


def test_the_day_on_which_summer_time_ends_has_the_same_hour_twice() -> None:
    hours = []
    since, until = period_of(datetime(2026, 10, 25, 1, 59, tzinfo=BERLIN), "hour")
    for _ in range(4):
        hours.append(since.isoformat(timespec="minutes"))
        since, until = period_of(until, "hour")
    assert hours == [
        "2026-10-25T01:00+02:00",
        "2026-10-25T02:00+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T03:00+01:00",
    ]


@pytest.mark.parametrize(
    ("first", "begins"),
    [
        ("2026-04-04 14:10", ["2026-04-04 14:00", "2026-04-04 15:30", "2026-04-04 16:30"]),
        ("2026-04-04 15:10", ["2026-04-04 14:00", "2026-04-04 15:30", "2026-04-04 16:30"]),
        ("2026-10-03 15:10", ["2026-10-03 14:30", "2026-10-03 15:30", "2026-10-03 16:00", "2026-10-03 17:00"]),
    ],
    ids=["the clock is set back", "the same half hour again", "the clock is set forward"],
)
def test_an_hour_is_longer_or_shorter_when_the_clock_moves_by_half_an_hour(first: str, begins: list[str]) -> None:
    """So it is on Lord Howe Island. Each hour begins where the last one ended, and no moment is in two of them."""
    moment = datetime.fromisoformat(f"{first}+00:00").astimezone(ZoneInfo("Australia/Lord_Howe"))
    found, ends = [], []
    for _ in begins:
        since, moment = period_of(moment, "hour")
        found.append(utc(since))
        ends.append(utc(moment))
    assert found == begins
    assert ends[:-1] == begins[1:]


def test_a_day_can_begin_at_one_in_the_morning() -> None:
    """In Cairo summer time begins at midnight: that day has no 00:00, and 23 hours."""
    since, until = period_of(datetime(2026, 4, 24, 12, tzinfo=ZoneInfo("Africa/Cairo")), "day")
    assert utc(since) == "2026-04-23 22:00"
    assert until.timestamp() - since.timestamp() == 23 * 3600


@pytest.mark.skipif(not any((Path(each) / "Europe" / "Berlin").exists() for each in TZPATH), reason="no zones here")
def test_the_zone_of_the_machine_is_the_one_that_its_link_names(tmp_path: Path) -> None:
    zone = next(each for each in TZPATH if (Path(each) / "Europe" / "Berlin").exists())
    link, copied = tmp_path / "link", tmp_path / "copied"
    link.symlink_to(Path(zone) / "Europe" / "Berlin")
    copied.write_bytes(link.read_bytes())
    assert zone_linked_from(str(link)) == ZoneInfo("Europe/Berlin")
    assert [zone_linked_from(str(each)) for each in (copied, tmp_path / "missing")] == [None, None]
    link.unlink()
    link.symlink_to(Path(zone) / "tzdata.zi")
    assert zone_linked_from(str(link)) is None
