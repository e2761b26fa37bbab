"""A first look joins batches: nothing is lost, added or put in another order."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from otel_agent.intake import joining
from otel_agent.intake.joining import joined
from otel_agent.model import Batch, Checkpoint, Generation, StoreTotals
from tests.support.records import call


def of(*numbers: int, totals: StoreTotals | None = None) -> Batch:
    """Return what a reader yields: messages, and a checkpoint that comes with them."""
    checkpoint = Checkpoint("table", str(numbers[-1]).encode())
    return Batch([call(number) for number in numbers], checkpoints=[checkpoint], looked_at=len(numbers), totals=totals)


def numbers(batches: Iterator[Batch]) -> list[list[str]]:
    return [[message.id for message in batch.messages] for batch in batches]


@pytest.fixture(autouse=True)
def three_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "_MOST", 3)


def test_batches_are_joined_up_to_a_number_of_messages() -> None:
    found = list(joined([of(1), of(2), of(3, 4), of(5)]))
    assert numbers(iter(found)) == [["msg_1", "msg_2"], ["msg_3", "msg_4", "msg_5"]]
    assert [batch.looked_at for batch in found] == [2, 3]
    assert [batch.checkpoints[-1].state for batch in found] == [b"2", b"5"]


def test_a_larger_batch_is_not_split() -> None:
    assert numbers(joined([of(1), of(2, 3, 4, 5)])) == [["msg_1"], ["msg_2", "msg_3", "msg_4", "msg_5"]]


def test_a_batch_with_totals_comes_alone_and_after_those_before_it() -> None:
    found = joined([of(1), of(2, totals=StoreTotals([])), of(3)])
    assert numbers(found) == [["msg_1"], ["msg_2"], ["msg_3"]]


def test_calls_of_1_x_and_of_2_x_are_not_joined() -> None:
    """A call can be in both tables: the ledger must know the first record of it when the second one comes."""
    imported = Batch([replace(call(1), id="msg_imported", generation=Generation.V2)])
    assert numbers(joined([of(1), imported, Batch(looked_at=1)])) == [["msg_1"], ["msg_imported"]]


def test_what_was_read_before_a_failure_is_yielded_before_it() -> None:
    def failing() -> Iterator[Batch]:
        yield of(1)
        yield of(2)
        raise OSError("no medium")

    found = joined(failing())
    assert [message.id for message in next(found).messages] == ["msg_1", "msg_2"]
    with pytest.raises(OSError, match="no medium"):
        next(found)


@pytest.mark.parametrize("end", ["read to its end", "broken off", "failing"])
def test_python_collects_as_often_as_before_once_the_first_look_ends(end: str) -> None:
    def batches() -> Iterator[Batch]:
        yield of(1)
        yield of(2, totals=StoreTotals([]))
        if end == "failing":
            raise OSError("no medium")

    before = gc.get_threshold()
    found = joined(batches())
    next(found)
    assert gc.get_threshold() > before
    if end == "broken off":
        found.close()
    else:
        with contextlib.suppress(OSError):
            list(found)
    assert gc.get_threshold() == before
