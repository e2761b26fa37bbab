"""A store that cannot be read never holds up what the others have decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from otel_agent import semconv
from otel_agent.intake.ingest import Ingest, Rules
from otel_agent.intake.unreadable_stores import UnreadableStores
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from otel_agent.model import (
    AskWanted,
    Batch,
    Calls,
    CallsWanted,
    Message,
    Outcome,
    Problem,
    ProblemKind,
    ReadScope,
    Recall,
    Store,
    ToolCall,
    Unreadable,
)
from tests.export.fakes import ListedStore
from tests.intake.ingests import RULES, Clock, ingest_of
from tests.support.records import GRACE, T0, call, copy_of, in_flight, total

BAD = Problem(ProblemKind.LOCKED, "bad", "database is locked")
LATER = T0 + 2 * GRACE
"""Long after everything that the tests' messages say."""


class BadStore(ListedStore):
    """A store whose every reading fails, until it is mended."""

    def __init__(self, name: str = "bad", *messages: Message, failure: Callable[[], Exception] | None = None) -> None:
        super().__init__(name, *messages)
        self.failure: Callable[[], Exception] | None = failure or (lambda: Unreadable(BAD))
        self.asked = 0
        """How often it was read, or asked for calls."""

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        self._fail()
        return super().read(recall, ask_wanted, now_ms=now_ms, scope=scope)

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        self._fail()
        return super().read_calls(messages, wanted)

    def _fail(self) -> None:
        self.asked += 1
        if self.failure is not None:
            raise self.failure()


