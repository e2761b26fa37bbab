"""From settings to the half of the agent that reads and counts. It needs no OpenTelemetry SDK, so that a summary
opens at once."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from otel_agent.errors import LedgerDamaged
from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.writer import Ledger, open_ledger
from otel_agent.model import Checkpoint, Problem, ProblemKind, Store
from otel_agent.opencode.locations import Locations, find_stores, locations, together
from otel_agent.opencode.processes import environments
from otel_agent.pipeline.ingest import Ingest, Pass, Rules
from otel_agent.settings import Settings
from otel_agent.signals import identity

_PLACES: Final = "places"
_MOST_PLACES: Final = 100
"""Environments of OpenCode processes that are remembered, the newest."""
_SWEEP_MS: Final = 86_400_000
"""A summary looks at everything there is once a day; at 100,000 messages that is a second instead of a tenth."""
_PATIENCE_SECONDS: Final = 2.0
"""Longer than a summary takes to bring a ledger up to date that is not far behind."""


class Places:
    """Where to look for stores: where the settings say, and where an OpenCode that was seen running kept its data. The
    latter is noted in the ledger, so that it is looked at after that OpenCode ended, too."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._ledger = ledger
        self._settings, self._seen = settings, _seen(ledger.recall(_PLACES))

    @property
    def known(self) -> Locations:
        return _places(self._settings, self._seen)

    def find(self) -> tuple[dict[str, Store], list[Problem]]:
        return find_stores(self.known)

    def learn(self) -> None:
        """Look where the OpenCode processes that run now keep their data."""
        new = [told for told in environments() if told not in self._seen] if self._settings.discover_stores else []
        if new:
            self._seen = [*self._seen, *new][-_MOST_PLACES:]
            with self._ledger.transaction():
                self._ledger.remember([Checkpoint(_PLACES, msgspec.json.encode(self._seen))])


def known_places(settings: Settings) -> Locations:
    """The same for who only reads the ledger."""
    with open_to_read(settings.state_dir) as ledger:
        return _places(settings, _seen(ledger.noted(_PLACES) if ledger else None))


def _places(settings: Settings, seen: list[dict[str, str]]) -> Locations:
    own = locations(os.environ, settings.data_dirs)
    return together([own, *map(locations, seen if settings.discover_stores else [])])


def _seen(noted: bytes | None) -> list[dict[str, str]]:
    return msgspec.json.decode(noted, type=list[dict[str, str]]) if noted else []


class Intake(Struct):
    """The parts that read and count."""

    ledger: Ledger
    ingest: Ingest
    places: Places


@contextmanager
def opened(
    settings: Settings, *, now_ns: Callable[[], int] = time.time_ns, hurried: bool = False
) -> Iterator["Intake"]:
    """Open the ledger and what fills it; close them in reverse. ``hurried``: neither wait for it nor look for damage first.

    Raises ``LedgerError`` where the ledger cannot be written, ``LedgerHeld`` where another agent writes it.
    """
    ledger = open_ledger(
        settings.state_dir,
        now_ns=now_ns(),
        backfill_from_ms=_backfill_from_ms(settings, now_ns()),
        patience_seconds=0.0 if hurried else _PATIENCE_SECONDS,
        thorough=not hurried,
    )
    try:
        ledger.adopt(identity.instance_id(ledger.id))
        places = Places(settings, ledger)
        ingest = Ingest(ledger, places.find, _rules(settings), now_ns=now_ns)
        try:
            yield Intake(ledger, ingest, places)
        finally:
            ingest.close()
    finally:
        ledger.close()


def catch_up(settings: Settings, *, on_progress: Callable[[Pass], None] | None = None) -> Pass:
    """Bring the ledger up to date and deliver nothing: what is owed stays owed.

    Sees what is new, and what was in flight or in disorder before. A file of a JSON tree that was at rest and was then
    written anew in place, which OpenCode does to no completed message, is seen by the sweep of each day.
    Raises ``LedgerHeld`` where an agent does this already, and other ``LedgerError``.
    """
    try:
        with opened(settings, hurried=True) as parts:
            due = abs(time.time_ns() // 1_000_000 - parts.ledger.swept_ms) > _SWEEP_MS  # a clock can have been wrong
            sweep = due or parts.ledger.problems.any_of(ProblemKind.UNKNOWN_SCHEMA)
            return parts.ingest.run(sweep=sweep, on_progress=on_progress)
    except LedgerDamaged as damage:
        raise LedgerDamaged(f"{damage}. `otel-agent run --once` sets it aside and counts again.") from None


def data_folders(settings: Settings) -> list[Path]:
    """The folders in which OpenCode's data would be."""
    places = locations(os.environ, settings.data_dirs)
    return list(dict.fromkeys([*places.folders, *(path.parent for path in places.databases)]))


def looked_in(settings: Settings) -> list[Path]:
    """Where OpenCode's data would be."""
    places = locations(os.environ, settings.data_dirs)
    return [*places.folders, *places.databases]


def _backfill_from_ms(settings: Settings, now_ns: int) -> int:
    seconds = settings.backfill_seconds
    return 0 if seconds is None else now_ns // 1_000_000 - seconds * 1_000


def _rules(settings: Settings) -> Rules:
    return Rules(
        disjoint=settings.accounting == "disjoint",
        session_window_ms=round(settings.session_window_hours * 3_600_000),
        max_series=settings.max_series,
        killed_grace_ms=settings.killed_grace_seconds * 1_000,
        lead_ns=round(settings.metric_export_interval_seconds * 1_000_000_000),
    )
