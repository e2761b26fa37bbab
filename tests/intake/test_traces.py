"""Parts are read before the transaction, for messages that count now, and for no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from otel_agent import semconv
from otel_agent.intake.traces import Entered, Traces
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from otel_agent.model import (
    AskWanted,
    Batch,
    BeingWritten,
    Caller,
    Calls,
    CallsWanted,
    Message,
    Outcome,
    ReadScope,
    Recall,
    Session,
    Tokens,
    ToolCall,
    Turn,
)
from tests.export.fakes import ListedStore
from tests.intake.ingests import Clock, ingest_of
from tests.support.records import GRACE, T0, call, copy_of, enter, in_flight, total


class WatchedStore(ListedStore):
    """Notes whether the ledger is in a transaction while it is read, and for which messages it reads parts."""

    def __init__(self, ledger: Ledger, *messages: Message) -> None:
        super().__init__("watched", *messages)
        self.calls = {message.id: [tool_call(message)] for message in messages}
        self.asked_for: list[str] = []
        self.being_written = False
        self._ledger = ledger

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        for batch in super().read(recall, ask_wanted, now_ms=now_ms, scope=scope):
            self._require_no_transaction()
            yield batch

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        self._require_no_transaction()
        if self.being_written:
            raise BeingWritten
        self.asked_for += sorted(wanted.messages)
        return super().read_calls(messages, wanted)

    def _require_no_transaction(self) -> None:
        with self._ledger.transaction():  # fails inside another one
            pass


def tool_call(message: Message) -> ToolCall:
    return ToolCall(f"prt_{message.id}", "call", "bash", Outcome.OK, message.created_ms, message.ended_ms)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that begins at `T0`: tool calls are counted from the day before."""
    ledger = open_ledger(tmp_path / "state", now_ns=T0 * 1_000_000, backfill_from_ms=0)
    yield ledger
    ledger.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(T0 + GRACE // 2)


def test_the_parts_of_a_new_message_are_read_once_and_outside_the_transaction(ledger: Ledger, clock: Clock) -> None:
    store = WatchedStore(ledger, call(0), call(1))
    ingest = ingest_of(ledger, store, clock=clock)
    assert ingest.run(sweep=True).messages == 2
    assert ingest.run(sweep=True).messages == 0
    assert store.asked_for == [call(0).id, call(1).id]
    assert total(ledger, semconv.TOOL_CALL_COUNT) == 2


def test_no_parts_are_wanted_of_a_message_that_the_ledger_has_counted(ledger: Ledger, clock: Clock) -> None:
    ingest_of(ledger, WatchedStore(ledger, call(0)), clock=clock).run(sweep=True)
    wanted = Traces(ledger).wanted([call(0), call(1)])
    assert wanted.messages == {call(1).id}
    assert wanted.turns == {call(1).turn}


def test_no_parts_are_wanted_of_the_history_before_the_ledger(ledger: Ledger) -> None:
    long_ago = ledger.calls_from_ms - 1
    old = call(0, created_ms=long_ago - 1_000, completed_ms=long_ago)
    assert Traces(ledger).wanted([old]) == CallsWanted()
    assert Traces(ledger).wanted_of_counted([old]) == CallsWanted()


def test_the_parts_of_a_killed_message_are_read_when_it_counts(ledger: Ledger, clock: Clock) -> None:
    store = WatchedStore(ledger, in_flight(call(0)))
    ingest = ingest_of(ledger, store, clock=clock)
    assert ingest.run(sweep=True).messages == 0
    assert store.asked_for == []
    clock.now_ms = T0 + 2 * GRACE
    assert ingest.run(sweep=True).messages == 1
    assert store.asked_for == [call(0).id]
    assert total(ledger, semconv.TOOL_CALL_COUNT) == 1


def test_the_parts_of_a_fork_copy_are_not_read(ledger: Ledger, clock: Clock) -> None:
    original = call(0)
    store = WatchedStore(ledger, copy_of(original, 1), original)
    assert ingest_of(ledger, store, clock=clock).run(sweep=True).messages == 1
    assert store.asked_for == [original.id]
    assert total(ledger, semconv.TOOL_CALL_COUNT) == 1


def test_the_parts_of_a_copy_without_its_original_are_read_when_it_counts(ledger: Ledger, clock: Clock) -> None:
    copy = copy_of(call(0), 1)
    store = WatchedStore(ledger, copy)
    assert ingest_of(ledger, store, clock=clock).run(sweep=True).messages == 1
    assert store.asked_for == [copy.id]
    assert total(ledger, semconv.TOOL_CALL_COUNT) == 1


def test_a_message_that_waited_is_decided_in_the_next_pass_if_its_parts_are_being_written(
    ledger: Ledger, clock: Clock
) -> None:
    """Here the ledger has it from a pass that was cut short."""
    copy = copy_of(call(0), 1)
    with ledger.transaction():
        ledger.messages.record([copy], [], count_from_ms=0)
    store = WatchedStore(ledger, copy)
    store.messages, store.being_written = [], True
    ingest = ingest_of(ledger, store, clock=clock)
    assert ingest.run(sweep=True).messages == 0
    store.being_written = False
    assert ingest.run(sweep=True).messages == 1
    assert total(ledger, semconv.TOOL_CALL_COUNT) == 1


@pytest.mark.parametrize(("known", "trace"), [(True, "turn_root"), (False, "turn_top")])
def test_a_sub_agent_is_in_the_trace_of_the_nearest_caller_that_is_known(
    ledger: Ledger, known: bool, trace: str
) -> None:
    """A calling turn that goes on with another one is in the trace of that. If none is known, the topmost one begins it."""
    if known:
        (first,) = enter(ledger, call(0, turn_id="turn_calling"))
        with ledger.transaction():
            ledger.turns.begin([(Turn("turn_calling", "turn_root", "@turn_root", T0), [first])])
    callers = [Caller("prt_1", "turn_calling", Session("ses_1")), Caller("prt_2", "turn_top", Session("ses_2"))]
    changes = enter(ledger, call(1, turn_id="turn_child"))
    with ledger.transaction():
        Traces(ledger).enter(changes, Calls(callers={"turn_child": callers}))
    assert ledger.turns.trace_of("turn_child") == trace


def test_a_correction_makes_no_span_pending_again(ledger: Ledger) -> None:
    """The backend has the spans. One that is sent again would be there twice."""
    traces = Traces(ledger)
    with_calls = Calls(tool_calls={call(0).id: [tool_call(call(0))]}, read={call(0).id})
    changes = enter(ledger, call(0))
    with ledger.transaction():
        assert len(traces.enter(changes, with_calls).calls) == 1
        pending = ledger.outbox.oldest(10)
        assert len(pending) == 2, "the message with its call, and the turn"
        ledger.outbox.mark_accepted(pending)
    corrected = enter(ledger, call(0, Tokens(1_000, 10, 5, 50, 2)))
    assert len(corrected) == 1
    with ledger.transaction():
        assert traces.enter(corrected, with_calls) == Entered([], [])
    assert ledger.outbox.oldest(10) == []
