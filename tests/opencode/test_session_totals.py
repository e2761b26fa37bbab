"""The totals of sessions: those that changed since the last pass are read, whatever changed in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from otel_agent.model import Batch, CallsWanted, Problem, ProblemKind, ReadScope
from otel_agent.opencode.sqlite import database as database_module
from otel_agent.opencode.sqlite import session_totals
from otel_agent.opencode.sqlite.connection import Connection, connect
from otel_agent.opencode.sqlite.database import Database as DatabaseReader
from otel_agent.opencode.sqlite.known_tables import Tables, probe
from otel_agent.opencode.sqlite.session_totals import TotalsRead
from tests.support.made_stores import T0, DatabaseV2, Tokens, message, session

MANY = 50
OTHERS = [session(T0, counter=number) for number in range(MANY)]


@pytest.fixture
def store(tmp_path: Path) -> DatabaseV2:
    made = DatabaseV2(tmp_path / "opencode.db").create()
    made.put(OTHERS[0].project, *OTHERS)
    return made


@pytest.fixture
def opened(store: DatabaseV2) -> Iterator[Connection]:
    with closing(connect(store.path)) as connection:
        yield connection


class Reading:
    """Reads the totals pass by pass."""

    def __init__(self, database: Connection) -> None:
        self.database, self.totals = database, TotalsRead()
        self.problems: list[Problem] = []

    def tables(self) -> Tables:
        (found,), _ = probe(self.database, "here")
        return found

    def take(self) -> dict[str, int]:
        """Return the input tokens of the sessions that changed."""
        self.problems.clear()
        tables = self.tables()
        assert self.totals.read(self.database, tables, all_sessions=True)
        pieces = self.totals.changed(self.database, tables, "here", self.problems)
        return {each.session.id: each.tokens.input for piece in pieces for each in piece}


def change(store: DatabaseV2, what: str, *values: Any) -> None:
    store.execute(f"UPDATE session_v2 SET {what} WHERE id = ?", *values, OTHERS[7].id)


def test_the_first_pass_reads_all_and_later_ones_what_changed(store: DatabaseV2, opened: Connection) -> None:
    reading = Reading(opened)
    assert len(reading.take()) == MANY
    assert reading.take() == {}
    change(store, "tokens_input = 40, time_updated = ?", T0 + 9)
    assert reading.take() == {OTHERS[7].id: 40}
    assert reading.take() == {}


def test_a_title_changes_only_the_numbers(store: DatabaseV2, opened: Connection) -> None:
    """OpenCode neither writes a row for it nor changes the time of the session."""
    reading = Reading(opened)
    reading.take()
    change(store, "tokens_input = 12")
    assert reading.take() == {OTHERS[7].id: 12}
    change(store, "tokens_cache_write = 1")
    assert reading.take() == {OTHERS[7].id: 12}


def test_what_was_not_taken_to_the_end_is_new_again(
    store: DatabaseV2, opened: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_totals, "_PIECE", 20)
    reading, tables = Reading(opened), Reading(opened).tables()
    assert reading.totals.read(opened, tables, all_sessions=True)
    assert len(next(reading.totals.changed(opened, tables, "here", []))) == 20
    assert len(reading.take()) == MANY


def test_a_pass_without_news_says_so_once(opened: Connection) -> None:
    reading = Reading(opened)
    reading.take()
    assert reading.totals.read(opened, reading.tables(), all_sessions=True)
    assert list(reading.totals.changed(opened, reading.tables(), "here", [])) == [[]]


def test_the_numbers_are_those_from_before_the_rows(store: DatabaseV2, opened: Connection) -> None:
    """What OpenCode adds while rows are read is in a row that is not read yet."""
    reading, tables = Reading(opened), Reading(opened).tables()
    assert reading.totals.read(opened, tables, all_sessions=True)
    change(store, "tokens_input = 70, title = 'new'")
    found = [each for piece in reading.totals.changed(opened, tables, "here", []) for each in piece]
    assert {each.tokens.input for each in found} == {0}
    assert reading.take() == {OTHERS[7].id: 70}


def test_a_later_pass_reads_the_texts_of_changed_sessions_only(store: DatabaseV2, opened: Connection) -> None:
    reading = Reading(opened)
    reading.take()
    change(store, "tokens_input = 5")
    asked: list[str] = []
    opened.set_trace_callback(asked.append)
    reading.take()
    with_texts = [query for query in asked if "title" in query and "tokens_input" in query]
    assert len(with_texts) == 1
    assert OTHERS[7].id in with_texts[0]


def test_a_text_that_grew_too_large_is_said_in_each_pass(store: DatabaseV2, opened: Connection) -> None:
    reading = Reading(opened)
    reading.take()
    change(store, "title = ?, tokens_input = 6", "x" * 5_000_000)
    for _ in range(2):
        assert reading.take()[OTHERS[7].id] == 6
        assert [problem.kind for problem in reading.problems] == [ProblemKind.TOO_LARGE]
    change(store, "title = 'short'")
    reading.take()
    assert not reading.problems


def test_a_database_that_has_no_sessions_any_more_has_no_totals(store: DatabaseV2, opened: Connection) -> None:
    """An empty copy that is in its place for a while says nothing about a compaction that still runs."""
    reading = Reading(opened)
    reading.take()
    store.execute("DELETE FROM session_v2")
    assert not reading.totals.read(opened, reading.tables(), all_sessions=True)


def test_a_database_without_sessions_has_no_totals(tmp_path: Path) -> None:
    empty = DatabaseV2(tmp_path / "empty.db").create()
    with closing(connect(empty.path)) as connection:
        reading = Reading(connection)
        assert not reading.totals.read(connection, reading.tables(), all_sessions=True)


def test_a_question_leaves_no_old_pages_of_a_database_that_nobody_should_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the new totals, they would hide a new message: its usage would count without it, and then with it."""
    monkeypatch.setattr(database_module, "must_be_immutable", lambda *_: True)
    of = session(T0, version="2.0.17")
    store = DatabaseV2(tmp_path / "opencode.db").create()
    store.put(of.project, of, message(of, Tokens(5), T0 + 1_000))
    reader, left = DatabaseReader(store.path), dict[str, bytes]()

    def look() -> list[Batch]:
        read = reader.read(left.get, lambda _: CallsWanted(), now_ms=T0 * 2, scope=ReadScope())
        found = list(read)
        left.update((each.place, each.state) for batch in found for each in batch.checkpoints)
        return found

    (source,) = (batch.totals.source for batch in look() if batch.totals is not None)
    assert source is not None
    assert len(source.rows_of([of.id])) == 1
    store.put(message(of, Tokens(7), T0 + 2_000, counter=2))
    assert 7 in [each.tokens.input for batch in look() for each in batch.messages]
    reader.close()
