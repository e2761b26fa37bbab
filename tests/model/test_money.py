"""Amounts of dollars are written in one way everywhere, and never as nothing if there is something."""

from __future__ import annotations

import pytest

from otel_agent.model.money import dollars, dollars_beside
from otel_agent.model.plural import counted, form_for

USD = 10**9


@pytest.mark.parametrize(
    ("nusd", "whole", "text"),
    [
        (0, 0, "0.0000"),
        (4_000, 0, "<0.0001"),
        (-4_000, 0, "-<0.0001"),
        (-50_001, 0, "-0.0001"),
        (-USD, 0, "-1.0000"),
        (-10 * USD, 0, "-10.00"),
        (USD, 10 * USD, "1.00"),
        (USD, -10 * USD, "1.00"),
        (4_000, 10 * USD, "<0.01"),
        (0, 10 * USD, "0.00"),
        (1_234_567_890_000, 0, "1,234.57"),
    ],
)
def test_an_amount_has_its_sign_and_the_decimals_of_its_column(nusd: int, whole: int, text: str) -> None:
    assert dollars(nusd, whole) == text


@pytest.mark.parametrize(
    ("used", "limit", "texts"),
    [
        (13_496_400_000, 13_496_000_000, ("13.4964", "13.4960")),
        (14_000_000_000, 13_000_000_000, ("14.00", "13.00")),
        (13_000_000_001, 13_000_000_000, ("13.000000001", "13.000000000")),
        (13_000_000_000, 13_000_000_000, ("13.00", "13.00")),
        (0, 20_000_000_000, ("0.00", "20.00")),
        (4_000, 3_000, ("0.000004", "0.000003")),
    ],
)
def test_an_amount_and_its_limit_can_be_told_apart(used: int, limit: int, texts: tuple[str, str]) -> None:
    assert dollars_beside(used, limit) == texts


def test_one_of_a_thing_is_no_plural() -> None:
    assert [form_for(number, "token") for number in (0, 1, -1, 2)] == ["tokens", "token", "token", "tokens"]
    assert counted(1, "process") == "1 process"
