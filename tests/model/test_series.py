"""A series knows if anything of it was not exported yet."""

from __future__ import annotations

import pytest

from otel_agent.model import SentPoint, Series

CALLS_S = Series("gen_ai.client.operation.duration", "{}", 1, 4_000, 2, (0, 2))


def accepted(value: int, count: int, buckets: tuple[int, ...]) -> Series:
    """The histogram whose numbers the backend has."""
    before = SentPoint(value, count, buckets, 1)
    return Series(CALLS_S.metric, "{}", 1, CALLS_S.value, CALLS_S.count, CALLS_S.buckets, before)


def test_a_histogram_that_the_backend_has_is_not_news() -> None:
    """Otherwise each of them would be written to the ledger at each interval."""
    assert not accepted(4_000, 2, (0, 2)).has_unexported


@pytest.mark.parametrize("before", [(3_999, 2, (0, 2)), (4_000, 1, (0, 1)), (0, 0, ())])
def test_a_gain_in_value_or_in_number_is_news(before: tuple[int, int, tuple[int, ...]]) -> None:
    assert accepted(*before).has_unexported


def test_history_that_was_never_sent_is_news() -> None:
    assert CALLS_S.has_unexported
