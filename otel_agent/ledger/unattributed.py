"""Usage that only the totals of a session know: what the ledger holds of a session, and rows for what is missing.

Such a row is a ``message`` with the source ``UNATTRIBUTED``, so every sum contains it. All rows of a session together
are the high-water mark: what was counted once is never counted again, whatever the totals say later.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.ledger.contexts import Contexts
from otel_agent.ledger.kept_sums import KeptSums
from otel_agent.ledger.messages import Messages
from otel_agent.model import Change, Generation, Message, Overlap, SessionTotals, State, Tokens, UsageSource

_HAS_MARKED: Final = (
    f"EXISTS (SELECT 1 FROM message AS c WHERE c.session_id = m.session_id AND {records.is_marked_copy('c')})"
)
_IS_COPY: Final = (
    f"CASE WHEN {records.is_marked_copy('m')} THEN 1 WHEN NOT s.forked OR m.created_ms >= s.created_ms THEN 0 "
    f"ELSE NOT {_HAS_MARKED} END"
)
"""A fork copy of 2.x: a fork's totals begin at zero, so they do not hold what was copied. The forks of betas mark no
copy. In others an unmarked message is the fork's own, even if the clock was set back and it looks older.

With ``CASE`` SQLite looks for marked ones only if it must: ``AND`` evaluates both of its sides for each message."""
_IN_TOTALS: Final = (
    f"iif(m.generation = '{Generation.V2.value}', "
    f"(m.source = {UsageSource.UNATTRIBUTED:d} OR NOT ({_IS_COPY})) AND m.id NOT IN (SELECT value FROM json_each(?4)), "
    f"?1 IS NULL OR {records.ended('m')} <= ?1 OR m.id IN (SELECT value FROM json_each(?3)))"
)
"""A message of 1.x is in the totals if the import found it complete, or made a row of it."""


_TOKENS: Final = ("input", "output", "reasoning", "cache_read", "cache_write")
_USED: Final = (*_TOKENS, "cost_nusd")
_AS_IMPORTED: Final = ", ".join(
    f"ifnull(json_extract(imported.value, '$[{place}]'), m.{name}) AS {name}" for place, name in enumerate(_USED)
)


class Beside(Struct, frozen=True):
    """What a store says beside the totals of its sessions."""

    migrated_ms: int | None = None
    """When 2.x imported the sessions of 1.x, ``None`` if it did not."""
    present: frozenset[str] = frozenset()
    """Rows that are there now, as far as it was asked for them."""
    outside: frozenset[str] = frozenset()
    """Messages that the totals do not hold: those of another store, and those that a reset of the totals left out."""
    imported: Mapping[str, tuple[Tokens, int]] = {}
    """Tokens and cost that the totals hold of messages of 1.x, if they were asked for. What counts can be another number."""


class KnownUsage(Struct, frozen=True):
    """The ledger's knowledge of what a session's totals hold."""

    tokens: Tokens = Tokens()
    cost_nusd: int = 0
    rows: int = 0
    """Rows of unattributed usage, those included that are not counted."""

    def plus(self, tokens: Tokens, cost_nusd: int) -> "KnownUsage":
        """Return it with more usage, of the same rows."""
        return KnownUsage(self.tokens.plus(tokens), self.cost_nusd + cost_nusd, self.rows)


class Copied(Struct, frozen=True):
    """A fork copy that counts in place of its original."""

    session_id: str
    created_ms: int
    tokens: Tokens
    cost_nusd: int


class OwnMessage(Struct, frozen=True):
    """A message of 2.x that a session's totals held when it was counted."""

    number: int
    """A message that was counted later has a higher one."""
    id: str
    has_row: bool
    """False for unattributed usage, which no row has."""
    created_ms: int
    tokens: Tokens
    cost_nusd: int


