"""There is a time zone at noon at any hour."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.support.noon import zone_at_noon


@pytest.mark.parametrize("hour", range(24))
def test_at_any_hour_it_is_noon_somewhere(hour: int) -> None:
    now = datetime(2026, 12, 31, hour, 59, 59, tzinfo=UTC)
    assert now.astimezone(ZoneInfo(zone_at_noon(now))).hour == 12
