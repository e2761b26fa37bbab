"""Databases that are moved, replaced, restored, rewritten, locked or fail: read in the next pass, and each message once."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from otel_agent.model import ProblemKind
from otel_agent.opencode.sqlite import connection as connections
from otel_agent.opencode.sqlite import database as databases
from tests.support.made_stores import T0, Database, DatabaseV2, Message, Tokens, message, session
from tests.support.other_program import other_program
from tests.support.reading_here import ReadingHere, reading_here
from tests.support.waiting import eventually

USED = Tokens(700, 50)


def call(number: int) -> Message:
    return message(session(version="2.0.17"), USED, T0 + 60_000 * number, counter=number)


@pytest.fixture(params=[Database, DatabaseV2], ids=["1.x", "2.x"])
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Database:
    """A database of either generation, with three messages."""
    made: Database = request.param(tmp_path / "opencode" / "opencode.db").create()
    made.put_turn(*map(call, (1, 2, 3)))
    return made


@pytest.fixture
def reading(database: Database, tmp_path: Path) -> Iterator[ReadingHere]:
    """An agent that has counted these three, and keeps its connection."""
    with reading_here(database.path.parent, tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 3
        yield reading


def test_one_that_was_moved_away_and_back_is_read_on(database: Database, reading: ReadingHere) -> None:
    aside = database.path.with_name("elsewhere.db")
    for number in (4, 6):
        move(database.path, aside)
        assert reading.look() == 0
        type(database)(aside).put_turn(call(number))
        move(aside, database.path)
        assert reading.look() == 1
        move(database.path, aside)
        move(aside, database.path)
        database.put_turn(call(number + 1))
        assert reading.look() == 1


def move(path: Path, to: Path) -> None:
    """Move a database with what is in its WAL."""
    for side in ("", "-wal", "-shm"):
        if (file := path.with_name(f"{path.name}{side}")).exists():
            file.rename(to.with_name(f"{to.name}{side}"))


def test_one_whose_folder_was_moved_away_and_back_is_read_on(database: Database, reading: ReadingHere) -> None:
    folder = database.path.parent
    aside = folder.with_name("elsewhere")
    folder.rename(aside)
    assert reading.look() == 0
    aside.rename(folder)
    database.put_turn(call(4))
    assert reading.look() == 1


@pytest.mark.parametrize("how", ["renamed over it", "written over it"])
def test_one_that_was_restored_from_an_older_copy_counts_what_follows(
    database: Database, reading: ReadingHere, tmp_path: Path, how: str
) -> None:
    """The next messages get the rowids of those that the copy does not have."""
    copy = Path(shutil.copy(database.path, tmp_path / "copy.db"))
    database.put_turn(*map(call, (4, 5)))
    assert reading.look() == 2
    if how == "renamed over it":
        copy.rename(database.path)
        for side in ("-wal", "-shm"):
            database.path.with_name(f"opencode.db{side}").unlink(missing_ok=True)
    else:
        database.path.write_bytes(copy.read_bytes())
    assert reading.look() == 0
    database.put_turn(*map(call, (6, 7, 8)))
    assert reading.look() == 3
    assert reading.counted() == 8
    assert reading.problems() == {}


def test_one_that_was_replaced_by_another_file_is_read_from_its_first_row(
    database: Database, reading: ReadingHere, tmp_path: Path
) -> None:
    other = type(database)(tmp_path / "other.db").create()
    other.put_turn(*map(call, (11, 12, 13, 14)))
    other.path.rename(database.path)
    assert reading.look() == 4
    assert reading.look(sweep=True) == 0


def test_one_that_is_cut_to_nothing_and_written_again_is_a_problem_only_meanwhile(
    database: Database, reading: ReadingHere
) -> None:
    content = database.path.read_bytes()
    database.path.write_bytes(content[: len(content) // 2])
    reading.look()
    assert list(reading.problems()) == [ProblemKind.DAMAGED]
    database.path.write_bytes(b"")
    assert reading.look() == 0
    database.path.write_bytes(content)
    assert reading.look() == 0
    database.put_turn(call(4))
    assert reading.look() == 1
    assert reading.problems() == {}


def test_a_vacuum_while_the_agent_watches_changes_no_count(database: Database, reading: ReadingHere) -> None:
    database.remove(call(1))
    with closing(sqlite3.connect(database.path)) as other:
        other.execute("VACUUM")
    assert reading.look() == 0
    database.put_turn(call(4))
    assert reading.look() == 1


def test_journal_modes_may_change_between_two_runs_of_the_agent(database: Database, tmp_path: Path) -> None:
    number = 3
    for mode in ("DELETE", "WAL", "TRUNCATE", "WAL", "PERSIST"):
        with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
            assert other.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode.lower(),)
        with reading_here(database.path.parent, tmp_path / "state") as reading, other_program() as opencode:
            reading.look()
            number += 1
            opencode.open_as_it_is(database.path)
            opencode.put(database, call(number))
            assert reading.look() == 1
            if mode != "WAL":  # from WAL, nobody can change it while an agent watches
                opencode.execute("PRAGMA journal_mode = WAL")
                opencode.put(database, call(number + 100))
                assert reading.look() == 1
            assert reading.look(sweep=True) == 0
    assert number == 8


def test_one_without_a_wal_that_is_written_all_the_time_is_read_at_once(database: Database, tmp_path: Path) -> None:
    """It is always young, and so it could be one that OpenCode is just making."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
    for number in range(4, 8):
        with reading_here(database.path.parent, tmp_path / "state") as reading:
            young(database.path)
            reading.look()
            assert reading.counted() == number - 1
        with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
            database.put_through(other, call(number).session.project, call(number).session, call(number))


