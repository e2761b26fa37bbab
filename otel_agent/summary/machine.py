"""What this machine knows: its ledger, the OpenCode that runs on it, and how that is configured."""

import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from otel_agent.errors import LedgerHeld
from otel_agent.intake.catch_up import catch_up
from otel_agent.intake.ingest import Pass
from otel_agent.intake.store_finder import configured_locations
from otel_agent.ledger.files import ledger_path
from otel_agent.ledger.queries import open_to_read
from otel_agent.opencode.configured_models import Configured, configured_models
from otel_agent.opencode.running.processes import Processes
from otel_agent.settings import Settings
from otel_agent.summary.answer import answer
from otel_agent.summary.question import Question
from otel_agent.summary.text.warnings import warnings
from otel_agent.summary.view import Process, Row, View, ViewName


class Machine:
    """Answers questions. Each answer opens the ledger anew: it may be replaced, or set aside, at any moment."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        """``now`` is in the zone in which a day begins."""
        self._settings, self._now = settings, now
        self._processes = Processes()  # guarded by _looking
        self._looking = threading.Lock()
        self._mark: list[tuple[int, int]] = []

    def catch_up(self, on_progress: Callable[[Pass], None] | None = None) -> None:
        """Bring the ledger up to date, unless an agent runs, which does.

        Raises ``LedgerError`` where it cannot be written.
        """
        try:
            catch_up(self._settings, on_progress=on_progress)
        except LedgerHeld:
            return

    def view(self, name: ViewName, question: Question) -> View[Row]:
        """Raises ``LedgerError`` where the ledger cannot be read, ``UsageError`` for too long a timeline."""
        self._mark = self._marked()
        configured = self._configured() if name == "agents" else Configured({}, ())
        with open_to_read(self._settings.state_dir) as ledger:
            return answer(
                name,
                question,
                ledger,
                now=self._now(),
                processes=self.processes() if name == "overview" else (),
                configured=configured.models,
                warnings=warnings(ledger) if ledger else (),
                hints=configured.hints,
            )

    def processes(self) -> list[Process]:
        with self._looking:
            return [Process(sample, cpu) for sample, cpu in self._processes.sample()]

    def changed(self) -> bool:
        """Whether the ledger was written to since the last view of it."""
        return self._marked() != self._mark

    def looked_in(self) -> list[Path]:
        """Where OpenCode's stores would be."""
        return configured_locations(self._settings).paths

    def _marked(self) -> list[tuple[int, int]]:
        """What the file system says of the ledger and of its write-ahead log, which is the same empty or missing."""
        path = ledger_path(self._settings.state_dir)
        found = []
        for each in (path, path.with_name(f"{path.name}-wal")):
            try:
                status = each.stat()
            except OSError:
                status = None
            found.append((status.st_size, status.st_mtime_ns) if status and status.st_size else (0, 0))
        return found

    def _configured(self) -> Configured:
        return configured_models(os.environ, Path.cwd())
