"""Tool calls added up by tool, from the calls that are kept of counted messages. Percentiles are exact."""

import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from otel_agent.ledger.answers import KnownCalls, Scope, ToolUse, Usage
from otel_agent.ledger.kept_calls import Found
from otel_agent.ledger.usage_of_messages import UsageOfMessages
from otel_agent.model import Outcome

_NAMED: Final = (
    "named AS MATERIALIZED (SELECT t.number, g.value AS name FROM tool AS t JOIN json_each(?) AS g ON g.key = t.name)"
)
"""The group of each tool, by a JSON object as the parameter."""
_ENDED: Final = "coalesce(m.completed_ms, m.created_ms)"
# CROSS JOIN keeps SQLite from walking over all messages once for each tool.
_CALLS: Final = (
    "FROM whole_message AS m CROSS JOIN kept_call AS k ON k.message = m.number "
    "CROSS JOIN named AS n ON n.number = k.tool WHERE {where}"
)
_MADE: Final = f"SELECT n.name, k.outcome, k.ended_ms - k.started_ms AS took, {_ENDED} {_CALLS} ORDER BY n.name, took"
_USAGE: Final = (
    "SELECT once.name, count(*), count(DISTINCT m.session_id), sum(m.input), sum(m.output), sum(m.reasoning), "
    "sum(m.cache_read), sum(m.cache_write), sum(m.cached_in_input), sum(m.reasoning_in_output), sum(m.cost_nusd) "
    f"FROM (SELECT DISTINCT n.name, k.message {_CALLS}) AS once JOIN message AS m ON m.number = once.message GROUP BY once.name"
)
_ABORTED: Final = Outcome.ABORTED.value


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
        bound = [json.dumps(dict(groups)), *parameters]
        usage = self._database.execute(f"WITH {_NAMED} {_USAGE.format(where=where)}", bound)
        of_group = {row[0]: Usage.of(row[1:]) for row in usage}
        # Counted here: SQLite's window functions take three times as long to find a percentile.
        made = self._database.execute(f"WITH {_NAMED} {_MADE.format(where=where)}", bound)
        return [_use(name, calls, of_group[name]) for name, calls in groupby(made, itemgetter(0))]

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


def _use(name: str, calls: Iterable[tuple[str, str, int | None, int]], usage: Usage) -> ToolUse:
    """Return the sums of the calls of one group, which come in the order of their times."""
    rows = list(calls)
    outcomes = Counter(map(itemgetter(1), rows))
    # A call that was broken off did not take its own time.
    times = array("q", (took for _, outcome, took, _ in rows if took is not None and outcome != _ABORTED))
    ended = list(map(itemgetter(3), rows))
    return ToolUse(
        name,
        outcomes.total(),
        outcomes[Outcome.ERROR.value],
        outcomes[_ABORTED],
        min(ended),
        max(ended),
        len(times),
        _rank(times, 50),
        _rank(times, 95),
        usage,
    )


def _rank(times: Sequence[int], percent: int) -> int | None:
    """Return the nearest rank of sorted times: one that was measured. ``None`` if there are none."""
    return times[-(-len(times) * percent // 100) - 1] if times else None
