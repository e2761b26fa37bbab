"""The log lines about problems in OpenCode's storage: each problem once, and a few of many."""

import logging
from collections.abc import Iterable, Sequence
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

    def new(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return the problems that were not logged yet, one of each kind for a place."""
        new: dict[tuple[str, str], Problem] = {}
        for problem in problems:
            if (problem.kind, problem.place) not in self._known:
                new.setdefault((problem.kind, problem.place), problem)
        return list(new.values())

    def write(self, new: Sequence[Problem]) -> None:
        """Log these problems. Call it after the ledger counted them, so that a failed transaction reports them again."""
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known.update((problem.kind, problem.place) for problem in new)
        for problem in new[:_SAID_AT_ONCE]:
            log.warning("%s", problem)
        if len(new) > _SAID_AT_ONCE:
            more = len(new) - _SAID_AT_ONCE
            log.warning("… and %d more of the kind; otel_agent.message.unreadable counts them", more)
