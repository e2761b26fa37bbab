"""The series: raised and never lowered, with one start time for ever, and bounded in number."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.totals import MAX_VALUE, NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase, Series
from tests.support.ledgers import fresh_ledger
from tests.support.records import START_NS

METRIC = "opencode.token.usage"
OVERFLOW = '{"otel.metric.overflow": true}'
HOUR_NS = 3_600_000_000_000


def raise_by(
    ledger: Ledger,
    increases: dict[str, Increase],
    *,
    now_ns: int = START_NS,
    max_series: int = 100,
    active_since_ns: int | None = None,
) -> int:
    """Attributes to increase, all of one metric. A window makes them series of sessions."""
    keyed = {(METRIC, attributes): increase for attributes, increase in increases.items()}
    with ledger.transaction():
        return ledger.totals.raise_by(
            keyed,
            now_ns=now_ns,
            new=NewSeries(now_ns, windowed=active_since_ns is not None),
            limit=SeriesLimit(max_series, OVERFLOW, active_since_ns or 0),
        )


def published(ledger: Ledger, active_since_ns: int = 0) -> dict[str, Series]:
    return {each.attributes: each for each in ledger.totals.due([METRIC], active_since_ns=active_since_ns)}


def values(ledger: Ledger, active_since_ns: int = 0) -> dict[str, int]:
    return {attributes: each.value for attributes, each in published(ledger, active_since_ns).items()}


def test_a_series_keeps_its_start_time(tmp_path: Path) -> None:
    for hour in range(3):
        ledger = open_ledger(tmp_path, now_ns=START_NS + hour * HOUR_NS, backfill_from_ms=0)
        later = f'{{"of": {hour}}}'
        raise_by(ledger, {"{}": Increase(5), later: Increase(1)}, now_ns=START_NS + hour * HOUR_NS)
        found = published(ledger)
        ledger.close()
        assert found["{}"].value == 5 * (hour + 1)
        assert found["{}"].start_ns == START_NS
        assert found[later].start_ns == START_NS + hour * HOUR_NS


def test_a_sum_stays_at_the_largest_value_that_can_be_exported(ledger: Ledger) -> None:
    raise_by(ledger, {"a": Increase(MAX_VALUE - 1), "b": Increase(2 * MAX_VALUE)})
    raise_by(ledger, {"a": Increase(5), "b": Increase(1)})
    assert values(ledger) == {"a": MAX_VALUE, "b": MAX_VALUE}


def test_buckets_of_a_histogram_add_up(ledger: Ledger) -> None:
    raise_by(ledger, {"a": Increase(7, 2, {3: 1, 0: 1})})
    raise_by(ledger, {"a": Increase(9, 3, {5: 2, 3: 1})})
    found = published(ledger)["a"]
    assert found.value == 16
    assert found.count == 5
    assert found.buckets == (1, 0, 0, 2, 0, 2)


increases = st.dictionaries(st.sampled_from("abcdefgh"), st.builds(Increase, st.integers(0, 1_000)), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(increases, max_size=5), st.integers(1, 5))
def test_all_series_of_a_metric_add_up_to_everything_that_was_added(
    batches: list[dict[str, Increase]], max_series: int
) -> None:
    """Theorem: however few series there may be, they add up to all that was added, and there is at most one more."""
    with fresh_ledger() as ledger:
        for batch in batches:
            before = values(ledger)
            raise_by(ledger, batch, max_series=max_series)
            assert all(value >= before.get(attributes, 0) for attributes, value in values(ledger).items())
        assert sum(values(ledger).values()) == sum(each.value for batch in batches for each in batch.values())
        assert len(values(ledger)) <= max_series + 1


def test_increases_beyond_the_limit_go_into_the_overflow_series(ledger: Ledger) -> None:
    assert raise_by(ledger, {"a": Increase(1), "b": Increase(2)}, max_series=2) == 0
    assert raise_by(ledger, {"a": Increase(1), "c": Increase(4), "d": Increase(8)}, max_series=2) == 2
    assert values(ledger) == {"a": 2, "b": 2, OVERFLOW: 12}


def test_a_windowed_series_is_exported_while_it_changes(ledger: Ledger) -> None:
    raise_by(ledger, {"old": Increase(1)}, now_ns=START_NS, active_since_ns=START_NS - HOUR_NS)
    raise_by(ledger, {"new": Increase(2)}, now_ns=START_NS + HOUR_NS, active_since_ns=START_NS)
    assert values(ledger, START_NS + 1) == {"new": 2}
    raise_by(ledger, {"old": Increase(4)}, now_ns=START_NS + 2 * HOUR_NS, active_since_ns=START_NS + HOUR_NS)
    found = published(ledger, START_NS + 1)
    assert {attributes: each.value for attributes, each in found.items()} == {"new": 2, "old": 5}
    assert found["old"].start_ns == START_NS


def test_series_out_of_the_window_make_room_for_new_ones(ledger: Ledger) -> None:
    raise_by(ledger, {"old": Increase(1)}, max_series=1, now_ns=START_NS, active_since_ns=START_NS - HOUR_NS)
    later = START_NS + 2 * HOUR_NS
    folded = raise_by(ledger, {"new": Increase(2)}, max_series=1, now_ns=later, active_since_ns=later - HOUR_NS)
    assert folded == 0
    assert values(ledger, later) == {"new": 2}


def test_each_series_is_looked_at_in_the_order_of_the_batch(ledger: Ledger) -> None:
    """Two series may be active. The old one is active again when it changes, so only what follows it finds no room."""
    raise_by(ledger, {"old": Increase(1), "older": Increase(1)}, active_since_ns=0)
    later = START_NS + 2 * HOUR_NS
    batch = {"a": Increase(2), "old": Increase(4), "b": Increase(8), "older": Increase(16), "c": Increase(32)}
    assert raise_by(ledger, batch, max_series=2, now_ns=later, active_since_ns=later - HOUR_NS) == 2
    assert values(ledger) == {"a": 2, "old": 5, "older": 17, OVERFLOW: 40}


def test_a_series_that_began_before_the_window_and_changed_in_it_takes_a_place(ledger: Ledger) -> None:
    raise_by(ledger, {"old": Increase(1)}, active_since_ns=0)
    later = START_NS + 2 * HOUR_NS
    raise_by(ledger, {"old": Increase(2)}, now_ns=later, active_since_ns=later - HOUR_NS)
    folded = raise_by(ledger, {"new": Increase(4)}, max_series=1, now_ns=later, active_since_ns=later - HOUR_NS)
    assert folded == 1
    assert values(ledger) == {"old": 3, OVERFLOW: 4}


def test_an_observation_of_nothing_is_news(ledger: Ledger) -> None:
    """A call that took 0 ms changes the count of a histogram only."""
    raise_by(ledger, {"a": Increase(0, 1, {0: 1})})
    with ledger.transaction():
        ledger.totals.mark_accepted(published(ledger).values(), START_NS)
    raise_by(ledger, {"a": Increase(0, 1, {0: 1})})
    # No unchanged series is asked for.
    (due,) = ledger.totals.due([METRIC], active_since_ns=0, at_most=0)
    assert due.has_unexported
    assert (due.value, due.count) == (0, 2)


def test_a_series_that_is_lower_than_at_the_backend_is_not_due(ledger: Ledger) -> None:
    """After a ledger was lost it is counted again, and is sent once it has caught up."""
    raise_by(ledger, {"a": Increase(9, 2, {1: 2}), "b": Increase(1)})
    with ledger.transaction():
        ledger.totals.mark_accepted(published(ledger).values(), START_NS)
        ledger._database.execute("UPDATE series SET value = 4, count = 1, buckets = '[0, 1]' WHERE attributes = 'a'")
    assert list(published(ledger)) == ["b"]
    with ledger.transaction():
        assert ledger.totals.raise_to_sent() == 1
    found = published(ledger)["a"]
    assert (found.value, found.count, found.buckets) == (9, 2, (0, 2))


def test_each_metric_has_a_limit_of_its_own(ledger: Ledger) -> None:
    batch = {(metric, attributes): Increase(1) for attributes in "ab" for metric in (METRIC, "opencode.cost.usage")}
    with ledger.transaction():
        folded = ledger.totals.raise_by(batch, now_ns=START_NS, new=NewSeries(START_NS), limit=SeriesLimit(1, OVERFLOW))
    assert folded == 2
    assert ledger.totals.counts() == {METRIC: 2, "opencode.cost.usage": 2}


def test_buckets_in_the_overflow_series_add_up(ledger: Ledger) -> None:
    batch = {"a": Increase(1, 1, {0: 1}), "b": Increase(9, 2, {1: 1, 3: 1}), "c": Increase(8, 1, {3: 1})}
    assert raise_by(ledger, batch, max_series=1) == 2
    found = published(ledger)[OVERFLOW]
    assert (found.value, found.count, found.buckets) == (17, 3, (0, 1, 0, 2))


def test_the_first_point_of_history_is_its_value(ledger: Ledger) -> None:
    """Any other series begins at zero, and keeps the beginning it has."""
    for history, attributes in ((True, "old"), (False, "new"), (True, "new")):
        with ledger.transaction():
            ledger.totals.raise_by(
                {(METRIC, attributes): Increase(3)},
                now_ns=START_NS,
                new=NewSeries(START_NS, history=history),
                limit=SeriesLimit(9, OVERFLOW),
            )
    assert published(ledger)["old"].last_accepted is None
    new = published(ledger)["new"]
    assert new.value == 6
    assert new.last_accepted is not None
    assert (new.last_accepted.value, new.last_accepted.count, new.last_accepted.buckets) == (0, 0, ())


def test_nothing_is_raised_by_a_transaction_that_fails(ledger: Ledger) -> None:
    """The second of these has a number that no column can hold."""
    raise_by(ledger, {"a": Increase(1)})
    with pytest.raises(OverflowError):
        raise_by(ledger, {"a": Increase(5), "b": Increase(0, 2**64)})
    assert values(ledger) == {"a": 1}
    raise_by(ledger, {"b": Increase(2)})
    assert values(ledger) == {"a": 1, "b": 2}, "nothing of it is left for the next batch either"
