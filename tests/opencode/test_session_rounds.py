"""What sessions say without a row: of the newest it is read in each pass, of all others once a minute."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from otel_agent.model import Batch, CallsWanted, ReadScope
from otel_agent.opencode.sqlite import database as database_module
from otel_agent.opencode.sqlite import session_rounds
from otel_agent.opencode.sqlite.database import Database as DatabaseReader
from tests.support.made_stores import T0, DatabaseV2, Tokens, message, session

SESSIONS = [session(T0, counter=number, version="2.0.17") for number in range(600)]
OLD, LAST_OLD, NEW, NEWEST = SESSIONS[0], SESSIONS[99], SESSIONS[100], SESSIONS[-1]
SECONDS = 60


class Clock:
    """A clock that never goes back."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(session_rounds, "monotonic", made)
    monkeypatch.setattr(database_module, "monotonic", made)
    return made


@pytest.fixture
def store(tmp_path: Path) -> DatabaseV2:
    made = DatabaseV2(tmp_path / "opencode.db").create()
    made.put(OLD.project, *SESSIONS)
    return made


class Reading:
    """Reads a database pass by pass."""

    def __init__(self, reader: DatabaseReader) -> None:
        self._reader = reader
        self._checkpoints: dict[str, bytes] = {}

    def batches(self, *, sweep: bool = False, is_last: bool = False) -> Iterator[Batch]:
        scope = ReadScope(sweep=sweep, is_last=is_last)
        for batch in self._reader.read(
            self._checkpoints.get, lambda _: CallsWanted(), now_ms=T0 + 86_400_000, scope=scope
        ):
            self._checkpoints.update((each.place, each.state) for each in batch.checkpoints)
            yield batch

    def totals(self, *, sweep: bool = False, is_last: bool = False) -> dict[str, int]:
        """Return the input tokens of the sessions whose totals are new."""
        batches = self.batches(sweep=sweep, is_last=is_last)
        found = [batch.totals.sessions for batch in batches if batch.totals is not None]
        return {each.session.id: each.tokens.input for some in found for each in some}


@contextmanager
def reading(store: DatabaseV2) -> Iterator[Reading]:
    reader = DatabaseReader(store.path)
    try:
        yield Reading(reader)
    finally:
        reader.close()


def use(store: DatabaseV2, tokens: int, *of: object) -> None:
    for each in of:
        store.execute("UPDATE session_v2 SET tokens_input = ? WHERE id = ?", tokens, getattr(each, "id"))  # noqa: B009


def test_the_newest_five_hundred_are_read_in_each_pass(store: DatabaseV2, clock: Clock) -> None:
    with reading(store) as now:
        assert len(now.totals(sweep=True)) == len(SESSIONS)
        use(store, 7, OLD, LAST_OLD, NEW, NEWEST)
        assert now.totals() == {NEW.id: 7, NEWEST.id: 7}
        use(store, 8, NEWEST)
        assert now.totals() == {NEWEST.id: 8}


def test_all_are_read_a_minute_later_although_nobody_wrote(store: DatabaseV2, clock: Clock) -> None:
    with reading(store) as now:
        now.totals(sweep=True)
        clock.now += SECONDS / 2
        use(store, 7, OLD)
        assert now.totals() == {}
        clock.now += SECONDS / 2 - 1
        assert list(now.batches()) == []
        clock.now += 1
        assert now.totals() == {OLD.id: 7}
        clock.now += 2 * SECONDS
        assert list(now.batches()) == []


def test_a_sweep_reads_all(store: DatabaseV2, clock: Clock) -> None:
    with reading(store) as now:
        now.totals(sweep=True)
        use(store, 7, OLD)
        assert now.totals() == {}
        assert now.totals(sweep=True)[OLD.id] == 7


def test_the_last_pass_reads_all_that_the_one_before_left_out(store: DatabaseV2, clock: Clock) -> None:
    with reading(store) as now:
        now.totals(sweep=True)
        use(store, 7, OLD)
        assert now.totals() == {}
        assert now.totals(is_last=True) == {OLD.id: 7}
        assert list(now.batches(is_last=True)) == [], "nobody wrote since"


