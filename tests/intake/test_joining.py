"""A first look joins batches in one transaction: nothing is lost, added or put in another order."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from otel_agent.errors import LedgerError
from otel_agent.intake import joining
from otel_agent.intake.joining import ALONE, FIRST_LOOK_SECONDS, Joined, few_collections
from otel_agent.model import Batch, Checkpoint, StoreTotals
from tests.support.records import call


def of(*numbers: int, totals: StoreTotals | None = None) -> Batch:
    """Return what a reader yields: messages, and a checkpoint that comes with them."""
    checkpoint = Checkpoint("table", str(numbers[-1]).encode())
    return Batch([call(number) for number in numbers], checkpoints=[checkpoint], looked_at=len(numbers), totals=totals)


def transactions(
    batches: Iterator[Batch],
    *,
    seconds: float = FIRST_LOOK_SECONDS,
    goes_on: Callable[[], bool] = lambda: True,
    now: Callable[[], float] = lambda: 0.0,
) -> Iterator[list[list[str]]]:
    """Yield what each transaction writes: the messages of each of its batches."""
    for batch in batches:
        together = Joined(batch, batches, seconds, goes_on, now=now)
        yield [[message.id for message in each.messages] for each in together]
        if together.failure is not None:
            raise together.failure


def test_batches_that_come_within_the_time_are_written_together() -> None:
    # Each batch is written after a second: the fourth comes too late for the first transaction.
    clock = iter(range(20))
    found = list(transactions(iter([of(1), of(2), of(3, 4), of(5)]), now=lambda: float(next(clock))))
    assert found == [[["msg_1"], ["msg_2"], ["msg_3", "msg_4"]], [["msg_5"]]]


def test_a_transaction_has_room_for_so_many_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "_MOST", 3)
    found = list(transactions(iter([of(1), of(2, 3), of(4)])))
    assert found == [[["msg_1"], ["msg_2", "msg_3"]], [["msg_4"]]]


def test_a_batch_is_written_before_the_next_one_is_read() -> None:
    said: list[str] = []

    def reading() -> Iterator[Batch]:
        for number in (1, 2):
            said.append(f"read {number}")
            yield of(number)

    batches = reading()
    together = iter(Joined(next(batches), batches, FIRST_LOOK_SECONDS, lambda: True, now=lambda: 0.0))
    assert (next(together).messages, said) == ([call(1)], ["read 1"])
    assert (next(together).messages, said) == ([call(2)], ["read 1", "read 2"])


def test_outside_a_first_look_each_batch_is_alone() -> None:
    assert list(transactions(iter([of(1), of(2)]), seconds=ALONE)) == [[["msg_1"]], [["msg_2"]]]


def test_a_batch_with_totals_is_the_last_of_its_transaction() -> None:
    """Its totals are compared with messages that are in the ledger for good."""
    found = list(transactions(iter([of(1), of(2, totals=StoreTotals([])), of(3)])))
    assert found == [[["msg_1"], ["msg_2"]], [["msg_3"]]]


def test_a_reading_that_is_to_stop_ends_its_transaction() -> None:
    goes_on = iter([True, False])
    found = transactions(iter([of(1), of(2), of(3)]), goes_on=lambda: next(goes_on))
    assert next(found) == [["msg_1"], ["msg_2"]]


def test_what_was_read_before_a_failure_is_written() -> None:
    def failing() -> Iterator[Batch]:
        yield of(1)
        yield of(2)
        raise OSError("no medium")

    found = transactions(failing())
    assert next(found) == [["msg_1"], ["msg_2"]]
    with pytest.raises(OSError, match="no medium"):
        next(found)


def test_a_failure_of_the_ledger_while_it_is_asked_is_not_the_readers() -> None:
    """Nothing of the transaction is written then."""

    def asking() -> Iterator[Batch]:
        yield of(1)
        raise LedgerError("the disk is full")

    batches = asking()
    with pytest.raises(LedgerError):
        list(Joined(next(batches), batches, FIRST_LOOK_SECONDS, lambda: True, now=lambda: 0.0))


@pytest.mark.parametrize("fails", [False, True])
def test_python_collects_as_often_as_before_once_the_first_look_ends(fails: bool) -> None:
    before = gc.get_threshold()

    def look() -> None:
        with few_collections():
            assert gc.get_threshold() > before
            if fails:
                raise OSError("no medium")

    if fails:
        with pytest.raises(OSError, match="no medium"):
            look()
    else:
        look()
    assert gc.get_threshold() == before