class Unattributed:
    """The rows of unattributed usage in the table ``message``."""

    def __init__(self, database: sqlite3.Connection, messages: Messages, contexts: Contexts, sums: KeptSums) -> None:
        self._database, self._messages, self._contexts, self._sums = database, messages, contexts, sums

    def known(self, session_ids: Sequence[str], beside: Beside) -> dict[str, KnownUsage]:
        """Return what the ledger has of these sessions' totals, in any state; sessions without a message are missing."""
        self._messages.make_indexes()
        # Messages that were left out or deleted are in the totals too, so every state counts.
        # Materialised: otherwise SQLite would ask for each of the sums once more whether the totals hold a message.
        query = (
            "WITH imported AS MATERIALIZED (SELECT key, value FROM json_each(?5)), "
            f"usage AS MATERIALIZED (SELECT m.session_id, m.source, {_AS_IMPORTED}, {_IN_TOTALS} AS held "
            "FROM message AS m JOIN session AS s ON s.id = m.session_id LEFT JOIN imported ON imported.key = m.id "
            "WHERE m.session_id IN (SELECT value FROM json_each(?2))) "
            f"SELECT session_id, {', '.join(f'sum(iif(held, {name}, 0))' for name in _USED)}, "
            f"sum(source = {UsageSource.UNATTRIBUTED:d}) FROM usage GROUP BY session_id"
        )
        rows = self._database.execute(
            query,
            (
                beside.migrated_ms,
                records.ids(list(session_ids)),
                records.ids(list(beside.present)),
                records.ids(list(beside.outside)),
                json.dumps({key: (*used.by_category(), cost) for key, (used, cost) in beside.imported.items()}),
            ),
        )
        return {row[0]: KnownUsage(Tokens(*row[1:6]), row[6], row[7]) for row in rows}

    def ids_of_1_x(self, session_ids: Sequence[str]) -> list[str]:
        """Return the messages of these sessions that an older release than 2.0 wrote."""
        query = (
            f"SELECT id FROM message WHERE generation <> '{Generation.V2.value}' "
            "AND session_id IN (SELECT value FROM json_each(?))"
        )
        return [row[0] for row in self._database.execute(query, (records.ids(list(session_ids)),))]

    def settled(self, sessions: Mapping[str, SessionTotals]) -> set[str]:
        """Return the sessions whose counted messages, by their kept sums, have all tokens of their totals.

        That is nearly all of them. ``known`` walks over each of their messages, and this does not.
        """
        query = f"SELECT session_id, {', '.join(_TOKENS)} FROM session_use WHERE session_id IN (SELECT value FROM json_each(?))"
        rows = self._database.execute(query, (records.ids(list(sessions)),))
        return {row[0] for row in rows if row[1:] == sessions[row[0]].tokens.by_category()}

    def has(self, session_id: str) -> bool:
        """Return True if there is unattributed usage of the session."""
        query = "SELECT 1 FROM message WHERE id = ?"
        return self._database.execute(query, (_id(session_id, 0),)).fetchone() is not None

    def counted_copies(self, session_ids: Sequence[str]) -> list[Copied]:
        """Return the fork copies in these sessions that count, because their originals were never seen."""
        query = (
            f"SELECT m.session_id, m.created_ms, {', '.join(f'm.{name}' for name in _USED)} "
            "FROM message AS m JOIN session AS s ON s.id = m.session_id "
            f"WHERE m.session_id IN (SELECT value FROM json_each(?)) AND m.{records.IS_COUNTED} "
            f"AND m.generation = '{Generation.V2.value}' AND ({_IS_COPY})"
        )
        rows = self._database.execute(query, (records.ids(list(session_ids)),))
        return [Copied(row[0], row[1], Tokens(*row[2:7]), row[7]) for row in rows]

    def of_session(self, session_id: str) -> list[OwnMessage]:
        """Return the session's own messages of 2.x: first the usage that no message has, then the oldest."""
        has_row = f"m.source <> {UsageSource.UNATTRIBUTED:d}"
        query = (
            f"SELECT m.number, m.id, {has_row}, m.created_ms, {', '.join(f'm.{name}' for name in _USED)} "
            "FROM message AS m JOIN session AS s ON s.id = m.session_id "
            f"WHERE m.session_id = ? AND m.generation = '{Generation.V2.value}' "
            f"AND (m.source = {UsageSource.UNATTRIBUTED:d} OR NOT ({_IS_COPY})) "
            f"ORDER BY {has_row}, m.number"
        )
        rows = self._database.execute(query, (session_id,))
        return [OwnMessage(row[0], row[1], bool(row[2]), row[3], Tokens(*row[4:9]), row[9]) for row in rows]

    def take_back(self, session_id: str, tokens: Tokens, cost_nusd: int) -> tuple[Tokens, int]:
        """Lower what counts as unattributed of a session, the latest first, and return by how much: a message says now
        that it used this. The caller adds so much less. Runs inside the writer's transaction."""
        query = (
            f"SELECT number, {records.MESSAGE_COLUMNS} FROM whole_message WHERE session_id = ? AND {records.IS_COUNTED} "
            f"AND source = {UsageSource.UNATTRIBUTED:d} ORDER BY number DESC"
        )
        taken, taken_nusd = Tokens(), 0
        for number, *row in self._database.execute(query, (session_id,)).fetchall():
            message = records.message(tuple(row))
            part = message.tokens.at_most(tokens.minus(taken))
            part_nusd = min(message.cost_nusd, cost_nusd - taken_nusd) if part.total else 0
            rest = (*message.tokens.minus(part).by_category(), message.cost_nusd - part_nusd)
            changes = ", ".join(f"{name} = ?" for name in _USED)
            self._database.execute(f"UPDATE message SET {changes} WHERE number = ?", (*rest, number))
            less = Change(message, False, Tokens().minus(part), Overlap(), -part_nusd, first=False, opens_session=False)
            self._sums.add([less])
            taken, taken_nusd = taken.plus(part), taken_nusd + part_nusd
        return taken, taken_nusd

    def enter(self, rows: Iterable[tuple[Change, State]]) -> None:
        """Enter rows that ``unattributed_message`` made. Runs inside the writer's transaction."""
        entered = list(rows)
        first = self._messages.last_number() + 1
        number_of = self._contexts.number_of
        new = (
            (change.message, state, number_of(change.message), number)
            for number, (change, state) in enumerate(entered, first)
        )
        records.insert_messages(self._database, new)


def unattributed_message(totals: SessionTotals, number: int, at_ms: int, tokens: Tokens, cost_nusd: int) -> Message:
    """Return a session's usage number ``number`` that no message has. It has no model, agent or turn."""
    session = totals.session
    return Message(
        id=_id(session.id, number),
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


def _id(session_id: str, number: int) -> str:
    return f"unattributed:{session_id}:{number}"
