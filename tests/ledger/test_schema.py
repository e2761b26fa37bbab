"""The ledger's tables are created and brought up to date: all of it or nothing."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import migrations, records, schema
from otel_agent.ledger.late_indexes import make_indexes
from otel_agent.ledger.migration_progress import OnMigration
from otel_agent.ledger.turns import TurnState

NEXT = schema.VERSION + 1
VERSION_1 = Path(__file__).parent / "ledger-1.sql"
"""The output of `sqlite3 ledger.db .schema` for a ledger that 0.1.0 made."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as database:
        yield database


def tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_an_empty_database_becomes_a_ledger(database: sqlite3.Connection) -> None:
    assert schema.belongs_to_us(database)
    schema.prepare(database)
    assert tables(database) == {
        *("meta", "checkpoint", "session", "message", "series", "owed"),
        "problem",
        *("turn", "tool_call", "store", "delivery"),
        *("context", "session_use", "slot_use", "reach"),
        *("tool", "kept_call", "recent_call", "loop"),
        *("changed_lines", "counted_lines"),
        "called_session",
    }
    assert schema.version(database) == schema.VERSION
    assert schema.belongs_to_us(database)


def test_preparing_twice_changes_nothing(database: sqlite3.Connection) -> None:
    schema.prepare(database)
    changed = database.total_changes
    schema.prepare(database)
    assert database.total_changes == changed


def test_a_database_that_cannot_be_prepared_stays_as_it_is(database: sqlite3.Connection) -> None:
    """The table `series` exists already: it is the last but one that is created."""
    database.execute("CREATE TABLE series (of TEXT)")
    with pytest.raises(sqlite3.OperationalError, match="series already exists"):
        schema.prepare(database)
    assert tables(database) == {"series"}
    assert schema.version(database) == 0
    assert not database.in_transaction


def step(database: sqlite3.Connection, _: OnMigration) -> None:
    database.execute("ALTER TABLE meta ADD COLUMN since TEXT")


def broken_step(database: sqlite3.Connection, _: OnMigration) -> None:
    database.execute("ALTER TABLE nowhere ADD COLUMN until TEXT")


def columns_of_meta(database: sqlite3.Connection) -> list[str]:
    return [row[1] for row in database.execute("PRAGMA table_info(meta)")]


def test_an_older_ledger_takes_each_step_it_lacks(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.prepare(database)
    monkeypatch.setattr(schema, "VERSION", NEXT)
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, step))
    schema.prepare(database)
    assert schema.version(database) == NEXT
    assert columns_of_meta(database) == ["key", "value", "since"]
    schema.prepare(database)


def test_a_new_ledger_takes_every_step_after_the_first_version(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "VERSION", NEXT)
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, step))
    schema.prepare(database)
    assert schema.version(database) == NEXT
    assert columns_of_meta(database) == ["key", "value", "since"]


def test_a_step_that_fails_undoes_the_steps_before_it(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.prepare(database)
    database.execute("INSERT INTO meta VALUES ('ledger_id', 'mine')")
    monkeypatch.setattr(schema, "VERSION", NEXT + 1)
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, step, broken_step))
    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        schema.prepare(database)
    assert schema.version(database) == NEXT - 1
    assert columns_of_meta(database) == ["key", "value"]
    assert database.execute("SELECT value FROM meta").fetchone() == ("mine",)


def test_there_is_a_step_for_each_version_after_the_first() -> None:
    assert len(migrations.STEPS) == schema.VERSION - 1


def made_of(database: sqlite3.Connection) -> set[str]:
    """Every table and index, without comments and layout."""
    statements = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {" ".join(re.sub(r"--.*", "", sql).split()) for (sql,) in statements}


def test_a_ledger_of_version_1_becomes_what_a_new_one_is(database: sqlite3.Connection, tmp_path: Path) -> None:
    database.executescript(VERSION_1.read_text())
    database.execute("PRAGMA user_version = 1")
    schema.prepare(database)
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as new:
        schema.prepare(new)
        assert made_of(database) == made_of(new)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (f"SELECT max({records.ended('message')}) FROM message WHERE {records.IS_COUNTED}", "message_ended"),
        (f"SELECT number FROM message AS m WHERE m.{records.IS_UNDECIDED}", "message_unsettled"),
        (f"SELECT number FROM turn WHERE state = {TurnState.OPEN:d}", "turn_open"),
        (f"SELECT number FROM turn WHERE state = {TurnState.PENDING:d}", "turn_owed"),
        (f"SELECT number FROM turn WHERE state = {TurnState.QUARANTINED:d}", "turn_refused"),
        (f"SELECT number FROM turn AS t WHERE t.state = {TurnState.PENDING:d} AND t.caller <> ''", "turn_called"),
        ("UPDATE owed SET refused = 0 WHERE refused", "owed_refused"),
    ],
)
def test_conditions_of_the_queries_match_those_of_the_indexes(
    database: sqlite3.Connection, query: str, index: str
) -> None:
    """The migrations repeat them, because they must stay as they were."""
    schema.prepare(database)
    make_indexes(database)
    plan = " ".join(row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert index in plan