def test_an_import_makes_the_next_pass_read_all(store: DatabaseV2, clock: Clock) -> None:
    """It begins the totals of old sessions again. Whatever they use without a row in this minute would hide that."""
    with reading(store) as now:
        now.totals(sweep=True)
        for tokens in (7, 8):
            store.execute("DELETE FROM kv")
            store.note_import(T0 + tokens)
            use(store, tokens, OLD)
            assert now.totals() == {OLD.id: tokens}
            use(store, 0, OLD)
            assert now.totals() == {}, "it is noted"


def test_another_copy_of_the_database_makes_the_next_pass_read_all(store: DatabaseV2, clock: Clock) -> None:
    """Somebody restores a backup. Whatever an old session uses without a row in this minute would hide that."""
    with reading(store) as now, closing(sqlite3.connect(":memory:")) as backup:
        now.totals(sweep=True)
        with store.connection() as connection:
            connection.backup(backup)
        store.put(message(NEWEST, Tokens(input=5), T0 + 1_000))
        use(store, 5, OLD, NEWEST)
        assert now.totals(sweep=True)[OLD.id] == 5
        with store.connection() as connection:
            backup.backup(connection)
        assert now.totals() == {OLD.id: 0, NEWEST.id: 0}


def test_a_look_at_all_that_was_broken_off_is_made_again(store: DatabaseV2, clock: Clock) -> None:
    with reading(store) as now:
        now.totals(sweep=True)
        use(store, 7, OLD)
        assert now.totals() == {}
        clock.now += SECONDS
        batches = now.batches()
        next(batches)
        del batches
        assert now.totals() == {OLD.id: 7}


def test_changed_lines_that_nobody_wrote_down_are_read_again(store: DatabaseV2, clock: Clock) -> None:
    with reading(store) as now:
        now.totals(sweep=True)
        store.execute("UPDATE session_v2 SET summary_additions = 4 WHERE id = ?", NEW.id)
        for _ in range(2):
            batches = now.batches()
            assert next(line.added for batch in batches for line in batch.lines) == 4
            del batches


def test_all_sessions_are_read_in_each_pass_if_they_are_not_numbered(tmp_path: Path, clock: Clock) -> None:
    unnumbered = DatabaseV2(tmp_path / "opencode.db").create()
    with unnumbered.connection() as connection:
        (schema,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'session_v2'").fetchone()
        connection.execute("DROP TABLE session_v2")
        connection.execute(f"{schema} WITHOUT ROWID")
    unnumbered.put(OLD.project, *SESSIONS)
    with reading(unnumbered) as now:
        assert len(now.totals(sweep=True)) == len(SESSIONS)
        use(unnumbered, 7, OLD, NEWEST)
        assert now.totals() == {OLD.id: 7, NEWEST.id: 7}


def test_a_message_in_an_old_session_brings_its_totals_beside_it(store: DatabaseV2, clock: Clock) -> None:
    with reading(store) as now:
        now.totals(sweep=True)
        store.put(message(OLD, Tokens(input=5), T0 + 1_000))
        use(store, 5, OLD)
        beside = [batch.beside.sessions for batch in now.batches() if batch.beside is not None]
        assert [(each.session.id, each.tokens.input) for some in beside for each in some] == [(OLD.id, 5)]


def test_changed_lines_of_an_old_session_are_read_a_minute_later(store: DatabaseV2, clock: Clock) -> None:
    def lines() -> list[tuple[str, int]]:
        return [(each.session_id, each.added) for batch in now.batches() for each in batch.lines]

    with reading(store) as now:
        now.totals(sweep=True)
        for added in (4, 5, 4):
            for each in (OLD, NEW):
                store.execute("UPDATE session_v2 SET summary_additions = ? WHERE id = ?", added, each.id)
            assert lines() == [(NEW.id, added)]
        clock.now += SECONDS
        assert lines() == [(OLD.id, 4)]
