"""Finding the turns of 2.x costs twice as much for twice the rows, with OpenCode's indexes and without them.

The cost is what SQLite counts: the steps of its machine. Time says nothing on a machine that others use too.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from otel_agent.model import Batch, CallsWanted, ReadScope
from otel_agent.opencode.sqlite import table_reader
from otel_agent.opencode.sqlite.cursor import Ask, DatabaseFile
from otel_agent.opencode.sqlite.database import Database, connect
from otel_agent.opencode.sqlite.known_tables import probe
from otel_agent.opencode.sqlite.table_reader import TableReader
from tests.support.made_stores import T0, DatabaseV2, session
from tests.support.made_stores.database import SCHEMAS
from tests.support.made_stores.ids import message_id
from tests.support.paths import STORES

FEW: Final = 400
"""Answers of the shorter history; the longer one has twice as many."""
TWICE: Final = 2.3
"""Sorting costs a little more than twice as much for twice the rows. What is quadratic costs four times as much."""
EACH: Final = 20
"""In so many steps of SQLite's machine one is counted."""
TYPES: Final = {
    "released": ("user", "assistant", "idle"),
    "beta": ("user", "assistant"),
    "notes": ("synthetic", "assistant"),
}
VERSIONS: Final = {"released": "2.0.17", "beta": "2.0.0-beta.3", "notes": "2.0.0-beta.3"}


def written(path: Path, kind: str, answers: int, sessions: int, *, indexed: bool) -> Path:
    """A database with so many answers, each with a row before it, and after it if the kind of history has one."""
    database = DatabaseV2(path).create()
    statements = (SCHEMAS / "schema-2.sql").read_text().split(";")
    with database.connection() as connection:
        for statement in statements if indexed else ():
            if "INDEX session_message" in statement:
                connection.execute(statement)
        for number in range(sessions):
            of = session(T0, counter=number + 1, version=VERSIONS[kind])
            database.put_through(connection, of.project, of)
            connection.executemany(
                "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows(kind, of.id, number * answers // sessions, (number + 1) * answers // sessions),
            )
    return path


def rows(kind: str, session_id: str, first: int, last: int) -> Iterator[tuple[object, ...]]:
    """The rows of the answers from `first` to `last` of a history. After notes, the model always goes on."""
    types = TYPES[kind]
    for seq, type_ in enumerate(types * (last - first)):
        at = T0 + (first * len(types) + seq) * 1_000
        data: dict[str, object] = {"time": {"created": at}}
        if type_ == "assistant":
            tokens = {"input": 10, "output": 2, "reasoning": 0, "cache": {"read": 0, "write": 0}}
            data |= {"agent": "build", "model": {"id": "glm-4.7", "providerID": "zai"}, "cost": 0, "tokens": tokens}
            data |= {"content": [], "finish": "tool-calls" if kind == "notes" else "stop"}
            data["time"] = {"created": at, "streamed": at + 400, "completed": at + 800}
        yield message_id(at), session_id, type_, seq, at, at, json.dumps(data)


def steps(path: Path, answers: int) -> int:
    """Read a database from its begin, and return what that costs."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    with closing(connect(path)) as database:
        tables, problems = probe(database, "here")
        assert not problems
        database.set_progress_handler(count, EACH)
        asked = Ask(lambda _: None, lambda _: CallsWanted())
        reader = TableReader(database, tables[0], DatabaseFile("here", 1), asked)
        batches = list(reader.read(now_ms=T0, sweep=True))
    assert sum(len(batch.messages) for batch in batches) == answers
    return counted


@pytest.mark.parametrize("kind", ["released", "beta"])
@pytest.mark.parametrize("indexed", [True, False], ids=["with-indexes", "without"])
@pytest.mark.parametrize("per_session", [20, None], ids=["short-sessions", "one-session"])
def test_twice_the_rows_cost_twice_as_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, per_session: int | None, *, indexed: bool
) -> None:
    """The history is read in many transactions, because what each of them looks for again costs the most."""
    monkeypatch.setattr(table_reader, "_CHUNK", 50)
    cost = [
        steps(written(tmp_path / f"{n}.db", kind, n, n // per_session if per_session else 1, indexed=indexed), n)
        for n in (FEW, 2 * FEW)
    ]
    assert FEW / EACH < cost[0] < cost[1] < TWICE * cost[0]


@pytest.mark.parametrize("indexed", [True, False], ids=["with-indexes", "without"])
def test_twice_the_notes_of_one_turn_cost_twice_as_much(tmp_path: Path, *, indexed: bool) -> None:
    cost = [steps(written(tmp_path / f"{n}.db", "notes", n, 1, indexed=indexed), n) for n in (FEW, 2 * FEW)]
    assert FEW / EACH < cost[0] < cost[1] < TWICE * cost[0]


def everything(path: Path) -> Batch:
    """What a first look at a database finds."""
    found = Batch()
    database = Database(path)
    for batch in database.read(lambda _: None, lambda _: CallsWanted(), now_ms=T0 * 2, scope=ReadScope(sweep=True)):
        found.add(batch)
    database.close()
    return found


@pytest.mark.parametrize("store", sorted(path.name for path in (STORES / "v2").iterdir() if path.is_dir()))
def test_a_database_without_indexes_has_the_same_turns(tmp_path: Path, store: str) -> None:
    whole, bare = tmp_path / "whole", tmp_path / "bare"
    for folder in (whole, bare):
        shutil.copytree(STORES / "v2" / store / "opencode", folder)
    (name,) = (path.name for path in whole.glob("*.db"))
    with closing(sqlite3.connect(bare / name)) as copy:
        indexes = (
            "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'session_message' AND sql IS NOT NULL"
        )
        for (index,) in copy.execute(indexes).fetchall():
            copy.execute(f'DROP INDEX "{index}"')
    expected, found = everything(whole / name), everything(bare / name)
    assert expected.messages
    assert all(message.turn_id for message in expected.messages if not message.compaction)
    assert found.messages == expected.messages
    assert found.calls == expected.calls
