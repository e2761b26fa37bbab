"""A row of any size costs what a small one costs: it is named, and the rows around it count."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otel_agent.model import ProblemKind
from otel_agent.opencode.sqlite.connection import connect
from otel_agent.opencode.sqlite.known_tables import probe
from otel_agent.opencode.sqlite.parts import DatabaseParts
from otel_agent.verify.recount.database import read_database
from otel_agent.verify.recount.record import Record, Trouble
from tests.support.made_stores import T0, Database, DatabaseV2, Message, Tokens, in_flight, message, session, tool
from tests.support.reading_here import reading_here

USED = Tokens(700, 50)
LARGE = 64 * 1024 * 1024
"""Bytes of the large value. SQLite makes them, and no more of it is written than a row of that size needs."""
MORE_MIB = 20
"""The large value may take so much more memory than the small one: a third of itself. It takes 0 to 2."""

LOOK = """
import json, sys
from pathlib import Path
from tests.support.reading_here import reading_here
home = Path(sys.argv[1])
with reading_here(home / "opencode", home / "state") as reading:
    counted = [reading.look(sweep=True), reading.look()]
    problems = {kind.value: places for kind, places in reading.problems().items()}
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
json.dump({"counted": counted, "problems": problems, "peak_mib": int(peak.split()[1]) / 1024}, sys.stdout)
"""


class Looked(NamedTuple):
    counted: list[int]
    problems: dict[str, list[str]]
    peak_mib: float


def messages(version: str) -> list[Message]:
    """Three calls, each of a session of its own."""
    return [message(session(T0 - 500 + n, n, version=version), USED, T0 + 60_000 * n) for n in range(1, 4)]


def store(home: Path, form: type[Database]) -> Database:
    database = form(home / "opencode" / "opencode.db").create()
    database.put_turn(*messages("2.0.17" if form is DatabaseV2 else "1.18.33"))
    return database


def enlarge(database: Database, table: str, column: str, size: int = LARGE) -> None:
    """Replace one value of the second row, or of the only one, by a text."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        rowid = connection.execute(f"SELECT max(rowid) FROM (SELECT rowid FROM {table} LIMIT 2)").fetchone()[0]
        change = f"UPDATE {table} SET {column} = CAST(zeroblob(?) AS TEXT) WHERE rowid = ?"
        assert connection.execute(change, (size, min(rowid, 2))).rowcount == 1
        connection.execute("PRAGMA journal_mode = WAL")


