"""The status says how long something lasts in the largest unit that goes into it at least twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from otel_agent.doctor.show import trouble_in_words
from otel_agent.ledger.hold import CannotWrite

NOW = datetime(2026, 1, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (90 * 60, "90 minutes"),
        (7_199, "119 minutes"),
        (7_200, "2 hours"),
        (47 * 3_600, "47 hours"),
        (48 * 3_600, "2 days"),
    ],
)
def test_a_length_is_said_in_the_largest_unit_that_fits_in_twice(seconds: int, words: str) -> None:
    since_ms = round((NOW - timedelta(seconds=seconds)).timestamp() * 1_000)
    said = trouble_in_words(CannotWrite("the disk is full", since_ms), NOW)
    assert said == f"nothing can be counted for {words}: the disk is full."


def test_what_waits_is_said_if_it_is_known() -> None:
    said = trouble_in_words(CannotWrite("the disk is full", round(NOW.timestamp() * 1_000), waiting=1), NOW)
    assert said.endswith(": the disk is full. At least 1 message to count.")
