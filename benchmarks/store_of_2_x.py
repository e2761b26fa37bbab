"""A database as OpenCode 2.x writes it, with the same history: its rows hold the answers themselves, tools included."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.history import PROJECTS, Conversation, history, project
from tests.support.made_stores import DatabaseV2, Message, Tokens, UserMessage
from tests.support.made_stores.database import SCHEMAS
from tests.support.made_stores.ids import message_id

VERSION: Final = "2.0.26"
_ROWS_AT_ONCE: Final = 5_000
_OUTPUT: Final = 2_000
"""Mean number of characters of a tool's output."""
_LONGEST_OUTPUT: Final = 50_000
_INSERT: Final = "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
_Row = tuple[object, ...]


def make_database_of_2_x(data: Path, messages: int) -> None:
    """Write a database of 2.x with so many completed answers and their prompts. It is the same database each time."""
    database, texts = DatabaseV2(data / "opencode.db").create(), _Texts()
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        # Nobody needs the file if this is interrupted.
        connection.executescript("PRAGMA synchronous = OFF; BEGIN")
        database.put_through(connection, *(project(number) for number in range(PROJECTS)))
        rows = list[_Row]()
        for each in history(messages, version=VERSION):
            database.put_through(connection, each.session)
            _add_totals(connection, each)
            rows += _rows(each, texts)
            if len(rows) >= _ROWS_AT_ONCE:
                connection.executemany(_INSERT, rows)
                rows.clear()
        connection.executemany(_INSERT, rows)
        for statement in (SCHEMAS / "schema-2.sql").read_text().split(";"):
            if "INDEX session_" in statement:
                connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class _Texts:
    """Makes texts with lines and quotation marks, as code has them."""

    def __init__(self) -> None:
        self._chance = random.Random(2)
        self._text = "".join(self._chance.choices('abcdefghijklmno    (),.\n"', k=2 * _LONGEST_OUTPUT))

    def output(self) -> str:
        """Return what a tool said."""
        return self.piece(min(int(self._chance.expovariate(1 / _OUTPUT)), _LONGEST_OUTPUT))

    def piece(self, length: int) -> str:
        """Return a text of that length."""
        begin = self._chance.randrange(len(self._text) - length)
        return self._text[begin : begin + length]


def _rows(of: Conversation, texts: _Texts) -> Iterator[_Row]:
    """Yield a session's rows in their order. A row `idle` ends each turn."""
    seq = 0
    for said in of.said:
        seq += 1
        if isinstance(said, UserMessage):
            yield _row(said, "user", seq, said.created, {"text": texts.piece(100), "time": {"created": said.created}})
            continue
        changed_ms = said.completed or said.created
        yield _row(said, "assistant", seq, changed_ms, _answer(said, texts))
        if said.finish == "stop":
            seq += 1
            idle_ms = changed_ms + 1
            ended: dict[str, object] = {"outcome": "succeeded", "time": {"created": idle_ms}}
            yield message_id(idle_ms, seq), of.session.id, "idle", seq, idle_ms, idle_ms, _json(ended)


def _answer(said: Message, texts: _Texts) -> dict[str, object]:
    """Return the data of an answer: a text, and a call of a tool unless it is the last one of its turn."""
    at_ms, done_ms = said.created, said.completed or said.created
    content: list[dict[str, object]] = [{"type": "text", "text": texts.piece(200)}]
    if said.finish != "stop":
        output = [{"type": "text", "text": texts.output()}]
        state = {"status": "completed", "input": {"command": texts.piece(60)}, "metadata": {}, "content": output}
        times = {"created": at_ms, "ran": at_ms, "completed": done_ms}
        content.append({"type": "tool", "id": f"call_{at_ms}", "name": "bash", "time": times, "state": state})
    times = {"created": at_ms, "streamed": done_ms, "completed": done_ms}
    return said.document_v2() | {"content": content, "time": times}


def _row(of: UserMessage | Message, kind: str, seq: int, changed_ms: int, data: dict[str, object]) -> _Row:
    return of.id, of.session.id, kind, seq, of.created, changed_ms, _json(data)


def _json(data: dict[str, object]) -> str:
    return msgspec.json.encode(data).decode()


def _add_totals(connection: sqlite3.Connection, of: Conversation) -> None:
    """Write what the session used in all, as OpenCode adds it up."""
    names = ("tokens_input", "tokens_output", "tokens_reasoning", "tokens_cache_read", "tokens_cache_write")
    used = [each.tokens for each in of.answers]
    sums = [sum(getattr(tokens, name) for tokens in used) for name in Tokens._fields]
    cost = sum(each.cost for each in of.answers)
    columns = ", ".join(f"{name} = ?" for name in (*names, "cost"))
    connection.execute(f"UPDATE session_v2 SET {columns} WHERE id = ?", (*sums, cost, of.session.id))