def looked(home: Path) -> Looked:
    """Make two passes in a process of their own."""
    run = subprocess.run([sys.executable, "-c", LOOK, str(home)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return Looked(**found)


V1_COLUMNS = [
    *(("message", name, 2) for name in ("data", "id", "session_id", "time_updated")),
    *(("session", name, 3) for name in ("id", "title", "version")),
    ("project", "worktree", 3),
]
V2_COLUMNS = [
    *(("session_message", name, 2) for name in ("data", "id", "type")),
    *(("session_v2", name, 3) for name in ("directory", "time_updated")),
    ("session_v2", "id", 2),  # a row whose session is gone counts nothing
]


@pytest.fixture(scope="module")
def least_mib(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Return what passes over a database with small rows take."""
    home = tmp_path_factory.mktemp("small")
    store(home, DatabaseV2)
    return looked(home).peak_mib


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("form", "table", "column", "count"),
    [*((Database, *each) for each in V1_COLUMNS), *((DatabaseV2, *each) for each in V2_COLUMNS)],
)
def test_a_value_of_any_size_costs_no_memory_and_its_neighbours_count(
    tmp_path: Path, least_mib: float, form: type[Database], table: str, column: str, count: int
) -> None:
    database = store(tmp_path, form)
    enlarge(database, table, column)
    found = looked(tmp_path)
    database.path.unlink()  # pytest keeps the folders of three runs
    assert found.counted == [count, 0]
    assert found.peak_mib < least_mib + MORE_MIB
    assert list(found.problems) == [ProblemKind.TOO_LARGE.value]


def test_a_row_that_is_too_large_is_named_with_its_size_and_its_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = store(tmp_path, Database)
    enlarge(database, "message", "data")
    with reading_here(tmp_path / "opencode", tmp_path / "state") as reading:
        reading.look(sweep=True)
        assert reading.problems() == {
            ProblemKind.TOO_LARGE: (f"v1:{database.path}#{messages('1.18.33')[1].id}",),
        }
    assert f"{LARGE:,} bytes in data" in caplog.text
    assert "bytes in id" not in caplog.text, "only what is too large is named"


def test_several_rows_too_large_in_a_row_and_at_both_ends_leave_the_others(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    database.put_turn(*(message(session(), USED, T0 + 1_000 * n, counter=n) for n in range(1, 10)))
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        change = "UPDATE message SET data = CAST(zeroblob(34000000) AS TEXT) WHERE rowid IN (1, 4, 5, 9)"
        assert connection.execute(change).rowcount == 4
        connection.commit()
    with reading_here(tmp_path / "opencode", tmp_path / "state") as reading:
        assert reading.look(sweep=True) == 5
        assert reading.look(sweep=True) == 0
        assert len(reading.problems()[ProblemKind.TOO_LARGE]) >= 3
        database.put_turn(message(session(), USED, T0 + 90_000, counter=10))
        assert reading.look() == 1


def test_a_call_in_flight_whose_row_grows_too_large_holds_up_no_other(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    whole = [message(session(), USED, T0 + 1_000 * n, counter=n) for n in range(1, 4)]
    database.put_turn(*map(in_flight, whole))
    with reading_here(tmp_path / "opencode", tmp_path / "state") as reading:
        reading.look(sweep=True)
        with database.connection() as connection:
            change = "UPDATE message SET data = CAST(zeroblob(34000000) AS TEXT) WHERE id = ?"
            connection.execute(change, (whole[1].id,))
        database.put_turn(whole[0], whole[2])
        assert reading.look() == 2
        assert reading.problems() == {ProblemKind.TOO_LARGE: (f"v1:{database.path}#{whole[1].id}",)}


@pytest.mark.parametrize("column", ["data", "id"])
def test_a_part_that_is_too_large_leaves_the_other_parts_of_its_message(tmp_path: Path, column: str) -> None:
    database = Database(tmp_path / "opencode" / "opencode.db").create()
    of = message(session(), USED)
    database.put_turn(of)
    calls = [tool(of, counter=counter) for counter in range(1, 4)]
    database.put(*calls)
    with database.connection() as connection:
        change = f"UPDATE part SET {column} = CAST(zeroblob(34000000) AS TEXT) WHERE id = ?"
        connection.execute(change, (calls[1].id,))
    with closing(connect(database.path)) as connection:
        (tables,), _ = probe(connection, "here")
        found = DatabaseParts(connection, tables).parts(of.session.id, of.id, [], at_work=False)
    assert [part.id for part in found] == [calls[0].id, calls[2].id]


@pytest.mark.parametrize(
    ("form", "table", "column", "names"),
    [
        (Database, "message", "data", "id of the row"),
        (Database, "message", "id", "row 2"),
        (DatabaseV2, "session_message", "data", "id of the row"),
        (DatabaseV2, "session_message", "type", "id of the row"),
    ],
)
def test_the_recount_names_a_row_that_is_too_large_and_counts_its_neighbours(
    tmp_path: Path, form: type[Database], table: str, column: str, names: str
) -> None:
    database = store(tmp_path, form)
    enlarge(database, table, column, 34_000_000)
    first, second, third = (each.id for each in messages(""))
    found = list(read_database(database.path, "here"))
    assert [each.id for each in found if isinstance(each, Record)] == [first, third]
    named = second if names == "id of the row" else names
    assert [each for each in found if isinstance(each, Trouble)] == [Trouble("here", named, "too large")]


@pytest.mark.parametrize(("form", "table"), [(Database, "message"), (DatabaseV2, "session_message")])
def test_the_recount_counts_a_row_that_is_large_by_its_texts(tmp_path: Path, form: type[Database], table: str) -> None:
    database = store(tmp_path, form)
    before = [each for each in read_database(database.path, "here") if isinstance(each, Record)]
    long = json.dumps('x"\\' * 9_000_000)
    change = f"UPDATE {table} SET data = '{{\"output\":' || ? || ',' || substr(data, 2) WHERE id = ?"
    database.execute(change, long, messages("")[1].id)
    found = list(read_database(database.path, "here"))
    assert [each for each in found if isinstance(each, Record)] == before
    assert [each for each in found if isinstance(each, Trouble)] == []


def test_a_session_that_is_too_large_for_the_recount_is_named(tmp_path: Path) -> None:
    database = store(tmp_path, Database)
    enlarge(database, "session", "version", 34_000_000)
    found = list(read_database(database.path, "here"))
    assert [each.id for each in found if isinstance(each, Record)] == [each.id for each in messages("")]
    assert [each.what for each in found if isinstance(each, Trouble)] == ["too large"]


def test_the_recount_reads_each_row_before_a_row_that_is_too_large_once(tmp_path: Path) -> None:
    """SQLite gave the first ones before it refused; then each row is asked for alone."""
    database = store(tmp_path, Database)
    many = [message(session(version="1.18.33"), USED, T0 + 60_000 * n) for n in range(4, 9)]
    database.put_turn(*many)
    change = "UPDATE message SET data = CAST(zeroblob(34000000) AS TEXT) WHERE id = ?"
    database.execute(change, many[-2].id)
    found = [each.id for each in read_database(database.path, "here") if isinstance(each, Record)]
    assert found == [each.id for each in (*messages(""), *many[:-2], many[-1])]
