"""Requests that are halved until what is at fault is alone, and the one rule for giving up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from otel_agent.export.generator import Requests, drive
from otel_agent.export.halving import GIVE_UP_AFTER, Halving
from otel_agent.export.send_summary import SendSummary
from otel_agent.model import SendResult

ACCEPTED = SendResult(accepted=True)
REJECTED = SendResult(accepted=False, permanent=True, reason="HTTP 400 Bad Request")
AWAY = SendResult(accepted=False, reason="away")


class Backend:
    """Rejects every request with a number that `at_fault` names, and keeps what it was asked."""

    def __init__(self, at_fault: Callable[[int], bool], otherwise: SendResult = ACCEPTED) -> None:
        self._at_fault, self._otherwise = at_fault, otherwise
        self.requests: list[list[int]] = []
        self.rejected_alone: list[int] = []
        self.elsewhere: list[int] = []
        """What may be sent as a probe."""
        self.run = Halving[int, Sequence[int]](
            _one_request,
            key=lambda number: number,
            on_accepted=lambda numbers, _: SendSummary(accepted=len(numbers)),
            on_rejected_alone=self.rejected_alone.append,
            probes=lambda: self.elsewhere,
        )

    def send(self, numbers: Sequence[int]) -> SendSummary:
        return drive(self.run.send(numbers), self._answer)

    def _answer(self, numbers: Sequence[int]) -> SendResult:
        self.requests.append(list(numbers))
        return REJECTED if any(map(self._at_fault, numbers)) else self._otherwise


def _one_request(numbers: Sequence[int]) -> Requests[Sequence[int], SendResult]:
    result = yield numbers
    return result


def test_a_rejected_request_is_sent_in_halves_until_the_item_at_fault_is_alone() -> None:
    backend = Backend(lambda number: number == 2)
    assert backend.send([0, 1, 2, 3]) == SendSummary(accepted=3)
    assert backend.requests == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]
    assert backend.rejected_alone == [2]
    assert backend.run.at_fault == [(2, REJECTED)]


def test_a_failure_that_is_not_permanent_is_not_halved() -> None:
    backend = Backend(lambda _: False, otherwise=AWAY)
    assert backend.send([0, 1, 2, 3]) == SendSummary(reason="away")
    assert backend.requests == [[0, 1, 2, 3]]


def test_one_more_rejection_after_the_limit_ends_the_run() -> None:
    backend = Backend(lambda _: True)
    for number in range(GIVE_UP_AFTER):
        assert backend.send([number]) == SendSummary()
    assert backend.run.suspects_endpoint
    assert backend.send([98, 99]) == SendSummary(reason=REJECTED.reason)
    assert backend.requests[-1] == [98, 99], "halved although the endpoint is suspected"
    assert backend.run.rejected_in_a_row == list(range(GIVE_UP_AFTER))


def test_an_accepted_request_takes_the_suspicion_from_the_endpoint() -> None:
    backend = Backend(lambda number: number != 50)
    for number in (*range(GIVE_UP_AFTER), 50):
        backend.send([number])
    assert not backend.run.suspects_endpoint
    assert backend.run.rejected_in_a_row == []
    assert backend.rejected_alone == list(range(GIVE_UP_AFTER))
