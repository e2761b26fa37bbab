"""Points that the backend rejects on their own are remembered, and each gets its turn."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from otel_agent.export.generator import Requests, drive
from otel_agent.export.send_summary import SendSummary
from otel_agent.export.set_aside import ALONE_AT_ONCE, SetAside
from otel_agent.model import SendResult

REJECTED = SendResult(accepted=False, permanent=True, reason="HTTP 400")


@pytest.fixture
def aside() -> SetAside[int]:
    """Numbers stand for points."""
    return SetAside(key=lambda number: number, name=lambda number: f"point {number}")


def reject(aside: SetAside[int], *numbers: int, works: bool = True) -> None:
    aside.add([(number, REJECTED) for number in numbers])
    aside.settle(works=works)


def send_alone(aside: SetAside[int], numbers: Sequence[int], *, rejects: frozenset[int] = frozenset()) -> SendSummary:
    """Send numbers to a backend that rejects some of them for ever."""

    def request(items: Sequence[int]) -> Requests[Sequence[int], SendResult]:
        return (yield items)

    return drive(
        aside.send_alone(numbers, request, on_accepted=lambda items, _: SendSummary(accepted=len(items))),
        lambda items: REJECTED if rejects & {*items} else SendResult(accepted=True),
    )


def test_what_was_rejected_alone_is_sent_after_all_others(aside: SetAside[int]) -> None:
    reject(aside, 2, 3)
    assert aside.split(range(5)) == ([0, 1, 4], [2, 3])


def test_each_of_many_gets_its_turn(aside: SetAside[int]) -> None:
    many = range(ALONE_AT_ONCE + 5)
    reject(aside, *many)
    summary = send_alone(aside, aside.split(many)[1], rejects=frozenset(many))
    assert (summary.accepted, summary.at_fault) == (0, ALONE_AT_ONCE)
    assert aside.split(many)[1] == [*many[ALONE_AT_ONCE:], *many[:ALONE_AT_ONCE]]


def test_nothing_is_at_fault_if_nothing_is_accepted(aside: SetAside[int]) -> None:
    reject(aside, 1, 2, works=False)
    assert aside.split(range(3)) == ([0, 1, 2], [])


def test_once_one_is_accepted_all_are_sent_together_again(aside: SetAside[int]) -> None:
    reject(aside, 1, 2)
    summary = send_alone(aside, [1, 2], rejects=frozenset({1}))
    assert (summary.accepted, summary.at_fault) == (1, 1)
    assert aside.split(range(3)) == ([0, 1, 2], [])


def test_the_log_names_a_point_once(aside: SetAside[int], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            reject(aside, 1)
            send_alone(aside, [1])
    assert caplog.text.count("point 1") == 1
