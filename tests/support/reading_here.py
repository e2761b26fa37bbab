"""Passes over the stores of one data folder, in this process and with a ledger of their own."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from otel_agent.intake.ingest import Ingest, Rules
from otel_agent.ledger.opening import open_ledger
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.writer import Ledger
from otel_agent.model import ProblemKind, State
from otel_agent.opencode.locations import find_stores, locations

RULES = Rules(disjoint=False, session_window_ms=86_400_000, max_series=1_000, killed_grace_ms=3_600_000)


@dataclass(frozen=True, slots=True)
class ReadingHere:
    """The passes of one agent. Nothing is exported."""

    state: Path
    ledger: Ledger
    ingest: Ingest

    def look(self, *, sweep: bool = False) -> int:
        """Make one pass; return how many messages it counted."""
        return self.ingest.run(sweep=sweep).messages

    def counted(self) -> int:
        """Return how many messages the ledger counts."""
        return self._of_counted("count(*)")

    def input_tokens(self) -> int:
        """Return how many tokens these messages put in."""
        return self._of_counted("ifnull(sum(input), 0)")

    def _of_counted(self, what: str) -> int:
        with closing(sqlite3.connect(f"{ledger_path(self.state).as_uri()}?mode=ro", uri=True)) as ledger:
            query = f"SELECT {what} FROM message WHERE state = ?"
            return int(ledger.execute(query, (State.COUNTED.value,)).fetchone()[0])

    def problems(self) -> dict[ProblemKind, tuple[str, ...]]:
        """Return the places that have a problem now, by its kind."""
        with open_to_read(self.state) as ledger:
            assert ledger is not None
            return {each.kind: each.examples for each in ledger.problems()}


@contextmanager
def reading_here(data_dir: Path, state: Path) -> Iterator[ReadingHere]:
    """Read the stores of a data folder, which is called `opencode`, from a ledger's beginning or where it is."""
    places = locations({"HOME": "/nowhere", "XDG_DATA_HOME": str(data_dir.parent)})
    ledger = open_ledger(state, now_ns=time.time_ns(), backfill_from_ms=0)
    ingest = Ingest(ledger, lambda: find_stores(places), RULES, now_ns=time.time_ns)
    try:
        yield ReadingHere(state, ledger, ingest)
    finally:
        ingest.close()
        ledger.close()
