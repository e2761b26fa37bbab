"""The tool calls of counted messages: which tool, its outcome and its times.

They are written in the transaction that counts their message. The calls of the history before the ledger are read only
when somebody asks for them, so each message says whether its calls were found.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Final

from otel_agent.ledger import records
from otel_agent.ledger.facts import Facts
from otel_agent.model import Message, ToolCall

_HAS_CALLS: Final = "source <> 2"
"""Usage that only the totals of a session know has no calls: ``model.UsageSource``."""

_LOOKED_MS: Final = "calls_looked_ms"
"""Key in ``meta``: when messages that were gone were last looked for again."""
_AGAIN_MS: Final = 86_400_000


class Found(IntEnum):
    """Whether the tool calls of a message are known, as the column ``message.calls_found`` has it."""

    NOT_READ = 0
    WHEN_COUNTED = 1
    """They are in ``opencode.tool.call.count`` too."""
    LATER = 2
    """Of the history before the ledger: read when somebody asked, and in no metric."""
    GONE = 3
    """OpenCode does not have the message any more."""


IS_NOT_READ: Final = f"{records.IS_COUNTED} AND calls_found = {Found.NOT_READ:d} AND {_HAS_CALLS}"
"""SQL that is true for a counted message whose calls nobody read. Written for the table ``message``."""


class KeptCalls:
    """The tables ``kept_call``, ``called_session`` and ``tool``. Everything that writes runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection, facts: Facts) -> None:
        self._database, self._facts = database, facts
        self._tools: dict[str, int] = {}

    def enter(self, found: Iterable[tuple[int, Sequence[ToolCall]]], how: Found) -> None:
        """Enter the calls of counted messages, each named by its row, and note that they are known."""
        found = list(found)
        self._database.executemany(
            "INSERT OR IGNORE INTO kept_call (message, position, tool, outcome, started_ms, ended_ms) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [row for number, calls in found for row in self._rows(number, calls)],
        )
        self._database.executemany(
            "INSERT OR IGNORE INTO called_session (message, position, session_id) VALUES (?, ?, ?)",
            [
                (number, position, call.child_session)
                for number, calls in found
                for position, call in enumerate(calls)
                if call.child_session
            ],
        )
        self.note([number for number, _ in found], how)

    def note(self, numbers: Iterable[int], how: Found) -> None:
        """Note of these messages how their calls are known."""
        self._database.executemany(
            f"UPDATE message SET calls_found = {how:d} WHERE number = ?", [(number,) for number in numbers]
        )

    def not_read(self, *, after: int, limit: int) -> list[tuple[int, Message]]:
        """Return the next messages after this row whose calls nobody read, each with its row."""
        query = (
            f"SELECT number, {records.MESSAGE_COLUMNS} FROM whole_message "
            f"WHERE number > ? AND {IS_NOT_READ} ORDER BY number LIMIT ?"
        )
        return [(row[0], records.message(row[1:])) for row in self._database.execute(query, (after, limit))]

    def look_again_at_gone(self, now_ms: int) -> None:
        """Let the next reader look for those messages again that OpenCode did not have, once a day: a disk may be back."""
        if abs(now_ms - self._facts.number(_LOOKED_MS)) > _AGAIN_MS:
            self._facts.note(_LOOKED_MS, now_ms)
            self._database.execute(
                f"UPDATE message SET calls_found = {Found.NOT_READ:d} WHERE calls_found = {Found.GONE:d}"
            )

    def count_not_read(self) -> int:
        """Return how many counted messages have calls that nobody read."""
        return int(self._database.execute(f"SELECT count(*) FROM message WHERE {IS_NOT_READ}").fetchone()[0])

    def forget(self) -> None:
        """Forget what is remembered: a transaction that fails takes the tools back that it entered."""
        self._tools.clear()

    def _rows(self, number: int, calls: Sequence[ToolCall]) -> Iterator[tuple[object, ...]]:
        for position, call in enumerate(calls):
            times = (call.started_ms, call.ended_ms) if call.has_span else (None, None)
            yield number, position, self._number_of(call.tool), call.outcome.value, *times

    def _number_of(self, tool: str) -> int:
        known = self._tools.get(tool)
        if known is None:
            # A conflict changes nothing, but only a changed row is returned.
            query = "INSERT INTO tool (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING number"
            known = self._tools[tool] = int(self._database.execute(query, (tool,)).fetchone()[0])
        return known
