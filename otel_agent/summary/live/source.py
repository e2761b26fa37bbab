"""The outside world of the live screen: something that answers questions, and the question of each view."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from otel_agent.errors import LedgerError
from otel_agent.ledger.migration_progress import OnMigration
from otel_agent.summary.question import Question, RangeName
from otel_agent.summary.view import Process, View, ViewName

if TYPE_CHECKING:
    from otel_agent.summary.session_detail import SessionDetail

Ask = Callable[[ViewName, RangeName | None], Question]
"""Returns the question for a view at this moment; ``None`` is the view's own range. Ranges move with the clock."""


class Source(Protocol):
    """Answers questions. All methods but ``mark`` and ``changed`` may take long. The first two may raise ``OtelAgentError``."""

    def view(self, name: ViewName, question: Question) -> View:
        """Answer a question from the ledger as it is now."""

    def session(self, session_id: str) -> "SessionDetail":
        """Return one session with its turns and their calls, from the ledger as it is now."""

    def processes(self) -> list[Process]:
        """Return the OpenCode processes that run now."""

    def follow(
        self, until: threading.Event, on_error: Callable[[LedgerError], None], on_migration: OnMigration
    ) -> None:
        """Keep the ledger up to date until the event is set; ``on_error`` gets the reason each time that fails.

        ``on_migration`` is called while a ledger of an older version is brought up to this one.
        """

    def mark(self) -> object:
        """Return what is another value once the ledger was written."""

    def changed(self) -> bool:
        """Return true if the ledger was written since the last view."""
