"""Ledgers for tests that need more than one, or one for each example."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.writer import Ledger
from tests.support.records import START_NS


@contextmanager
def fresh_ledger() -> Iterator[Ledger]:
    """Yield an empty ledger in a temporary folder. At the end its kept sums are those of its messages."""
    with tempfile.TemporaryDirectory() as scratch:
        ledger = open_ledger(Path(scratch), now_ns=START_NS, backfill_from_ms=0)
        try:
            yield ledger
        finally:
            ledger.close()
        assert_sums_are_right(Path(scratch))


def assert_sums_are_right(state_dir: Path) -> None:
    """Fail if a sum that the ledger keeps is not what its messages add up to."""
    with open_to_read(state_dir) as ledger:
        assert ledger is not None
        assert ledger.evidence().differing_sums() == {}
