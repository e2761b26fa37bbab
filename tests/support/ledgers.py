"""Ledgers for tests that need more than one, or one for each example."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otel_agent.ledger.writer import Ledger, open_ledger
from tests.support.records import START_NS


@contextmanager
def fresh_ledger() -> Iterator[Ledger]:
    """Yield an empty ledger in a temporary folder."""
    with tempfile.TemporaryDirectory() as scratch:
        ledger = open_ledger(Path(scratch), now_ns=START_NS, backfill_from_ms=0)
        try:
            yield ledger
        finally:
            ledger.close()
