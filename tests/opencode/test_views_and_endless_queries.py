"""Views and virtual tables are not read, and a query that does not end is stopped: the other stores go on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.model import ProblemKind
from otel_agent.opencode.sqlite import connection as connections
from otel_agent.verify.recount.database import read_database
from otel_agent.verify.recount.record import Record
from tests.support.made_stores import T0, Database, DatabaseV2, Tokens, message, session
from tests.support.reading_here import reading_here

USED = Tokens(700, 50)
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
COLUMNS = "i AS id, i AS session_id, i AS message_id, i AS time_created, i AS time_updated, '{}' AS data"
TABLES = ["message", "session", "part", "project"]
TABLES_OF_2_X = ["session_message", "session_v2", "kv", "migration", "project"]


def endless_view(database: Database, name: str) -> None:
    """Put a view that never ends in the place of a table."""
    with closing(sqlite3.connect(database.path)) as connection:
        connection.executescript(
            f"PRAGMA foreign_keys = OFF; DROP TABLE IF EXISTS {name}; "
            f"CREATE VIEW {name} AS {ENDLESS} SELECT {COLUMNS}, i AS key, i AS worktree, i AS type, i AS seq FROM n"
        )


@pytest.mark.parametrize(
    ("form", "name"), [*((Database, name) for name in TABLES), *((DatabaseV2, name) for name in TABLES_OF_2_X)]
)
def test_a_view_that_never_ends_in_place_of_a_table_hangs_nobody(
    tmp_path: Path, form: type[Database], name: str
) -> None:
    """A database beside it counts, in the agent and in the recount."""
    folder = tmp_path / "opencode"
    hostile, good = form(folder / "opencode.db").create(), Database(folder / "opencode-next.db").create()
    hostile.put_turn(message(session(version="2.0.17"), USED))
    good.put_turn(message(session(), USED, T0 + 60_000))
    endless_view(hostile, name)
    with reading_here(folder, tmp_path / "state") as reading:
        counted = reading.look(sweep=True)
        assert counted == (1 if "message" in name or name == "session_v2" else 2)
        if name not in ("kv", "migration"):
            assert any(f"#{name} (a view" in place for place in reading.problems()[ProblemKind.UNKNOWN_SCHEMA])
    assert [found.store for found in read_database(good.path, "good") if isinstance(found, Record)] == ["good"]
    assert len([found for found in read_database(hostile.path, "x") if isinstance(found, Record)]) <= 1


def test_views_that_multiply_below_each_other_are_not_even_looked_into(tmp_path: Path) -> None:
    """To know the columns of the last one, SQLite would look into more views than there are atoms."""
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    database.put_turn(message(session(), USED))
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("CREATE VIEW v0 AS SELECT 1 AS id")
        for number in range(1, 90):
            connection.execute(f"CREATE VIEW v{number} AS SELECT a.id FROM v{number - 1} AS a, v{number - 1} AS b")
        connection.executescript("PRAGMA foreign_keys = OFF; DROP TABLE part; CREATE VIEW part AS SELECT * FROM v89")
    with reading_here(tmp_path / "opencode", tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 1


def test_a_virtual_table_in_place_of_a_table_is_not_read(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    database.put_turn(message(session(), USED))
    with closing(sqlite3.connect(database.path)) as connection:
        connection.executescript(
            "PRAGMA foreign_keys = OFF; DROP TABLE message; "
            "CREATE VIRTUAL TABLE message USING fts5(id, session_id, data, time_created, time_updated)"
        )
    with reading_here(tmp_path / "opencode", tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 0
        (place,) = reading.problems()[ProblemKind.UNKNOWN_SCHEMA]
        assert "#message (a view or a virtual table, which is not read" in place


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a query after the work of some hundred rows, in place of ten seconds of it."""
    monkeypatch.setattr(connections, "_STRIDE", 100)
    monkeypatch.setattr(connections, "_MOST_STRIDES", 300)


def long_table(path: Path) -> Database:
    """A table whose rows are walked without any that is wanted: user messages that no index leads past."""
    database = DatabaseV2(path).create()
    database.put_turn(message(session(version="2.0.17"), USED))
    with database.connection() as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) "
            "INSERT INTO session_message (id, session_id, type, seq, time_created, time_updated, data) "
            "SELECT 'msg_' || i, 'ses_1', 'user', i, 1, 1, '{}' FROM n"
        )
    return database


@pytest.mark.usefixtures("impatient")
def test_a_query_that_does_not_end_is_a_problem_and_the_other_stores_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "opencode"
    long_table(folder / "opencode.db")
    good = Database(folder / "opencode-next.db").create()
    good.put_turn(message(session(), USED, T0 + 60_000))
    with reading_here(folder, tmp_path / "state") as reading:
        for number in range(3):
            reading.look(sweep=not number)
            assert reading.problems() == {ProblemKind.UNEXPECTED: (str(folder / "opencode.db"),)}
            good.put_turn(message(session(), USED, T0 + 60_000 * (number + 2)))
            assert reading.look() == 1


def test_a_query_that_was_stopped_is_tried_again_by_the_next_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then nothing of that database is asked, so that the others need not wait for it."""
    database = long_table(tmp_path / "opencode" / "opencode.db")
    with reading_here(database.path.parent, tmp_path / "state") as reading:
        with monkeypatch.context() as patched:
            patched.setattr(connections, "_STRIDE", 100)
            patched.setattr(connections, "_MOST_STRIDES", 300)
            reading.look(sweep=True)
        database.put_turn(message(session(version="2.0.17"), USED, T0 + 60_000))
        assert reading.look() == 0
        assert list(reading.problems()) == [ProblemKind.UNEXPECTED]
        reading.look(sweep=True)
        assert reading.problems() == {}
        assert reading.counted() == 2
