"""The rows that a pass reads once more, although nobody inserted them since."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.model import CallsWanted, ReadScope
from otel_agent.opencode.sqlite import table_reader
from otel_agent.opencode.sqlite.database import Database as DatabaseReader
from tests.support.made_stores import T0, Database, DatabaseV2, Tokens, in_flight, message, session
from tests.support.made_stores.rows_of_2_x import Rows
from tests.support.reading_here import reading_here

USED = Tokens(700, 50)
KEPT_IN_FLIGHT = 1_000


def test_the_newest_of_more_calls_in_flight_than_are_kept_counts_in_the_next_pass(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    of = session()
    whole = [message(of, USED, T0 + 1_000 * number, counter=number) for number in range(KEPT_IN_FLIGHT + 1)]
    with database.connection() as connection:
        database.put_through(connection, of.project, of, *map(in_flight, whole))
    with reading_here(database.path.parent, tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 0
        database.put(whole[-1])
        assert reading.look() == 1


def test_a_rewrite_whose_time_is_a_little_before_the_last_sweep_is_found_by_the_next_one(tmp_path: Path) -> None:
    """A row gets its time before its transaction commits, so another one may be newer and known already."""
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    now_ms = time.time_ns() // 1_000_000 - 3_600_000
    first, last = message(session(), USED, T0), message(session(), USED, T0 + 60_000)
    database.put_turn(first, updated=now_ms - 120_000)
    database.put_turn(last, updated=now_ms)
    with reading_here(database.path.parent, tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 2
        database.put(message(session(), Tokens(900, 50), T0), updated=now_ms - 30_000)
        reading.look(sweep=True)
        assert reading.input_tokens() == 900 + 700


def test_a_row_of_2_x_that_was_written_before_its_session_counts_once_that_is_there(tmp_path: Path) -> None:
    database = DatabaseV2(tmp_path / "opencode" / "opencode.db").create()
    early = message(session(version="2.0.17"), USED)
    database.put(early)
    with reading_here(database.path.parent, tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 0
        database.put(early.session.project, early.session)
        assert reading.look() == 1
        assert reading.look(sweep=True) == 0


def test_a_row_that_gets_the_number_of_a_deleted_one_counts_in_the_next_pass(tmp_path: Path) -> None:
    """SQLite gives the number of the last row again, if that was deleted by a revert."""
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    first, reverted, later = (message(session(), USED, T0 + 60_000 * n, counter=n) for n in (1, 2, 3))
    database.put_turn(first, reverted)
    with reading_here(database.path.parent, tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 2
        database.remove(reverted)
        database.put(later)
        with database.connection() as connection:
            assert connection.execute("SELECT max(rowid) FROM message").fetchone() == (2,)
        assert reading.look() == 1


def test_a_turn_that_is_written_while_a_pass_goes_on_begins_with_its_own_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This database has no indexes, so its order is read into memory, and once more in a transaction after a write."""
    monkeypatch.setattr(table_reader, "_CHUNK", 3)
    database = DatabaseV2(tmp_path / "opencode.db").create()
    rows = Rows(database, session(T0 - 500, version="2.0.17"))

    def turn(at: int) -> str:
        prompt = rows.prompt(at)
        rows.answer(at + 1_000)
        rows.idle(at + 3_000)
        return prompt

    reader = DatabaseReader(database.path)
    found: dict[str, str] = {}
    prompts = [turn(T0)]
    with closing(reader):
        scope = ReadScope(sweep=True)
        for batch in reader.read(lambda _: None, lambda _: CallsWanted(), now_ms=T0 + 600_000, scope=scope):
            found |= {each.id: each.turn_id for each in batch.messages}
            if len(found) == len(prompts) < 3:
                prompts.append(turn(T0 + 60_000 * len(prompts)))
    assert list(found.values()) == prompts
