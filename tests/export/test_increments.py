"""Increments of sums that are kept elsewhere, such as the CPU time of a process."""

from __future__ import annotations

from otel_agent.export.increments import Increments
from otel_agent.model import Observation

START_NS = 500


def gauge() -> Observation:
    return Observation("g", 1)


def cpu_time(seconds: float) -> Observation:
    return Observation("process.cpu.time", seconds, {"process.pid": 7}, START_NS)


def since_last(increments: Increments, at_ns: int, *observations: Observation) -> list[tuple[float, int | None]]:
    """Value and start of each increment. The backend accepts them."""
    due = increments.due(observations, at_ns)
    increments.mark_known(due)
    return [(each.observation.value, each.observation.since_ns) for each in due]


def test_the_first_increment_of_a_sum_goes_back_to_its_start() -> None:
    assert since_last(Increments(), 1_000, cpu_time(2.0)) == [(2.0, START_NS)]


def test_further_increments_go_back_to_the_last_collection() -> None:
    increments = Increments()
    since_last(increments, 1_000, cpu_time(2.0))
    assert since_last(increments, 2_000, cpu_time(3.5)) == [(1.5, 1_000)]


def test_a_sum_that_was_missing_once_begins_at_its_start_again() -> None:
    increments = Increments()
    since_last(increments, 1_000, cpu_time(2.0))
    since_last(increments, 2_000)
    assert since_last(increments, 3_000, cpu_time(9.0)) == [(9.0, START_NS)]


def test_gauges_stay_as_they_are() -> None:
    increments = Increments()
    assert since_last(increments, 1_000, cpu_time(2.0), gauge()) == [(2.0, START_NS), (1, None)]
    assert since_last(increments, 2_000, gauge()) == [(1, None)]
