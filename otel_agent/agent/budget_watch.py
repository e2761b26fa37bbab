"""Looks at the budgets after something was counted: one notice for each threshold, and their numbers as metrics."""

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final

from msgspec.json import encode

from otel_agent import semconv
from otel_agent.agent.notice_command import NoticeCommand
from otel_agent.agent.timer import NEVER
from otel_agent.ledger.notices import Given
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Observation
from otel_agent.otlp.times import healed_start
from otel_agent.semconv.attributes import Attr
from otel_agent.settings import Settings
from otel_agent.settings.values import BudgetSettings
from otel_agent.summary.budgets import budget_states
from otel_agent.summary.formats.json_objects import budget_object
from otel_agent.summary.ranges import here
from otel_agent.summary.text.budget_words import notice_text
from otel_agent.summary.view import BudgetState

log = logging.getLogger(__name__)

_REST: Final = 50
"""After a look, rest so many times as long as it took. So looking costs a fiftieth of a core at most, even if a filtered
budget adds up a long month of messages."""
_PATIENCE_SECONDS: Final = 1.0
"""How long the agent's end waits for a command."""


class BudgetWatch:
    """The budgets of the settings. Belongs to the thread that owns the ledger, and never waits for a command."""

    def __init__(
        self, settings: Settings, ledger: Ledger, zone: tzinfo | None, *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        """Days begin in ``zone``; ``None`` is the machine's present offset from UTC. ``now_ns`` is the wall clock."""
        self._settings, self._ledger, self._zone, self._now_ns = settings, ledger, zone, now_ns
        self._keys = [_key(budget) for budget in settings.budget]
        self._command = NoticeCommand(settings.budget_notice.command, settings.budget_notice.timeout_seconds)
        self._states: list[BudgetState] = []
        self._names: list[str] = []
        self._seen: tuple[int, tuple[int, ...]] | None = None
        """Two marks of what the ledger held at the last look: rows written, and sums."""
        self._to_give = True
        """True if a threshold may have been passed since the last notices were given."""
        self._rest_until = 0.0
        self._since_ns = now_ns()
        self.next_at = NEVER
        """When to look again although nothing woke the loop. Seconds on the loop's clock."""

    def check(self, now: float) -> bool:
        """Look, if anything was counted since the last look, and give the notices that are due. Return True.

        ``now`` is on the loop's clock. Raises ``LedgerError`` if a notice cannot be noted; then it is not given either.
        """
        if not self._settings.budget:
            return True
        if now < self._rest_until:
            self.next_at = self._rest_until
            return True
        self.next_at = NEVER
        began = time.perf_counter()
        if self._look():
            self._rest_until = now + _REST * (time.perf_counter() - began)
        if self._to_give:
            self._give_notices()
            self._to_give = False
        return True

    def observations(self) -> Iterator[Observation]:
        """Yield used amount and limit of each budget now, and the notices since the agent started."""
        if not self._settings.budget:
            return
        self._look()
        for state, name in zip(self._states, self._names, strict=True):
            attributes = {Attr.BUDGET: name, Attr.BUDGET_WINDOW: state.per}
            if state.of_cost:
                yield Observation(semconv.BUDGET_COST_USAGE.name, state.used / semconv.NANO, attributes)
                yield Observation(semconv.BUDGET_COST_LIMIT.name, state.limit / semconv.NANO, attributes)
            else:
                yield Observation(semconv.BUDGET_USAGE.name, state.used, attributes)
                yield Observation(semconv.BUDGET_LIMIT.name, state.limit, attributes)
        self._since_ns = healed_start(self._since_ns, self._now_ns())
        for outcome, number in self._command.outcomes().items():
            yield Observation(
                semconv.BUDGET_NOTICE_COUNT.name, number, {Attr.NOTICE_OUTCOME: outcome}, since_ns=self._since_ns
            )

    def close(self, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait so long for a command that runs, then kill it."""
        self._command.close(patience_seconds)

    def close_in_order(self) -> None:
        """Wait for commands as long as each may run."""
        self.close(self._settings.budget_notice.timeout_seconds + _PATIENCE_SECONDS)

    def _now(self) -> datetime:
        now = datetime.fromtimestamp(self._now_ns() / semconv.NANO, UTC)
        return here(now) if self._zone is None else now.astimezone(self._zone)

    def _look(self) -> bool:
        """Compute the states again unless nothing can have changed. Return True if they were computed."""
        now = self._now()
        in_time = bool(self._states) and all(state.since <= now < state.until for state in self._states)
        if in_time and self._seen is not None and self._seen[0] == self._ledger.changes:
            return False
        # An export writes to the ledger, too: the sums show whether anything was counted.
        mark = self._ledger.queries.counted_mark()
        stale = not in_time or self._seen is None or self._seen[1] != mark
        self._seen = self._ledger.changes, mark
        if stale:
            accounting = self._settings.accounting
            self._states = list(
                budget_states(self._settings.budget, self._ledger.queries, accounting=accounting, now=now)
            )
            self._names = list(_distinct(self._states))
            self._to_give = True
        return stale

    def _give_notices(self) -> None:
        given = self._ledger.notices.given()
        due: list[tuple[BudgetState, float]] = []
        # A budget that left the settings may come back within its time. None lasts longer than a month.
        month = f"{self._now():%Y-%m-01}"
        now = {key: each for key, each in given.items() if each.period >= month}
        for key, state in zip(self._keys, self._states, strict=True):
            period = f"{state.since:%Y-%m-%d}"
            before = given.get(key)
            past = before.threshold if before is not None and before.period == period else 0.0
            # If several are passed at once, the highest says it all.
            highest = max(filter(state.has_reached, self._settings.budget_notice.thresholds), default=0.0)
            if highest > past and now.get(key) != Given(period, highest):
                due.append((state, highest))
                now[key] = Given(period, highest)
        if not due:
            return
        # Noted before it is given: a process that is killed in between loses a notice, and never repeats one.
        with self._ledger.transaction():
            self._ledger.notices.note(now)
        for state, threshold in due:
            text = notice_text(state, self._now())
            log.warning("%s", text)
            self._command.give(json.dumps(budget_object(state) | {"threshold": threshold, "text": text}).encode())


def _key(budget: BudgetSettings) -> str:
    """Return a key that identifies this budget, also if it moves within the file. With another limit it is another budget."""
    return hashlib.sha256(encode(budget)).hexdigest()[:16]


def _distinct(states: list[BudgetState]) -> Iterator[str]:
    """Yield a name for each budget: two points of one metric may not have equal attributes."""
    met = Counter[tuple[str, str, bool]]()
    for state in states:
        met[which := (state.name, state.per, state.of_cost)] += 1
        yield state.name if met[which] == 1 else f"{state.name} ({met[which]})"
