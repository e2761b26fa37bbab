"""Content that no version wrote is found by reading the rows, before any code takes it for granted."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import soundness
from otel_agent.ledger.writer import Ledger
from tests.support.records import call, enter


@pytest.fixture
def copy(ledger: Ledger, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection to a copy of a ledger with a message, which a test may spoil."""
    enter(ledger, call(1))
    ledger._guard.checkpoint()
    shutil.copy(tmp_path / "state" / "ledger.db", tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db", isolation_level=None)) as database:
        yield database


def test_a_ledger_as_it_was_written_is_sound(copy: sqlite3.Connection) -> None:
    assert soundness.missing_part(copy) == ""
    assert soundness.unsound_row(copy) == ""


@pytest.mark.parametrize(
    ("garbage", "found"),
    [
        ("UPDATE message SET input = 'abc'", "1 of the rows in table message hold values of a wrong type"),
        ("UPDATE message SET generation = 'x'", "1 of the rows in table message cannot be understood"),
        ("DELETE FROM context", "1 of the rows in table message cannot be understood"),
    ],
)
def test_what_no_version_wrote_is_found(copy: sqlite3.Connection, garbage: str, found: str) -> None:
    copy.execute(garbage)
    assert soundness.unsound_row(copy) == found


@pytest.mark.parametrize(
    ("garbage", "found"),
    [
        ("DROP TABLE delivery", "table delivery is missing"),
        ("ALTER TABLE delivery DROP COLUMN reason", "table delivery has no column reason"),
    ],
)
def test_what_is_gone_is_named(copy: sqlite3.Connection, garbage: str, found: str) -> None:
    copy.execute(garbage)
    assert soundness.missing_part(copy) == found
