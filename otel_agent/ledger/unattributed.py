"""Usage that only the totals of a session know: what the ledger holds of a session, and rows for what is missing.

Such a row is a ``message`` with the source ``UNATTRIBUTED``, so every sum contains it. All rows of a session together
are the high-water mark: what was counted once is never counted again, whatever the totals say later.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.ledger.fork_copies import completion_of
from otel_agent.model import Generation, Message, Overlap, SessionTotals, State, Tokens, UsageSource

_IS_COPY: Final = f"({records.is_marked_copy('m')} OR (s.forked AND m.created_ms < s.created_ms))"
"""A fork copy of 2.x: a fork's totals begin at zero, so they do not hold what was copied."""
_IN_TOTALS: Final = (
    f"iif(m.generation = '{Generation.V2.value}', m.source = {UsageSource.UNATTRIBUTED:d} OR NOT {_IS_COPY}, "
    f"?1 IS NULL OR {records.ended('m')} <= ?1)"
)
"""A message of 1.x is in the totals if the import found it complete. Parameter: the time of the import."""


class KnownUsage(Struct, frozen=True):
    """The ledger's knowledge of what a session's totals hold."""

    tokens: Tokens = Tokens()
    cost_nusd: int = 0
    rows: int = 0
    """Rows of unattributed usage, those included that are not counted."""


class Unattributed:
    """The rows of unattributed usage in the table ``message``."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def known(self, session_ids: Sequence[str], *, migrated_ms: int | None) -> dict[str, KnownUsage]:
        """Return what the ledger has of these sessions' totals, in any state; sessions without a message are missing."""
        # Messages that were left out or deleted are in the totals too, so every state counts.
        query = (
            "SELECT m.session_id, sum(m.input), sum(m.output), sum(m.reasoning), sum(m.cache_read), sum(m.cache_write), "
            f"sum(m.cost_nusd), sum(m.source = {UsageSource.UNATTRIBUTED:d}) "
            "FROM message AS m JOIN session AS s ON s.id = m.session_id "
            f"WHERE m.session_id IN (SELECT value FROM json_each(?2)) AND {_IN_TOTALS} GROUP BY m.session_id"
        )
        rows = self._database.execute(query, (migrated_ms, records.ids(list(session_ids))))
        return {row[0]: KnownUsage(Tokens(*row[1:6]), row[6], row[7]) for row in rows}

    def enter(self, rows: Iterable[tuple[Message, State]]) -> None:
        """Enter rows that ``unattributed_message`` made. Runs inside the writer's transaction."""
        self._database.executemany(
            records.INSERT_MESSAGE,
            [records.message_row(message, state, completion_of(message)) for message, state in rows],
        )


def unattributed_message(totals: SessionTotals, number: int, at_ms: int, tokens: Tokens, cost_nusd: int) -> Message:
    """Return a session's usage number ``number`` that no message has. It has no model, agent or turn."""
    session = totals.session
    return Message(
        id=f"unattributed:{session.id}:{number}",
        session_id=session.id,
        generation=Generation.V2,
        created_ms=at_ms,
        # Nothing was completed: a message that waits for a later complete one must go on waiting.
        completed_ms=None,
        provider="",
        model="",
        agent="",
        tokens=tokens,
        overlap=Overlap(),
        cost_nusd=cost_nusd,
        source=UsageSource.UNATTRIBUTED,
        calls_model=False,
        worktree=session.worktree,
        directory=session.directory,
    )
