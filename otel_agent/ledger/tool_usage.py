"""Tool calls added up by tool, from the calls that are kept of counted messages. Percentiles are exact."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from otel_agent.ledger.answers import KnownCalls, Scope, ToolUse, Usage
from otel_agent.ledger.kept_calls import Found
from otel_agent.ledger.usage_of_messages import UsageOfMessages
from otel_agent.model import Outcome

_NAMED: Final = (
    "named AS MATERIALIZED (SELECT t.number, g.value AS name FROM tool AS t JOIN json_each(?) AS g ON g.key = t.name)"
)
"""The group of each tool, by a JSON object as the parameter."""
_ENDED: Final = "coalesce(m.completed_ms, m.created_ms)"
_CALLS: Final = (
    "made AS MATERIALIZED (SELECT n.name, k.message, k.outcome, k.ended_ms - k.started_ms AS took, m.session_id, "
    f"{_ENDED} AS at FROM whole_message AS m JOIN kept_call AS k ON k.message = m.number "
    "JOIN named AS n ON n.number = k.tool WHERE {where})"
)
_COUNTS: Final = (
    f"SELECT name, count(*), count(*) FILTER (WHERE outcome = '{Outcome.ERROR}'), "
    f"count(*) FILTER (WHERE outcome = '{Outcome.ABORTED}'), min(at), max(at) FROM made GROUP BY name"
)
# A call that was broken off did not take its own time. The nearest rank is a time that was measured.
_TIMES: Final = (
    "SELECT name, max(of), max(took) FILTER (WHERE place = (of + 1) / 2), "
    "max(took) FILTER (WHERE place = (of * 95 + 99) / 100) FROM ("
    "SELECT name, took, row_number() OVER (PARTITION BY name ORDER BY took) AS place, "
    "count(*) OVER (PARTITION BY name) AS of FROM made "
    f"WHERE took IS NOT NULL AND outcome <> '{Outcome.ABORTED}') GROUP BY name"
)
_USAGE: Final = (
    "SELECT once.name, count(*), count(DISTINCT m.session_id), sum(m.input), sum(m.output), sum(m.reasoning), "
    "sum(m.cache_read), sum(m.cache_write), sum(m.cached_in_input), sum(m.reasoning_in_output), sum(m.cost_nusd) "
    "FROM (SELECT DISTINCT name, message FROM made) AS once JOIN message AS m ON m.number = once.message GROUP BY once.name"
)
_TIMELESS: Final = (0, None, None)


class ToolUsage:
    """The tool calls of the counted messages in a scope."""

    def __init__(self, database: sqlite3.Connection, messages: UsageOfMessages) -> None:
        self._database, self._messages = database, messages

    def tools(self) -> list[str]:
        """Return the names of all tools that were ever called."""
        return [row[0] for row in self._database.execute("SELECT name FROM tool ORDER BY name")]

    def grouped(self, scope: Scope, groups: Mapping[str, str]) -> list[ToolUse]:
        """Return the calls by the group of their tool; calls of a tool without a group are left out."""
        where, parameters = self._messages.where(scope)
        made = f"WITH {_NAMED}, {_CALLS.format(where=where)}"
        bound = [json.dumps(dict(groups)), *parameters]
        times: dict[str, tuple[Any, ...]] = {
            row[0]: row[1:] for row in self._database.execute(f"{made} {_TIMES}", bound)
        }
        usage = {row[0]: Usage.of(row[1:]) for row in self._database.execute(f"{made} {_USAGE}", bound)}
        rows = self._database.execute(f"{made} {_COUNTS}", bound)
        return [_use(row, times.get(row[0], _TIMELESS), usage[row[0]]) for row in rows]

    def known(self, scope: Scope) -> KnownCalls:
        """Return of how many messages in the scope the calls are known."""
        where, parameters = self._messages.where(scope)
        query = (
            f"SELECT m.calls_found, count(*), min({_ENDED}) FROM whole_message AS m "
            f"WHERE {where} AND m.source <> 2 GROUP BY m.calls_found"
        )
        found = {row[0]: row[1:] for row in self._database.execute(query, parameters)}
        known = [found[how] for how in (Found.WHEN_COUNTED, Found.LATER) if how in found]
        return KnownCalls(
            messages=sum(number for number, _ in known),
            since_ms=min((since for _, since in known), default=None),
            not_read=found.get(Found.NOT_READ, (0,))[0],
            gone=found.get(Found.GONE, (0,))[0],
        )


def _use(counts: tuple[Any, ...], times: tuple[Any, ...], usage: Usage) -> ToolUse:
    name, calls, failed, aborted, first_ms, last_ms = counts
    timed, p50_ms, p95_ms = times
    return ToolUse(name, calls, failed, aborted, first_ms, last_ms, timed, p50_ms, p95_ms, usage)