def counted(ledger: Ledger) -> int:
    return total(ledger, semconv.MESSAGE_COUNT)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that begins at `T0`: tool calls are counted from the day before."""
    ledger = open_ledger(tmp_path / "state", now_ns=T0 * 1_000_000, backfill_from_ms=0)
    yield ledger
    ledger.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(LATER)


KILLED = [in_flight(call(0)), call(3)]
"""OpenCode was killed in the first, and completed the second one of the same session later."""


@pytest.mark.parametrize(
    "failure",
    [lambda: Unreadable(BAD), lambda: OSError("I/O error"), lambda: ValueError("odd"), lambda: RecursionError("deep")],
    ids=["unreadable", "I/O error", "odd content", "nested"],
)
@pytest.mark.parametrize("first", ["bad", "good"])
def test_a_killed_message_counts_beside_a_store_that_cannot_be_read(
    ledger: Ledger, clock: Clock, failure: Callable[[], Exception], first: str
) -> None:
    stores: list[Store] = [BadStore(failure=failure), ListedStore("good", *KILLED)]
    ingest_of(ledger, *(stores if first == "bad" else reversed(stores)), clock=clock).run(sweep=True)
    assert counted(ledger) == 2


def test_a_sweep_is_noted_and_the_history_ends_beside_a_store_that_cannot_be_read(ledger: Ledger, clock: Clock) -> None:
    """Otherwise everything stays history, and delta temporality delivers no increment."""
    ingest_of(ledger, BadStore(), ListedStore("good", *KILLED), clock=clock).run(sweep=True)
    assert ledger.swept_ms == LATER
    assert ledger.history.unfinished() is None
    assert ledger.history.stores() == frozenset({"good"})


def test_a_copy_whose_original_was_read_is_decided_beside_a_store_that_cannot_be_read(
    ledger: Ledger, clock: Clock
) -> None:
    ingest = ingest_of(ledger, BadStore(), ListedStore("good", call(0), copy_of(call(0), 1)), clock=clock)
    ingest.run(sweep=True)
    assert counted(ledger) == 1
    assert ledger.waiting.decide(now_ms=LATER, grace_ms=GRACE, count_from_ms=0) == []


def test_a_copy_waits_for_an_original_that_may_be_in_a_store_that_cannot_be_read(
    ledger: Ledger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = BadStore("bad", call(0)), ListedStore("good", copy_of(call(0), 1), *KILLED[1:])
    ingest = ingest_of(ledger, bad, good, clock=clock)
    for _ in range(3):
        ingest.run(sweep=True)
    assert counted(ledger) == 1, "the message that is no copy"
    (said,) = [each.getMessage() for each in caplog.records if "cannot be counted" in each.getMessage()]
    assert said.startswith("1 message cannot be counted before bad can be read: ")
    bad.failure = None
    ingest.run()
    assert counted(ledger) == 2, "the original, and not its copy"


def test_no_copy_waits_for_a_damaged_database(ledger: Ledger, clock: Clock) -> None:
    """It hardly ever becomes whole. If it does, the original in it is the one that does not count."""
    bad = BadStore("bad", call(0), failure=lambda: Unreadable(Problem(ProblemKind.DAMAGED, "bad")))
    ingest = ingest_of(ledger, bad, ListedStore("good", copy_of(call(0), 1)), clock=clock)
    ingest.run(sweep=True)
    assert counted(ledger) == 1
    bad.failure = None
    ingest.run()
    assert counted(ledger) == 1


@pytest.mark.parametrize("restarts", [False, True], ids=["the same process", "another process"])
def test_a_copy_counts_when_the_store_of_its_original_was_unreadable_for_the_grace_period(
    ledger: Ledger, clock: Clock, restarts: bool
) -> None:
    stores = [BadStore(), ListedStore("good", copy_of(call(0), 1), copy_of(call(0), 2))]
    ingest = ingest_of(ledger, *stores, clock=clock)
    ingest.run(sweep=True)
    clock.now_ms += GRACE - 1
    ingest = ingest_of(ledger, *stores, clock=clock) if restarts else ingest
    ingest.run(sweep=True)
    assert counted(ledger) == 0
    clock.now_ms += 1
    ingest.run()
    assert counted(ledger) == 1, "one of the two copies"


def test_the_wait_goes_on_when_a_store_cannot_be_read_for_another_reason(ledger: Ledger, clock: Clock) -> None:
    """A reason that changes with each pass would otherwise begin the wait again for ever."""
    reasons = iter([ProblemKind.LOCKED, ProblemKind.UNEXPECTED, ProblemKind.NO_ACCESS] * 9)
    bad = BadStore(failure=lambda: Unreadable(Problem(next(reasons), "bad")))
    ingest = ingest_of(ledger, bad, ListedStore("good", copy_of(call(0), 1)), clock=clock)
    for _ in range(4):
        ingest.run(sweep=True)
        clock.now_ms += GRACE // 3
    ingest.run(sweep=True)
    assert counted(ledger) == 1


def test_a_clock_that_was_set_back_begins_no_long_wait(ledger: Ledger, clock: Clock) -> None:
    ingest = ingest_of(ledger, BadStore(), ListedStore("good", copy_of(call(0), 1)), clock=clock)
    ingest.run(sweep=True)
    clock.now_ms -= 1_000
    ingest.run(sweep=True)
    assert counted(ledger) == 1


def test_more_copies_that_wait_than_are_decided_at_once_hold_up_nothing(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_agent.ledger.waiting._RESOLVED_AT_ONCE", 2)
    copies = [copy_of(call(number), 1) for number in range(7)]
    good = ListedStore("good", *copies, in_flight(call(9)), call(12))
    ingest_of(ledger, BadStore(), good, clock=clock).run(sweep=True)
    assert counted(ledger) == 2


USED_TOOL = ToolCall("prt_1", "call_1", "bash", Outcome.OK, T0, T0 + 1)


def test_a_killed_message_waits_for_the_store_from_which_it_came(ledger: Ledger, clock: Clock) -> None:
    """Its tool calls are in there. Once it is readable again, it counts with them."""
    bad = BadStore("bad", in_flight(call(0)))
    bad.failure = None
    bad.calls = {"msg_0": [USED_TOOL]}
    ingest = ingest_of(ledger, bad, ListedStore("good", in_flight(call(1))), clock=clock)
    clock.now_ms = T0
    ingest.run(sweep=True)
    assert counted(ledger) == 0
    bad.failure = lambda: Unreadable(BAD)
    clock.now_ms = LATER
    ingest.run()
    assert counted(ledger) == 1, "that of the good store"
    bad.failure = None
    ingest.run()
    assert counted(ledger) == 2
    assert total(ledger, semconv.TOOL_CALL_COUNT) == 1


def test_a_store_that_fails_when_asked_for_calls_holds_up_nothing_of_another(ledger: Ledger, clock: Clock) -> None:
    class Deaf(ListedStore):
        def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
            del messages, wanted
            raise Unreadable(BAD)

    ingest = ingest_of(ledger, Deaf("bad"), ListedStore("good", *KILLED), clock=clock)
    ingest.run(sweep=True)
    assert counted(ledger) == 2
    assert ledger.swept_ms == LATER


def test_a_folder_that_may_not_be_searched_is_waited_for_like_a_store(ledger: Ledger, clock: Clock) -> None:
    barred = [Problem(ProblemKind.NO_ACCESS, "/barred")]
    store = ListedStore("good", copy_of(call(0), 1), *KILLED)
    ingest = Ingest(ledger, lambda: ({"good": store}, list(barred)), RULES, now_ns=clock)
    ingest.run(sweep=True)
    assert counted(ledger) == 2, "no copy is left: the killed message counted first"
    store.messages.append(copy_of(call(6), 1))
    ingest.run()
    assert counted(ledger) == 2, "its original may be in the folder"
    barred.clear()
    ingest.run()
    assert counted(ledger) == 3


class TestASlowStore:
    @pytest.fixture
    def seconds(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def unreadable(self, ledger: Ledger, seconds: list[float]) -> UnreadableStores:
        return UnreadableStores(ledger, Rules(False, 0, 1, GRACE), now=lambda: seconds[0])

    def test_it_is_left_alone_for_a_while(self, unreadable: UnreadableStores, seconds: list[float]) -> None:
        """A locked database takes two seconds each time, in which nothing else would be read."""
        store = BadStore()
        assert not unreadable.rests(store, sweep=False)
        seconds[0] = 2.0
        unreadable.note_failed(store)
        assert unreadable.rests(store, sweep=False)
        assert not unreadable.rests(store, sweep=True)
        seconds[0] = 21.9
        assert unreadable.rests(store, sweep=False)
        seconds[0] = 22.1
        assert not unreadable.rests(store, sweep=False)

    def test_one_that_fails_at_once_is_read_again_by_the_next_pass(
        self, unreadable: UnreadableStores, seconds: list[float]
    ) -> None:
        store = BadStore()
        assert not unreadable.rests(store, sweep=False)
        unreadable.note_failed(store)
        assert not unreadable.rests(store, sweep=False)
        assert seconds == [0.0]
