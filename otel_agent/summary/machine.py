"""This machine as a source of answers: its ledger, its OpenCode processes, and OpenCode's configuration."""

import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from otel_agent.errors import LedgerError
from otel_agent.ledger.migration_progress import OnMigration
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.queries import Queries, open_to_read
from otel_agent.model.project import is_outside_any
from otel_agent.opencode.configured_models import Configured, configured_models
from otel_agent.opencode.mcp_servers import Servers, configured_servers
from otel_agent.opencode.running.candidates import candidate_pids
from otel_agent.settings import Settings
from otel_agent.summary.answer import answer
from otel_agent.summary.budgets import budget_states
from otel_agent.summary.prices import Prices
from otel_agent.summary.question import Question
from otel_agent.summary.text.warnings import brief_warnings, warnings
from otel_agent.summary.tools import not_included
from otel_agent.summary.view import Process, View, ViewName

if TYPE_CHECKING:
    from otel_agent.opencode.running.processes import Processes
    from otel_agent.summary.session_detail import SessionDetail

_STEP_SECONDS: Final = 0.1
"""Pause between two looks at whether OpenCode has written."""


class Machine:
    """Answers questions. Each answer opens the ledger again, because it may be replaced at any moment."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        """``now`` returns the time in the zone in which a day begins.

        Raises ``SettingsError`` if the file of prices cannot be used.
        """
        self._settings, self._now = settings, now
        self._prices: Prices | None = None
        if settings.prices_file is not None:
            # It imports parsers, for which a person without prices would wait.
            from otel_agent.summary.price_file import load_prices  # noqa: PLC0415

            self._prices = load_prices(settings.prices_file)
        self._processes: Processes | None = None  # guarded by _sampling
        self._sampling = threading.Lock()
        self._mark: list[tuple[int, int]] = []
        ledger = str(ledger_path(settings.state_dir))
        self._files = ledger, f"{ledger}-wal"

    def follow(
        self, until: threading.Event, on_error: Callable[[LedgerError], None], on_migration: OnMigration
    ) -> None:
        """Bring the ledger up to date whenever OpenCode writes, until the event is set.

        A running agent does that itself, so then this does nothing. ``on_error`` gets the reason each time the ledger
        cannot be written. ``on_migration`` is called while a ledger of an older version is brought up to this one.
        """
        # Only the live screen follows, and only for it watchdog is imported, which takes 0.05 s.
        from otel_agent.intake.following import Following  # noqa: PLC0415

        following = Following(self._settings, on_migration)
        try:
            while not until.is_set():
                try:
                    following.step()
                except LedgerError as error:
                    on_error(error)
                until.wait(_STEP_SECONDS)
        finally:
            following.close()

    def view(self, name: ViewName, question: Question) -> View:
        """Answer a question from the ledger as it is now, without reading OpenCode's storage.

        Raises ``LedgerError`` if the ledger cannot be read, ``NothingFound`` if a timeline has too many periods.
        """
        # The mark is read first: a write during the answer then counts as a change, and the view is asked for again.
        self._mark = self.mark()
        view = self._answer(name, question)
        if view.reading is None or self._agent_runs():
            return view
        # Nobody reads on. Perhaps the reading ended a moment ago: a second answer shows the end.
        again = self._answer(name, question)
        return replace(again, reading_stopped=again.reading is not None)

    def session(self, session_id: str) -> "SessionDetail":
        """Return one session with its turns and their calls. Raises ``LedgerError`` if the ledger cannot be read."""
        # Only the live screen goes down so far.
        from otel_agent.summary.session_detail import no_session, session_detail  # noqa: PLC0415

        self._mark = self.mark()
        with open_to_read(self._settings.state_dir) as ledger:
            if ledger is None:
                return no_session(session_id)
            with ledger.moment():
                return session_detail(session_id, ledger, self._now())

    def _answer(self, name: ViewName, question: Question) -> View:
        configured = configured_models(os.environ, Path.cwd()) if name == "agents" else Configured()
        with open_to_read(self._settings.state_dir) as ledger:
            warned = warnings(ledger) if ledger else ()
            view = answer(
                name,
                question,
                ledger,
                now=self._now(),
                processes=self.processes() if name == "overview" else (),
                configured=configured.model_of,
                warnings=warned,
                hints=configured.hints,
                servers=self._servers(ledger) if name == "tools" and ledger else Servers(),
                prices=self._prices,
            )
            if view.tools is not None:
                left_out = not_included(view.tools.known, view.now, agent_runs=self._agent_runs())
                view = replace(view, warnings=(*left_out, *view.warnings))
            if ledger is not None and warned:
                # What was put before them is short.
                view = replace(view, brief_warnings=(*view.warnings[: -len(warned)], *brief_warnings(ledger)))
            if ledger is not None and self._settings.vcs_attributes and question.with_checkouts:
                # Without the setting nobody waits for its import, and no file of git is opened.
                from otel_agent.summary.checked_out import with_checkouts  # noqa: PLC0415

                view = with_checkouts(view, ledger)
            if name != "overview" or ledger is None or not self._settings.budget:
                return view
            states = budget_states(self._settings.budget, ledger, accounting=question.accounting, now=view.now)
            return replace(view, budgets=tuple(states))

    def _agent_runs(self) -> bool:
        # Hardly ever asked. It imports sockets and hashes, for which a person would wait 0.01 s.
        from otel_agent.ledger.hold import held_by  # noqa: PLC0415

        return held_by(self._settings.state_dir) is not None

    def _servers(self, ledger: Queries) -> Servers:
        """Return the MCP servers that OpenCode's configuration names, here and in the projects of the ledger."""
        projects = {place.worktree for place in ledger.project_keys() if not is_outside_any(place.worktree)}
        return configured_servers(os.environ, [Path.cwd(), *map(Path, sorted(projects))])

    def processes(self) -> list[Process]:
        """Return the OpenCode processes that run now; their CPU use is that since the previous call."""
        with self._sampling:
            if candidate_pids() == []:
                return []
            if self._processes is None:
                # It imports psutil, for which a person would wait 0.02 s.
                from otel_agent.opencode.running.processes import Processes  # noqa: PLC0415

                self._processes = Processes()
            return [Process(sample, cpu) for sample, cpu in self._processes.sample()]

    def changed(self) -> bool:
        """Return true if the ledger was written since the last view of it."""
        return self.mark() != self._mark

    def mark(self) -> list[tuple[int, int]]:
        """Return size and time of the ledger's file and of its write-ahead log; an empty log equals a missing one."""
        marks = []
        for file in self._files:
            try:
                status = os.stat(file)  # noqa: PTH116 - several times a second, at a third of the time of Path's
            except OSError:
                status = None  # missing, or replaced at this moment
            marks.append((status.st_size, status.st_mtime_ns) if status and status.st_size else (0, 0))
        return marks
