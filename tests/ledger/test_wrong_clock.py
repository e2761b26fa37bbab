"""A clock that was never set, is years ahead or is set back: nothing impossible stays in the ledger once it is right."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent import semconv
from otel_agent.intake.ingest import Ingest, Rules
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase
from tests.export.fakes import ListedStore
from tests.intake.ingests import RULES, Clock, ingest_of
from tests.support.records import GRACE, START_NS, T0, call, in_flight, total

SECOND_NS = 1_000_000_000
DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
NEVER_SET_MS = 20_000
"""20 seconds after the beginning of 1970, as a board without a clock begins."""


def times(ledger: Ledger) -> set[int]:
    rows = ledger._database.execute("SELECT start_ns FROM series UNION SELECT changed_ns FROM series")
    return {row[0] for row in rows}


@pytest.mark.parametrize("start_ns", [-40 * SECOND_NS, -1, 0])
def test_a_series_never_starts_before_1970(ledger: Ledger, start_ns: int) -> None:
    limit, new = SeriesLimit(9, "{}"), NewSeries(start_ns)
    with ledger.transaction():
        ledger.totals.raise_by({("m", "{}"): Increase(value=1)}, now_ns=20 * SECOND_NS, new=new, limit=limit)
    (found,) = ledger.totals.due(["m"], active_since_ns=0)
    assert found.start_ns == 1


@pytest.mark.parametrize(
    "start_ns", [-40 * SECOND_NS, 0, START_NS + 2 * YEAR_MS * 1_000_000], ids=["negative", "zero", "future"]
)
def test_a_start_that_a_wrong_clock_wrote_is_put_right_when_the_ledger_is_opened(tmp_path: Path, start_ns: int) -> None:
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    ingest_of(ledger, ListedStore("one", call(0))).run(sweep=True)
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database, database:
        database.execute("UPDATE series SET start_ns = ?, changed_ns = ?", (start_ns, start_ns))
    ledger = open_ledger(tmp_path, now_ns=START_NS + SECOND_NS, backfill_from_ms=0)
    starts = {each.start_ns for each in ledger.totals.due(list(semconv.METRICS), active_since_ns=-(2**62))}
    assert starts == {START_NS + SECOND_NS}
    assert total(ledger, semconv.MESSAGE_COUNT) == 1
    ledger.close()


def test_times_that_are_possible_stay_as_they_are(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=7)
    ingest_of(ledger, ListedStore("one", call(0)), clock=Clock(START_NS // 1_000_000)).run(sweep=True)
    before = times(ledger), ledger.calls_from_ms, ledger.backfill_from_ms
    ledger.close()
    ledger = open_ledger(tmp_path, now_ns=START_NS + SECOND_NS, backfill_from_ms=9)
    assert (times(ledger), ledger.calls_from_ms, ledger.backfill_from_ms) == before
    assert ledger.changes == 0
    ledger.close()


def test_a_clock_that_is_not_set_at_a_later_start_changes_no_good_time(tmp_path: Path) -> None:
    """A board without a clock shows 1970 at each start: what it wrote in 2026 is not of the future."""
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=7)
    ingest_of(ledger, ListedStore("one", call(0)), clock=Clock(START_NS // 1_000_000)).run(sweep=True)
    before = times(ledger), ledger.calls_from_ms, ledger.backfill_from_ms
    ledger.close()
    ledger = open_ledger(tmp_path, now_ns=NEVER_SET_MS * 1_000_000, backfill_from_ms=-1)
    assert (times(ledger), ledger.calls_from_ms, ledger.backfill_from_ms) == before
    ledger.close()


@pytest.mark.parametrize("began_ms", [NEVER_SET_MS, 2 * YEAR_MS, T0 + 2 * YEAR_MS], ids=["1970", "1972", "years ahead"])
def test_a_first_start_under_a_wrong_clock_recovers_while_the_agent_runs(tmp_path: Path, began_ms: int) -> None:
    """Tool calls would be read of the whole history, or of nothing for two years; messages would not count."""
    clock = Clock(began_ms)
    ledger = open_ledger(tmp_path, now_ns=clock(), backfill_from_ms=began_ms - DAY_MS)
    store = ListedStore("one")
    rules = Rules(False, DAY_MS, 100, GRACE, lead_ns=60 * SECOND_NS)
    ingest = ingest_of(ledger, store, clock=clock, rules=rules)
    ingest.run(sweep=True)
    clock.now_ms = T0 + 30_000
    ingest.run(sweep=True)
    assert ledger.calls_from_ms == clock.now_ms - DAY_MS
    assert ledger.backfill_from_ms <= clock.now_ms
    store.messages.append(call(1))
    clock.now_ms = T0 + 120_000
    assert ingest.run().messages == 1
    assert ledger.swept_ms == T0 + 30_000
    assert all(0 < each <= clock() for each in times(ledger))
    ledger.close()


def test_series_that_began_while_the_clock_was_ahead_are_put_right_by_the_next_sweep(ledger: Ledger) -> None:
    clock = Clock(T0 + YEAR_MS)
    ingest = ingest_of(ledger, ListedStore("one", call(0)), clock=clock)
    ingest.run(sweep=True)
    clock.now_ms = T0 + 60_000
    ingest.run(sweep=True)
    assert times(ledger) == {clock()}


def test_a_sweep_is_noted_after_the_clock_was_set_back(ledger: Ledger) -> None:
    clock = Clock(T0 + YEAR_MS)
    ingest = ingest_of(ledger, ListedStore("one"), clock=clock)
    ingest.run(sweep=True)
    assert ledger.swept_ms == T0 + YEAR_MS
    clock.now_ms = T0
    ingest.run(sweep=True)
    assert ledger.swept_ms == T0


def test_a_killed_message_of_the_future_does_not_wait_for_its_day(ledger: Ledger) -> None:
    clock = Clock(T0 - 2 * DAY_MS)
    ingest = ingest_of(ledger, ListedStore("one", in_flight(call(0))), clock=clock)
    assert ingest.run(sweep=True).messages == 1


def test_a_killed_message_of_a_clock_that_is_slightly_ahead_waits(ledger: Ledger) -> None:
    clock = Clock(T0 - GRACE)
    ingest: Ingest = ingest_of(ledger, ListedStore("one", in_flight(call(0))), clock=clock, rules=RULES)
    assert ingest.run(sweep=True).messages == 0
