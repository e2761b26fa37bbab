"""The usage of each session, agent, project or period by model, which prices need: from kept sums if they can answer.

A slot's sums do not say which model they belong to. Nearly every session uses one, and then its sums are that model's;
only the messages of the others are read.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from otel_agent.ledger.answers import SLOT_MS, UNATTRIBUTED, ModelUsage, Period, Scope, Usage
from otel_agent.ledger.kept_sums import NUMBERS
from otel_agent.ledger.usage_of_messages import UsageOfMessages
from otel_agent.ledger.usage_of_sums import GROUPED_BY, MODEL, slots
from otel_agent.model import UsageSource

_SUMS: Final = ", ".join(f"sum(u.{name})" for name in NUMBERS)
_Model = tuple[str, str]
"""Provider and model."""


class UsageByModel:
    """The usage of kept sums by model. The scope is of whole slots, or without any restriction for kinds of contexts."""

    def __init__(self, database: sqlite3.Connection, of_messages: UsageOfMessages) -> None:
        self._database, self._of_messages = database, of_messages

    def of_contexts(self, kind: str) -> Iterator[ModelUsage]:
        """Yield the usage of each agent, project or place of all time."""
        by = GROUPED_BY[kind]
        sums = ", ".join(f"sum({name})" for name in NUMBERS)
        rows = self._database.execute(
            f"SELECT {', '.join(by)}, provider, {MODEL}, {sums} FROM context WHERE first_ms IS NOT NULL "
            f"GROUP BY {', '.join(str(number + 1) for number in range(len(by) + 2))}"
        )
        for row in rows:
            yield _usage(row[: len(by)], row[len(by) : len(by) + 2], row[len(by) + 2 :])

    def of_sessions(self, scope: Scope) -> Iterator[ModelUsage]:
        """Yield the usage of each session in whole slots."""
        where, parameters = slots(scope)
        rows = self._database.execute(
            f"SELECT u.session_id, u.unattributed, s.contexts, {_SUMS} FROM slot_use AS u "
            f"JOIN session_use AS s ON s.session_id = u.session_id WHERE {where} GROUP BY u.session_id, u.unattributed",
            parameters,
        )
        model_of, several = self._model_of(), set[str]()
        for session_id, unattributed, contexts, *sums in rows:
            model = model_of.get(contexts)
            if model is None:
                several.add(session_id)
            else:
                yield _usage((session_id,), ("", UNATTRIBUTED) if unattributed else model, sums)
        yield from self._of_messages.by_model_of("session", _of(scope, several))

    def of_periods(self, scope: Scope, periods: Sequence[Period]) -> Iterator[ModelUsage]:
        """Yield the usage of each period, which begins with a slot and ends with one."""
        where, parameters = slots(scope)
        rows = self._database.execute(
            f"SELECT json_extract(p.value, '$[0]'), u.unattributed, s.contexts, {_SUMS} FROM json_each(?) AS p "
            f"CROSS JOIN slot_use AS u JOIN session_use AS s ON s.session_id = u.session_id WHERE {where} "
            f"AND slot >= json_extract(p.value, '$[0]') / {SLOT_MS} AND slot < json_extract(p.value, '$[1]') / {SLOT_MS} "
            "GROUP BY p.key, u.unattributed, s.contexts",
            (json.dumps(periods), *parameters),
        )
        model_of, several = self._model_of(), set[str]()
        for begin, unattributed, contexts, *sums in rows:
            model = model_of.get(contexts)
            if model is None:
                several.add(contexts)
            else:
                yield _usage((str(begin),), ("", UNATTRIBUTED) if unattributed else model, sums)
        yield from self._of_messages.by_model_and_period(_of(scope, self._sessions_of(several)), periods)

    def _model_of(self) -> Mapping[str, _Model | None]:
        """Return the model of each set of contexts that a session has; ``None`` if it is not one."""
        query = f"SELECT number, provider, model FROM context WHERE source <> {UsageSource.UNATTRIBUTED:d}"
        names = {number: (provider, model) for number, provider, model in self._database.execute(query)}
        found: dict[str, _Model | None] = {}
        for (contexts,) in self._database.execute("SELECT DISTINCT contexts FROM session_use"):
            models = {names[number] for number in json.loads(contexts) if number in names}
            found[contexts] = models.pop() if len(models) == 1 else None
        return found

    def _sessions_of(self, contexts: Iterable[str]) -> set[str]:
        query = "SELECT session_id FROM session_use WHERE contexts IN (SELECT value FROM json_each(?))"
        return {row[0] for row in self._database.execute(query, (json.dumps(sorted(contexts)),))}


def _of(scope: Scope, sessions: set[str]) -> Scope:
    """Return the part of the scope that belongs to these sessions."""
    return Scope(since_ms=scope.since_ms, until_ms=scope.until_ms, session_ids=frozenset(sessions))


def _usage(key: tuple[str, ...], model: Sequence[str], sums: Sequence[int]) -> ModelUsage:
    messages, *numbers = sums
    return ModelUsage(key, model[0], model[1], Usage.of((messages, 0, *numbers)))
