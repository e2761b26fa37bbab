"""Making and bringing up to date the ledger's tables: all of it or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import schema


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as database:
        yield database


def tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_an_empty_database_becomes_a_ledger(database: sqlite3.Connection) -> None:
    assert schema.belongs_to_us(database)
    schema.prepare(database)
    assert tables(database) == {"meta", "checkpoint", "session", "message", "series", "owed"}
    assert schema.version(database) == schema.VERSION
    assert schema.belongs_to_us(database)


def test_preparing_twice_changes_nothing(database: sqlite3.Connection) -> None:
    schema.prepare(database)
    changed = database.total_changes
    schema.prepare(database)
    assert database.total_changes == changed


def test_of_a_database_that_cannot_be_prepared_nothing_is_changed(database: sqlite3.Connection) -> None:
    """`series` is the last but one of its tables."""
    database.execute("CREATE TABLE series (of TEXT)")
    with pytest.raises(sqlite3.OperationalError, match="series already exists"):
        schema.prepare(database)
    assert tables(database) == {"series"}
    assert (schema.version(database), database.in_transaction) == (0, False)


def step(database: sqlite3.Connection) -> None:
    database.execute("ALTER TABLE meta ADD COLUMN since_2 TEXT")


def broken_step(database: sqlite3.Connection) -> None:
    database.execute("ALTER TABLE nowhere ADD COLUMN since_3 TEXT")


def columns_of_meta(database: sqlite3.Connection) -> list[str]:
    return [row[1] for row in database.execute("PRAGMA table_info(meta)")]


def test_an_older_ledger_takes_each_step_it_lacks(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.prepare(database)
    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(schema, "_MIGRATIONS", (step,))
    schema.prepare(database)
    assert (schema.version(database), columns_of_meta(database)) == (2, ["key", "value", "since_2"])
    schema.prepare(database)


def test_a_new_ledger_takes_every_step_after_the_first_version(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(schema, "_MIGRATIONS", (step,))
    schema.prepare(database)
    assert (schema.version(database), columns_of_meta(database)) == (2, ["key", "value", "since_2"])


def test_a_step_that_fails_takes_the_ones_before_it_along(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.prepare(database)
    database.execute("INSERT INTO meta VALUES ('ledger_id', 'mine')")
    monkeypatch.setattr(schema, "VERSION", 3)
    monkeypatch.setattr(schema, "_MIGRATIONS", (step, broken_step))
    with pytest.raises(sqlite3.OperationalError, match="no such table: nowhere"):
        schema.prepare(database)
    assert (schema.version(database), columns_of_meta(database)) == (1, ["key", "value"])
    assert database.execute("SELECT value FROM meta").fetchone() == ("mine",)


def test_there_is_a_step_for_each_version_after_the_first() -> None:
    assert len(schema._MIGRATIONS) == schema.VERSION - 1
