"""The second record of what the backend has: made again from the ledger, it knows what the ledger knew."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.sent_points import NAME
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase, SentPoint, Series
from tests.ledger.test_totals import METRIC, OVERFLOW, raise_by
from tests.support.records import START_NS

SENT = SentPoint(5, 0, (), START_NS + 1)


def reopened(state_dir: Path, *lost: str) -> Ledger:
    """Open the ledger after these files, and what SQLite keeps beside them, were removed."""
    for name in lost:
        for each in state_dir.glob(f"{name}*"):
            each.unlink()
    return open_ledger(state_dir, now_ns=START_NS + 2, backfill_from_ms=0)


def due(ledger: Ledger) -> Series:
    (found,) = ledger.totals.due([METRIC], active_since_ns=0)
    return found


def test_a_record_that_is_made_again_knows_the_points_that_got_no_answer(tmp_path: Path) -> None:
    """The backend may have such a point. Without it the series would begin again below, and fall there."""
    ledger = open_ledger(tmp_path, now_ns=START_NS, backfill_from_ms=0)
    with ledger.transaction():
        # The history of the first start: nothing was accepted before it.
        new = NewSeries(START_NS, history=True)
        history = {(METRIC, "{}"): Increase(5)}
        ledger.totals.raise_by(history, now_ns=START_NS, new=new, limit=SeriesLimit(100, OVERFLOW))
        ledger.totals.mark_unanswered([replace(due(ledger), unanswered=SENT)])
    ledger.close()
    reopened(tmp_path, NAME).close()
    ledger = reopened(tmp_path, "ledger.db")
    raise_by(ledger, {"{}": Increase(9)})
    found = due(ledger)
    ledger.close()
    assert (found.value, found.start_ns, found.unanswered) == (9, START_NS, SENT)
