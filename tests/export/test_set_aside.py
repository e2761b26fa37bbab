"""Points that the backend rejects on their own are remembered, and each gets its turn."""

from __future__ import annotations

import logging

import pytest

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


def test_what_was_rejected_alone_is_sent_after_all_others(aside: SetAside[int]) -> None:
    reject(aside, 2, 3)
    assert aside.split(range(5)) == ([0, 1, 4], [2, 3])


def test_each_of_many_gets_its_turn(aside: SetAside[int]) -> None:
    many = range(ALONE_AT_ONCE + 5)
    reject(aside, *many)
    for number in aside.split(many)[1][:ALONE_AT_ONCE]:
        aside.note_turn(number, REJECTED)
    assert aside.split(many)[1] == [*many[ALONE_AT_ONCE:], *many[:ALONE_AT_ONCE]]


def test_nothing_is_at_fault_if_nothing_is_accepted(aside: SetAside[int]) -> None:
    reject(aside, 1, 2, works=False)
    assert aside.split(range(3)) == ([0, 1, 2], [])


def test_what_is_forgotten_is_sent_together_again(aside: SetAside[int]) -> None:
    reject(aside, 1, 2)
    aside.forget()
    assert aside.split(range(3)) == ([0, 1, 2], [])


def test_the_log_names_a_point_once(aside: SetAside[int], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            reject(aside, 1)
            aside.forget()
    assert caplog.text.count("point 1") == 1
