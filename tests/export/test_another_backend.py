"""Another backend gets the totals that the one before accepted, also those of series that rest for good."""

from __future__ import annotations

import pytest

from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult
from tests.export.day import CYCLE_NS, HOUR_NS, METRIC, Day

AWAY = SendResult(accepted=False, reason="nothing answers there")


def quiet(ledger: Ledger, *, delta: bool = False) -> Day:
    """A day later: one series that rests for good, one that rose and rests, accepted by the first backend."""
    day = Day(ledger, delta=delta)
    day.count("history", 500, history=True)
    day.cycle()
    day.count("new", 50)
    day.cycles(3)
    day.now_ns += 25 * HOUR_NS
    return day


def moved(day: Day, backend: str) -> None:
    day.backend = backend
    day.start()


def test_another_backend_gets_every_total_once(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    day = quiet(ledger)
    moved(day, "a.example:4318")
    assert day.cycle() == [], "the same backend, after a start"
    with caplog.at_level("INFO"):
        moved(day, "b.example:4318")
    assert sorted(day.cycle()) == [("history", 500), ("new", 50)]
    assert day.cycle() == [], "a day after the last change nothing is a heartbeat"
    (said,) = caplog.messages
    assert "b.example:4318" in said
    assert "a.example:4318" in said
    moved(day, "b.example:4318")
    assert day.cycle() == []


def test_what_was_gained_meanwhile_is_an_increase_there(ledger: Ledger) -> None:
    day = quiet(ledger)
    day.count("new", 7)
    moved(day, "b.example:4318")
    assert sorted(day.cycle()) == [("history", 500), ("new", 50)], (
        "the value that the first backend has is the baseline"
    )
    assert day.cycle() == [("new", 57)]


def test_totals_are_due_until_the_other_backend_accepts_them(ledger: Ledger) -> None:
    day = quiet(ledger)
    moved(day, "b.example:4318")
    day.to.result = AWAY
    assert len(day.cycle()) == 2
    moved(day, "b.example:4318")
    assert {each.accepted for each in ledger.queries.evidence().published([METRIC])} == {500, 50}, "by the first one"
    day.to.result = SendResult(accepted=True)
    assert sorted(day.cycle()) == [("history", 500), ("new", 50)]
    assert day.cycle() == []


def test_what_another_backend_accepted_does_not_count_as_accepted_by_this_one(ledger: Ledger) -> None:
    day = quiet(ledger)
    moved(day, "b.example:4318")
    day.to.judge = lambda points: SendResult(
        accepted=not any("new" in point.attributes.values() for point in points), permanent=True, reason="HTTP 400"
    )
    day.cycle()
    evidence = ledger.queries.evidence()
    assert evidence.facts().accepted_by == "b.example:4318"
    assert sorted(each.accepted for each in evidence.published([METRIC])) == [0, 500]


def test_a_lost_ledger_remembers_who_accepted_its_totals(ledger: Ledger) -> None:
    quiet(ledger)
    facts = ledger._sent.facts()  # pyright: ignore[reportPrivateUsage]
    assert facts["accepted_by"] == "a.example:4318"


def test_totals_of_which_nobody_knows_who_accepted_them_are_due_once(ledger: Ledger) -> None:
    """An older otel-agent wrote no name."""
    day = quiet(ledger)
    with ledger.transaction():
        ledger._facts.forget("accepted_by")  # pyright: ignore[reportPrivateUsage]
    day.start()
    assert sorted(day.cycle()) == [("history", 500), ("new", 50)]
    assert day.cycle() == []


def test_a_backend_that_adds_up_gets_only_what_is_gained_from_now_on(ledger: Ledger) -> None:
    day = quiet(ledger, delta=True)
    moved(day, "b.example:4318")
    assert day.cycle() == []
    day.count("new", 7)
    assert day.cycle() == [("new", 7)]


def test_totals_after_increments_are_another_backend(ledger: Ledger) -> None:
    day = quiet(ledger, delta=True)
    with_totals = Day(ledger, started_ns=day.now_ns)
    assert sorted(with_totals.cycle()) == [("history", 500), ("new", 50)]


def test_a_clock_that_was_ahead_at_the_change_makes_no_total_due_for_ever(ledger: Ledger) -> None:
    day = quiet(ledger)
    day.now_ns += 1_000 * HOUR_NS
    moved(day, "b.example:4318")
    day.cycle()
    day.now_ns -= 1_000 * HOUR_NS
    day.cycle()
    day.now_ns += 25 * HOUR_NS - CYCLE_NS
    assert day.cycle() == []
