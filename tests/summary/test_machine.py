"""A view of a history that is being read says whether anybody reads on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from otel_agent.ledger import hold
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.reading import Reading
from otel_agent.settings import Settings
from otel_agent.summary.machine import Machine
from otel_agent.summary.question import Question
from otel_agent.summary.ranges import named_range
from otel_agent.summary.view import View
from tests.summary.made_machine import MadeMachine
from tests.support.made_stores import T0

NOW = datetime(2026, 1, 23, tzinfo=UTC)


def noted(machine: MadeMachine, reading: Reading | None) -> View:
    """Write how far a reading is, and ask for a view."""
    ledger = open_ledger(machine.state_dir, now_ns=T0 * 1_000_000, backfill_from_ms=0)
    with ledger.transaction():
        if reading is None:
            ledger.history.end()
            ledger.note_sweep(T0)
        else:
            ledger.history.note(reading)
    ledger.close()
    own = Machine(Settings(state_dir=machine.state_dir), lambda: NOW)
    return own.view("models", Question(range=named_range("all", NOW)))


def test_a_reading_that_was_killed_does_not_go_on(machine: MadeMachine) -> None:
    found = noted(machine, Reading(36, 100))
    assert (found.reading, found.reading_stopped) == (Reading(36, 100), True)


def test_a_reading_whose_process_runs_goes_on(machine: MadeMachine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "held_by", lambda _: "an agent")
    found = noted(machine, Reading(36, 100))
    assert (found.reading, found.reading_stopped) == (Reading(36, 100), False)


def test_a_reading_that_ended_has_not_stopped(machine: MadeMachine) -> None:
    found = noted(machine, None)
    assert (found.reading, found.reading_stopped) == (None, False)
