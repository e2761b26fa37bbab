"""A time zone in which a day that has begun does not end soon."""

from __future__ import annotations

from datetime import UTC, datetime


def zone_at_noon(now: datetime | None = None) -> str:
    """Return the name of a time zone in which it is between noon and one o'clock.

    What a test writes minutes before, and reads minutes later, is of today there. At midnight it would not be.
    """
    behind = (now or datetime.now(UTC)).hour - 12
    # These names follow POSIX: Etc/GMT+3 is three hours behind UTC.
    return f"Etc/GMT{behind:+d}"
