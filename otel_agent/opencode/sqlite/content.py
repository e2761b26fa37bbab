"""The tool calls of 2.x, which are in the row of their message, and the calls that began its sub-agents.

A row holds the output of its tools and can have many megabytes. A small one is decoded at once. Of a large one, SQLite
takes out the few fields that we use, so that its content is never built here.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from otel_agent.model import Generation, Message, Problem, Session
from otel_agent.opencode import json_values
from otel_agent.opencode.parts.callers import RECENT, Began, Child, Origin, which_of_2_x
from otel_agent.opencode.parts.content import CODE_MODE, SUBAGENT, Fields, Unreadable, fields_of, parts_of
from otel_agent.opencode.parts.part import MAX_PARTS, Part, digest
from otel_agent.opencode.sqlite.failures import is_of_the_query
from otel_agent.opencode.sqlite.known_tables import ASSISTANT, COMPACTION, Tables
from otel_agent.opencode.sqlite.parts import find_session, has_row, text_of
from otel_agent.opencode.sqlite.row_json import LARGE
from otel_agent.opencode.sqlite.row_size import all_of, first_of, shortened_json
from otel_agent.opencode.sqlite.turns import WAKE, TurnFinder

_PATHS: Final = (
    *("type", "id", "name", "time", "state.status", "state.error.type"),
    *("state.metadata.sessionID", "state.metadata.sessionId", "state.structured.sessionID"),
    *("state.metadata.status", "state.structured.status"),
    *("state.input.sessionID", "state.input.agent", "state.input.description"),
)
_LONGEST_ERROR: Final = 4_096
"""Characters from the end of an error's text: a call of a sub-agent names its session there."""
_IS_SUBAGENT: Final = f"json_extract(item.value, '$.name') IN ({', '.join(repr(name) for name in SUBAGENT)})"
# The time for finding one text in another one is their product, and nothing can stop SQLite meanwhile.
_ASKED: Final = "substr(json_extract(first.data, '$.text'), 1, 1048576)"
_PROMPT: Final = "substr(json_extract(item.value, '$.state.input.prompt'), 1, 4096)"
# One function for all fields of an item: each would read the row, which can have many megabytes, once more.
_FIELDS: Final = f"json_extract(item.value, {', '.join(repr(f'$.{path}') for path in _PATHS)})"