WRITES_ALL_THE_TIME = """
import json, sqlite3, sys
path, rows = sys.argv[1], json.load(sys.stdin)
database = sqlite3.connect(path, isolation_level=None, timeout=60)
database.execute("PRAGMA synchronous = OFF")
for row in rows:
    database.execute(f"INSERT INTO message ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})", row)
"""


def test_one_without_a_wal_is_read_to_its_end_beside_its_writer(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    database.put_turn(call(0))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
    rows = json.dumps([database.place(call(number))[1] for number in range(1, 400)])
    with (
        reading_here(database.path.parent, tmp_path / "state") as reading,
        subprocess.Popen(
            [sys.executable, "-c", WRITES_ALL_THE_TIME, str(database.path)], stdin=subprocess.PIPE, text=True
        ) as writer,
    ):
        assert writer.stdin is not None
        writer.stdin.write(rows)
        writer.stdin.close()

        def counted() -> int:
            reading.look()
            return reading.counted()

        eventually(counted, 400)
        assert writer.wait() == 0
        assert reading.look(sweep=True) == 0
        assert reading.problems() == {}


def young(path: Path) -> None:
    """As young as a file that is written just now, however slow the test is."""
    later = path.stat().st_mtime + 3600
    os.utime(path, (later, later))


def test_a_database_that_is_just_being_made_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCode turns it to WAL when it has one page, and does not wait for a reader's lock."""
    path = tmp_path / "opencode" / "opencode.db"
    path.parent.mkdir()
    opened: list[Path] = []

    def connect(path: Path, **options: bool) -> connections.Connection:
        opened.append(path)
        return connections.connect(path, **options)

    monkeypatch.setattr(databases, "connect", connect)
    with reading_here(path.parent, tmp_path / "state") as reading:
        path.touch()
        assert reading.look(sweep=True) == 0
        with closing(sqlite3.connect(path, isolation_level=None)) as opencode:
            opencode.execute("PRAGMA user_version = 1")
            assert path.stat().st_size == 4_096
            young(path)
            assert reading.look() == 0
            assert opened == []
            assert opencode.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
            opencode.execute("CREATE TABLE message (id)")
            reading.look()
            assert opened == [path]


def test_a_write_that_was_killed_is_a_problem_until_opencode_starts_again(tmp_path: Path) -> None:
    """Its journal must be undone before anybody reads, and only a program that may write can do that."""
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    database.put_turn(call(1))
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
    with reading_here(database.path.parent, tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 1
        with other_program() as opencode:
            opencode.open_as_it_is(database.path)
            opencode.execute("PRAGMA cache_size = 1")
            opencode.execute("BEGIN")
            opencode.put(database, call(2))
            opencode.execute("UPDATE session SET title = hex(zeroblob(200000))")
            opencode.execute("UPDATE message SET data = data || hex(zeroblob(200000))")
        assert database.path.with_name("opencode.db-journal").exists()
        assert reading.look() == 0
        assert list(reading.problems()) == [ProblemKind.DAMAGED]
        database.put_turn(call(3))
        assert reading.look() == 1
        assert reading.problems() == {}


def test_whichever_statement_fails_the_next_pass_counts_all_of_it_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every statement of a first look fails once. The checkpoint stays before what was not read."""
    failing = FailingStatement(monkeypatch, sqlite3.SQLITE_IOERR)
    for number in range(1, 200):
        with reading_here(database.path.parent, tmp_path / f"state-{number}") as reading:
            failing.at(number)
            reading.look(sweep=True)
            if not failing.failed:
                break
            # What fails before the rows are read is asked once more in the same pass.
            assert reading.problems() or reading.counted() == 3
            failing.at(0)
            reading.look()
            assert reading.counted() == 3, f"statement {number}"
            assert reading.problems() == {}
    assert 10 < number < 199


@pytest.mark.parametrize("about", ["FROM kv", "FROM migration", "type NOT IN", "count(length(id))"])
def test_a_failure_is_not_taken_for_an_older_release_without_such_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, about: str
) -> None:
    database = DatabaseV2(tmp_path / "opencode" / "opencode.db").create()
    database.put_turn(*map(call, (1, 2, 3)))
    failing = FailingStatement(monkeypatch, sqlite3.SQLITE_IOERR, about)
    with reading_here(database.path.parent, tmp_path / "state") as reading:
        reading.look(sweep=True)
        failing.at(1)
        reading.look(sweep=True)
        assert failing.failed
        assert list(reading.problems()) == [ProblemKind.DAMAGED]
        reading.look()
        assert reading.problems() == {}
        assert reading.counted() == 3


class FailingStatement:
    """Lets one statement of our connections fail: one of all, or of those that hold a text."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int, about: str = "") -> None:
        self._left, self.failed = 0, False
        execute = connections.Connection.execute

        def counted(connection: connections.Connection, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
            self._left -= about in sql
            if not self._left and about in sql and not self.failed:
                self.failed = True
                error = sqlite3.OperationalError("it failed")
                error.sqlite_errorcode = code
                raise error
            return execute(connection, sql, parameters)

        monkeypatch.setattr(connections.Connection, "execute", counted)

    def at(self, number: int) -> None:
        """Let the statement of this number fail, from now on; 0 is none."""
        self._left, self.failed = number, False
