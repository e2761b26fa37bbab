"""The duration of a turn is counted in the transaction that ends it, and only once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Caller, Message, Outcome, Session, ToolCall
from tests.export.fakes import ListedStore
from tests.intake.ingests import Clock, ingest_of
from tests.support.records import GRACE, MINUTE, T0, call, totals

METRIC = "gen_ai.invoke_agent.duration"
SECOND = 1_000
LASTS = 4 * SECOND
"""The time from the creation of a call to its completion."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = open_ledger(tmp_path / "state", now_ns=T0 * 1_000_000, backfill_from_ms=0)
    yield ledger
    ledger.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(T0 + GRACE // 2)


def durations(ledger: Ledger) -> tuple[int, int]:
    """Return the sum in milliseconds and the number of turns, over all series."""
    found = [value for (metric, _), value in totals(ledger).items() if metric == METRIC]
    return sum(value for value, _ in found), sum(count for _, count in found)


def asks_again(number: int, turn: str) -> Message:
    return call(number, turn_id=turn, finish="tool-calls", response_ms=T0 + number * MINUTE + SECOND)


def test_a_turn_that_goes_on_after_its_end_counts_once(ledger: Ledger, clock: Clock) -> None:
    store = ListedStore("made", call(0, turn_id="turn", error_type="APIError", finish=""))
    ingest = ingest_of(ledger, store, clock=clock)
    ingest.run(sweep=True)
    assert durations(ledger) == (LASTS, 1)
    store.messages.append(call(1, turn_id="turn"))
    assert ingest.run(sweep=True).messages == 1
    assert durations(ledger) == (LASTS, 1), "its end was counted"
    ingest_of(ledger, ListedStore("again", *store.messages), clock=clock).run(sweep=True)
    assert durations(ledger) == (LASTS, 1)


def test_a_turn_lasts_until_the_message_that_ends_it(ledger: Ledger, clock: Clock) -> None:
    store = ListedStore("made", asks_again(0, "turn"))
    ingest = ingest_of(ledger, store, clock=clock)
    ingest.run(sweep=True)
    assert durations(ledger) == (0, 0)
    store.messages += [asks_again(1, "turn"), call(2, turn_id="turn")]
    ingest.run(sweep=True)
    assert durations(ledger) == (2 * MINUTE + LASTS, 1)


def test_a_turn_that_nothing_ends_counts_after_the_grace_period(ledger: Ledger, clock: Clock) -> None:
    ingest = ingest_of(ledger, ListedStore("made", asks_again(0, "turn"), asks_again(1, "turn")), clock=clock)
    ingest.run(sweep=True)
    assert durations(ledger) == (0, 0)
    clock.now_ms += 2 * GRACE
    ingest.run(sweep=True)
    ingest.run(sweep=True)
    assert durations(ledger) == (MINUTE + LASTS, 1)


def test_the_turn_of_a_sub_agent_ends_with_the_call_that_began_it(ledger: Ledger, clock: Clock) -> None:
    top, below = call(1, turn_id="top", session_id="ses_1"), asks_again(0, "below")
    store = ListedStore("made", below, top)
    store.callers = {below.session_id: Caller("prt_task", "top", Session("ses_1"))}
    task = ToolCall("prt_task", "call", "task", Outcome.OK, T0, T0 + MINUTE, saw_child_end=True)
    store.calls = {top.id: [task]}
    ingest_of(ledger, store, clock=clock).run(sweep=True)
    assert durations(ledger) == (2 * LASTS, 2)
