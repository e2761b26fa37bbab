"""Times that OTLP can hold, whatever the clocks said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_agent.otlp.times import FAR_AHEAD_NS, healed_start, of_point, of_span

NOW = 1_790_000_000 * 10**9
HOUR, YEAR = 3_600 * 10**9, 365 * 86_400 * 10**9
ANY = st.integers(-(2**62), 2**62)


def test_ordinary_times_stay_as_they_are() -> None:
    assert of_point(NOW - HOUR, NOW) == (NOW - HOUR, NOW)
    assert of_span(NOW - HOUR, NOW, NOW + 1) == (NOW - HOUR, NOW)


@pytest.mark.parametrize("ahead", [0, 1, HOUR // 2, HOUR])
def test_a_start_a_little_ahead_stays_because_another_one_means_a_reset(ahead: int) -> None:
    assert of_point(NOW + ahead, NOW) == (NOW + ahead, NOW + ahead + 1)


def test_a_start_far_ahead_is_brought_before_the_point() -> None:
    assert of_point(NOW + YEAR, NOW) == (NOW - 1, NOW)


@given(ANY, ANY)
@settings(max_examples=300, deadline=None)
def test_a_point_has_a_start_after_1970_and_a_later_time_that_is_not_far_ahead(start: int, now: int) -> None:
    start_ns, time_ns = of_point(start, now)
    assert 0 < start_ns < time_ns < 2**64
    assert time_ns <= max(now, 2) + HOUR + 1


@given(ANY, ANY, st.integers(0, 2**62))
@settings(max_examples=300, deadline=None)
def test_a_span_begins_after_1970_and_ends_in_order_and_not_far_ahead(start: int, end: int, now: int) -> None:
    start_ns, end_ns = of_span(start, end, now)
    assert 0 < start_ns <= end_ns < 2**64
    assert end_ns <= max(now + HOUR, 1)


def test_a_span_from_a_far_future_keeps_its_duration() -> None:
    assert of_span(NOW + YEAR, NOW + YEAR + 5, NOW) == (NOW - 5, NOW)


def test_a_span_that_ends_in_a_far_future_keeps_its_start() -> None:
    assert of_span(NOW - HOUR, NOW + YEAR, NOW) == (NOW - HOUR, NOW)


def test_a_sum_that_begins_in_the_future_begins_now() -> None:
    assert healed_start(NOW + YEAR, NOW) == NOW
    assert healed_start(NOW + FAR_AHEAD_NS, NOW) == NOW + FAR_AHEAD_NS
