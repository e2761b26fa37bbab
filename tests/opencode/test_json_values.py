"""Single values of OpenCode's JSON: what can be one, and what counts as missing."""

from __future__ import annotations

from typing import Any

import pytest

from otel_agent.opencode import json_values
from otel_agent.verify.recount import values

NO_TIMES: tuple[Any, ...] = (
    *(None, True, "1769174692533", [], {}, 0, -1, 0.5, 0.999, float("nan"), float("inf")),
    *(9_000_000_000_000, 10**40),
)
"""The two fractions would become the time 0, which means in the ledger that no time is known."""


@pytest.mark.parametrize("value", NO_TIMES, ids=str)
def test_what_is_no_time_is_missing_for_the_agent_and_for_its_proof(value: object) -> None:
    assert json_values.time_ms(value) is None
    assert values.moment(value) is None


@pytest.mark.parametrize(("value", "ms"), [(1, 1), (1.5, 1), (1_769_174_692_533, 1_769_174_692_533)])
def test_a_time_is_whole_milliseconds(value: float, ms: int) -> None:
    assert json_values.time_ms(value) == ms
    assert values.moment(value) == ms