class ContentParts:
    """The ``PartSource`` of the tables of 2.x. SQLite shows no half-written row, so nothing is ever ``BeingWritten``."""

    def __init__(self, database: sqlite3.Connection, tables: Tables, turns: TurnFinder) -> None:
        self._database, self._tables, self._turns = database, tables, turns

    def has_calls(self, message: Message) -> bool:
        """Return True for the messages of 2.x."""
        return message.generation is Generation.V2

    def knows(self, message: Message) -> bool:
        """Return True if the message's row is there, however large it is."""
        return has_row(self._database, self._tables, message.id)

    def parts(self, session_id: str, message_id: str, problems: list[Problem], *, at_work: bool) -> list[Part]:
        """Return the tool calls of a message, in the order in which the model made them. Nothing else is returned."""
        del session_id, problems, at_work
        query = f"SELECT CASE WHEN length(data) <= {LARGE} THEN data END FROM {self._tables.messages} WHERE id = ?"
        row = first_of(self._database, query, (message_id,))
        raw = self._shortened(message_id) if row is None else row[0]
        try:
            if isinstance(raw, bytes):
                return parts_of(message_id, fields_of(raw))
        except Unreadable:
            pass  # SQLite accepts what JavaScript writes and a strict parser refuses
        if row is None:
            return []
        return parts_of(message_id, self._fields(message_id))

    def recent(self, session_id: str, until_ms: int) -> list[str]:
        """Return the ids of the session's last messages that began before ``until_ms``, newest first."""
        if not self._tables.has_turns:
            return []
        query = (
            f"SELECT id FROM {self._tables.messages} WHERE session_id = ? AND time_created <= ? AND type = '{ASSISTANT}' "
            "ORDER BY time_created DESC LIMIT ?"
        )
        return [text_of(row[0]) for row in all_of(self._database, query, (session_id, until_ms, RECENT))]

    def caller_in(self, message_id: str, session: Session, at_ms: int) -> Began | None:
        """Return the call in this message that began a turn of ``session`` at ``at_ms``, ``None`` if none did."""
        parts = self.parts(session.parent_id, message_id, [], at_work=True)
        child = Child(session.id, self._agent_of(session.id), session.title)

        def unnamed(found: Sequence[Part]) -> Part:
            return self._by_prompt_or_order(message_id, child, session, parts, found)

        return which_of_2_x(child, at_ms, parts, unnamed)

    def origin_of(self, session: Session, turn_id: str) -> Origin | None:
        """Return what began a turn of this session that neither a person nor a call began, ``None`` for any other turn."""
        place = self._turns.place(turn_id)
        if place is None or place.kind not in (COMPACTION, WAKE):
            return None
        if place.kind == COMPACTION:
            before = self._turns.answer_before(session, place)
            return None if before is None else Origin(self._turns.turn(session, before).id)
        return self._woken(turn_id)

    def _woken(self, turn_id: str) -> Origin | None:
        query = (
            "SELECT json_extract(data, '$.metadata.childID'), time_created "
            f"FROM {self._tables.messages} WHERE id = ? AND json_valid(data)"
        )
        row = first_of(self._database, query, (turn_id,))
        child = None if row is None else self.session(text_of(row[0]))
        if row is None or child is None:
            return None
        # Long may have passed since the call, but the sub-agent was prompted right after it. The plus sign keeps SQLite
        # to the index of the order: by that of the times it would sort the whole session.
        query = (
            f"SELECT time_created FROM {self._tables.messages} WHERE session_id = ? AND type = 'user' "
            "AND +time_created <= ? ORDER BY seq DESC LIMIT 1"
        )
        prompt = self._database.execute(query, (child.id, row[1])).fetchone()
        at_ms = None if prompt is None else json_values.time_ms(prompt[0])
        return Origin(child=child, at_ms=at_ms or child.created_ms)

    def turn_began_ms(self, turn_id: str, first_created_ms: int) -> int:
        """Return when the row that began a turn was written."""
        place = self._turns.place(turn_id)
        return first_created_ms if place is None else place.created_ms

    def turn_of(self, session_id: str, message_id: str) -> str:
        """Return the turn of a message, empty if it is gone or in none."""
        session, place = self.session(session_id), self._turns.place(message_id)
        return "" if session is None or place is None else self._turns.turn(session, place).id

    def releases(self) -> Mapping[str, int]:
        """Return nothing: rows of 2.x have the true times of their calls, whoever wrote them."""
        return {}

    def session(self, session_id: str) -> Session | None:
        """Return the session, ``None`` if it is gone."""
        return find_session(self._database, self._tables, session_id)

    def _shortened(self, message_id: str) -> bytes | None:
        """Return the JSON of a row that is too large with its long texts shortened, ``None`` if there is no such row."""
        table = self._tables.messages
        row = first_of(self._database, f"SELECT rowid FROM {table} WHERE id = ?", (message_id,))
        return None if row is None else shortened_json(self._database, table, row[0])

    def _fields(self, message_id: str) -> list[Fields]:
        """Return the tool calls of a large row; none if it is no JSON."""
        query = (
            f"SELECT item.key, {_FIELDS}, json_type(item.value, '$.state.metadata.exit'), CASE WHEN {_IS_SUBAGENT} "
            f"THEN substr(json_extract(item.value, '$.state.error.message'), -{_LONGEST_ERROR}) END, "
            f"substr(json_extract(item.value, '$.state.input'), 1, {LARGE + 1}) "
            f"FROM {self._tables.messages} AS m, json_each(m.data, '$.content') AS item "
            "WHERE m.id = ? AND item.type = 'object'"
        )
        try:
            rows = self._database.execute(query, (message_id,)).fetchall()
        except sqlite3.Error as error:
            if not is_of_the_query(error):
                raise
            return []
        return [found for row in rows if (found := self._field(message_id, *row)) is not None]

    def _field(
        self, message_id: str, key: object, fields: bytes, exit_type: object, error_text: object, asked: object
    ) -> Fields | None:
        kind, call_id, name, time, status, error_type, *rest = json.loads(fields)
        if kind != "tool":
            return None
        new, imported, beta, status_of_child, status_in_beta, resumed, agent, description = rest
        return Fields(
            id=call_id,
            name=name,
            time=time,
            status=status,
            error_type=error_type,
            error_text=_value(error_text),
            child=new or imported or beta,
            child_status=status_of_child or status_in_beta,
            resumed=resumed,
            agent=agent,
            description=description,
            # A large input would have to be built to be compared.
            input_digest=digest(asked) if isinstance(asked, bytes) and len(asked) <= LARGE else b"",
            exit=None if _value(exit_type) == "null" else msgspec.UNSET,
            inner=self._inner(message_id, key) if name == CODE_MODE else [],
        )

    def _inner(self, message_id: str, key: object) -> list[tuple[object, object]]:
        query = (
            "SELECT json_extract(inner.value, '$.tool'), json_extract(inner.value, '$.status') "
            f"FROM {self._tables.messages} AS m, json_each(m.data, '$.content[' || ? || '].state.metadata.toolCalls') AS inner "
            f"WHERE m.id = ? AND inner.type = 'object' LIMIT {MAX_PARTS}"
        )
        return [(_value(tool), _value(status)) for tool, status in self._database.execute(query, (key, message_id))]

    def _agent_of(self, session_id: str) -> str:
        if "agent" not in self._tables.session_columns:
            return ""
        query = f"SELECT agent FROM {self._tables.sessions} WHERE id = ?"
        row = first_of(self._database, query, (session_id,))
        return "" if row is None else text_of(row[0])

    def _by_prompt_or_order(
        self, message_id: str, child: Child, session: Session, parts: Sequence[Part], found: Sequence[Part]
    ) -> Part:
        """Return which of several unnamed calls began the session, by its prompt, else by the order in which they began.

        OpenCode records nothing better until they end, and waiting for that would break the trace.
        """
        asked = self._asked_for(message_id, child.id)
        found = [part for part in found if part.tool_use is not None and part.tool_use.call_id in asked] or found
        began = sorted(found, key=_begun)
        named = {part.tool_use.child_session for part in parts if part.tool_use is not None}
        sisters = [key for key in self._sisters(session, _begun(began[0])) if key not in named]
        at = sisters.index(child.id) if child.id in sisters else 0
        return began[min(at, len(began) - 1)]

    def _asked_for(self, message_id: str, child_id: str) -> set[str]:
        """Return the ids of the calls whose prompt the session began with. SQLite compares the two texts."""
        if not self._tables.has_turns:
            return set()
        query = (
            f"SELECT json_extract(item.value, '$.id') FROM {self._tables.messages} AS m, json_each(m.data, '$.content') AS item "
            f"WHERE m.id = ?1 AND item.type = 'object' AND {_IS_SUBAGENT} AND instr((SELECT {_ASKED} "
            f"FROM {self._tables.messages} AS first WHERE first.session_id = ?2 AND first.type = 'user' "
            f"ORDER BY first.seq LIMIT 1), {_PROMPT}) > 0"
        )
        try:
            return {text_of(row[0]) for row in self._database.execute(query, (message_id, child_id)).fetchall()}
        except sqlite3.Error as error:
            if not is_of_the_query(error):
                raise
            return set()

    def _sisters(self, session: Session, since_ms: int) -> list[str]:
        """Return the sessions that the same parent began for the same purpose since then, in the order of their begin."""
        query = (
            f"SELECT id FROM {self._tables.sessions} WHERE parent_id = ? AND coalesce(title, '') = ? AND time_created >= ? "
            "ORDER BY time_created, id"
        )
        return [text_of(row[0]) for row in all_of(self._database, query, (session.parent_id, session.title, since_ms))]


def _begun(part: Part) -> int:
    return 0 if part.tool_use is None else part.tool_use.started_ms or 0


def _value(value: object) -> object:
    """Return a text as text; our connection returns bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
