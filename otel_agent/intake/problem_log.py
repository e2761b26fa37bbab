"""The log lines about problems in OpenCode's storage: each problem once, and a few of many."""

import logging
from collections.abc import Iterable
from typing import Final

from otel_agent.model import Problem

log = logging.getLogger(__name__)

_SAID_AT_ONCE: Final = 5
"""Problems of one batch that get a line each in the log."""
_MOST_KNOWN: Final = 10_000
"""Problems that are remembered, so that each is counted and logged once. Beyond, all are forgotten."""


class ProblemLog:
    """Remembers the problems that this process has logged."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()
        self._new: dict[tuple[str, str], Problem] = {}
        """The problems of the transaction that is under way."""

    def begin(self) -> None:
        """Begin a transaction. What one that failed brought is new again."""
        self._new.clear()

    def new(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems that were not logged yet and are new in this transaction, one of each kind for a place."""
        new: list[Problem] = []
        for problem in problems:
            key = problem.kind, problem.place
            if key not in self._known and key not in self._new:
                self._new[key] = problem
                new.append(problem)
        return new

    def write(self) -> int:
        """Log the new problems of the transaction, which the ledger counted. Return how many there were."""
        new = list(self._new.values())
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known.update(self._new)
        for problem in new[:_SAID_AT_ONCE]:
            log.warning("%s", problem)
        if len(new) > _SAID_AT_ONCE:
            more = len(new) - _SAID_AT_ONCE
            log.warning("… and %d more of the kind; otel_agent.message.unreadable counts them", more)
        return len(new)
