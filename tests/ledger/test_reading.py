"""The part of a history that was read, as a number for people."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from otel_agent.ledger import schema
from otel_agent.ledger.history import HistoryNotes, reading
from otel_agent.ledger.reading import NOT_BEGUN, Reading


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        schema.prepare(database)
        yield database


@pytest.mark.parametrize(
    ("looked_at", "found", "percent"),
    [(0, 0, 0), (7, 0, 0), (0, 10, 0), (36, 100, 36), (369, 1_000, 36), (999, 1_000, 99), (10, 10, 99), (12, 10, 99)],
)
def test_the_percentage_is_rounded_down_and_never_100(looked_at: int, found: int, percent: int) -> None:
    """Files may appear while others are read, and 100 % would say that the totals are complete."""
    assert Reading(looked_at, found).percent == percent


def test_a_reading_lasts_from_the_first_note_to_its_end(database: sqlite3.Connection) -> None:
    notes = HistoryNotes(database)
    assert reading(database, schema.VERSION) == NOT_BEGUN
    notes.note(Reading(1, 3))
    notes.note(Reading(2, 3))
    assert reading(database, schema.VERSION) == notes.unfinished() == Reading(2, 3)
    database.execute("INSERT INTO meta VALUES ('swept_ms', '1')")
    assert reading(database, schema.VERSION) == Reading(2, 3)
    notes.end()
    assert reading(database, schema.VERSION) is None
    assert notes.unfinished() is None


def test_a_ledger_of_the_first_version_knows_nothing_of_it(database: sqlite3.Connection) -> None:
    assert reading(database, 1) is None
