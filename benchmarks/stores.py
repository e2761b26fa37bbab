"""Stores of any size, a JSON tree as OpenCode 1.1 writes it and a database as 1.18 does, and stores that grow meanwhile."""

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.history import COUNTERS, MODELS, PROJECTS, history, project
from tests.support.made_stores import (
    Database,
    JsonTree,
    Message,
    Session,
    Tokens,
    UserMessage,
    as_file,
    message,
    prompt,
    session,
    tool,
)

_ROWS_AT_ONCE: Final = 10_000


def make_tree(data: Path, messages: int) -> None:
    """Write a tree of 1.1 with so many completed assistant messages and their prompts. It is the same tree each time."""
    tree = JsonTree(data)
    for number in range(PROJECTS):
        tree.put(project(number))
    for each in history(messages, version="1.1.27"):
        tree.put(each.session)
        tree.path(each.said[0]).parent.mkdir(parents=True)
        for record in each.said:
            tree.path(record).write_bytes(as_file(record.document()))


def make_database(data: Path, messages: int) -> None:
    """Write the database of 1.18 with the same history. A million messages take less than a minute."""
    database = Database(data / "opencode.db").create()
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        # Nobody needs the file if this is interrupted.
        connection.executescript("PRAGMA synchronous = OFF; BEGIN")
        database.put_through(connection, *(project(number) for number in range(PROJECTS)))
        rows = list[tuple[object, ...]]()
        for each in history(messages, version="1.18.33"):
            database.put_through(connection, each.session)
            rows += map(_row, each.said)
            if len(rows) >= _ROWS_AT_ONCE:
                _insert(connection, rows)
        _insert(connection, rows)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def append_to_tree(data: Path, number: int) -> None:
    """Write one more message, completed now. Every ten numbers share a session."""
    tree, now_ms = JsonTree(data), _now_ms()
    # The session's id depends on the number alone, so that the next call finds it.
    of = session(number // 10, project=project(0), directory=project(0).worktree)
    if not tree.path(of).exists():
        tree.put(of)
    _put_call(tree, of, now_ms - 30_000, random.Random(number), number % COUNTERS)


class GrowingDatabase:
    """A database with one session and one connection that stays open, as in a running OpenCode."""

    def __init__(self, data: Path, name: str = "opencode.db") -> None:
        self._database = Database(data / name).create()
        self._connection = sqlite3.connect(data / name, isolation_level=None, check_same_thread=False)
        now_ms = _now_ms()
        of = project(0)
        self._session = session(now_ms, project=of, directory=of.worktree, title="a made-up session", version="1.18.33")
        self._number = 0
        self._database.put_through(self._connection, self._session.project, self._session)

    def add_messages(self, number: int) -> None:
        """Write completed messages, each with a tool call, in one transaction."""
        self._connection.execute("BEGIN")
        for _ in range(number):
            self._number += 1
            written = self._message(_now_ms())
            call = tool(written, "bash", at=written.created + 400, took=400)
            self._database.put_through(self._connection, written, call)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection, as OpenCode does when it ends."""
        self._connection.close()

    def _message(self, now_ms: int) -> Message:
        return message(
            self._session,
            Tokens(input=100, output=20, reasoning=10),
            now_ms - 900,
            self._number % COUNTERS,
            completed=now_ms,
            total=130,
            cost=0.001,
            model="claude-sonnet-4-5",
            provider="anthropic",
        )


def _row(record: UserMessage | Message) -> tuple[object, ...]:
    """Return the row that `Database.put` writes of it, but for the time of the writing."""
    document = record.document()
    del document["id"], document["sessionID"]
    changed_ms = record.completed if isinstance(record, Message) else record.created
    return record.id, record.session.id, record.created, changed_ms, msgspec.json.encode(document).decode()


def _insert(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    """Insert rows of the table `message`, and empty the list."""
    into = "INSERT INTO message (id, session_id, time_created, time_updated, data) VALUES (?, ?, ?, ?, ?)"
    connection.executemany(into, rows)
    rows.clear()


def _put_call(tree: JsonTree, of: Session, at_ms: int, chance: random.Random, counter: int) -> None:
    """Write a prompt and the message that answers it within half a minute."""
    provider, model = chance.choice(MODELS)
    asked = prompt(of, at_ms - 100, counter)
    answer = message(
        of,
        Tokens(chance.randrange(20_000), chance.randrange(900), chance.randrange(100), chance.randrange(9_000)),
        at_ms,
        counter,
        completed=at_ms + 30_000,
        cost=0.0123,
        model=model,
        provider=provider,
        parent=asked.id,
    )
    tree.put(asked, answer)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
