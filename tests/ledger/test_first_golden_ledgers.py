"""Ledgers that versions 1 to 4 wrote become current ones: totals and promises stay, and nothing counts again.

Each is the dump of a ledger that the last agent of its version wrote in two runs. The first run counted messages 0 to 2, and
the backend accepted everything. In the second run, which counted messages 3 to 5, the backend was away. Message `n` has
2**n input tokens, twice as many output tokens, and so on. Messages 3 and 4 answer one prompt.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import kept_sums, schema
from otel_agent.ledger.place import ledger_path
from otel_agent.ledger.turns import TurnState
from tests.support.agent import Agent
from tests.support.exported import Exported
from tests.support.made_stores import T0, Database, Tokens, message, prompt, session
from tests.support.otlp_receiver import OtlpReceiver

VERSIONS = pytest.mark.parametrize("version", [1, 2, 3, 4])
DUMPS = {1: "ledger-1-used.sql", 2: "ledger-2.sql", 3: "ledger-3.sql", 4: "ledger-4.sql"}
MESSAGES = 6
PENDING = 3
BITS = (1 << MESSAGES) - 1
TOTAL = Tokens(BITS, 2 * BITS, 3 * BITS, 4 * BITS, 5 * BITS)


def dump(version: int) -> str:
    return f"BEGIN; {(Path(__file__).parent / DUMPS[version]).read_text()}; COMMIT"


def put(agent: Agent, *numbers: int) -> None:
    """Write messages into the store that those versions read."""
    database, first, second = Database(agent.data_dir / "opencode.db").create(), session(), session(T0)
    for number in numbers:
        of = second if number == 5 else first
        turn = 3 if number == 4 else number
        asked = prompt(of, T0 + 60_000 * turn - 100, turn)
        at, used = T0 + 60_000 * number, Tokens(*(kind << number for kind in (1, 2, 3, 4, 5)))
        record = message(of, used, at, number, parent=asked.id, completed=at + 20_000, cost=(1 << number) / 512)
        with database.connection() as connection:
            database.put_through(connection, of.project, of, record)


@pytest.fixture
def database(tmp_path: Path, version: int) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as database:
        database.executescript(dump(version))
        assert schema.version(database) == version
        yield database


@VERSIONS
def test_series_keep_value_start_and_count(database: sqlite3.Connection) -> None:
    query = "SELECT metric, attributes, start_ns, value, count, buckets FROM series ORDER BY 1, 2"
    before = database.execute(query).fetchall()
    schema.prepare(database)
    assert before
    assert database.execute(query).fetchall() == before


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_series_from_before_version_4_counts_as_accepted_whole(database: sqlite3.Connection) -> None:
    """Otherwise each histogram's count would rise from zero after the upgrade."""
    schema.prepare(database)
    rows = database.execute("SELECT value, count, buckets, told_value, told_count, told_buckets FROM series").fetchall()
    assert any(count for _, count, *_ in rows)
    assert all(row[:3] == row[3:] for row in rows)


@pytest.mark.parametrize("version", [4])
def test_a_series_of_version_4_keeps_what_was_accepted(database: sqlite3.Connection) -> None:
    query = "SELECT metric, attributes, told_value, told_count, told_buckets, told_ns FROM series ORDER BY 1, 2"
    before = database.execute(query).fetchall()
    schema.prepare(database)
    assert database.execute(query).fetchall() == before
    counted = "SELECT sum(value), sum(told_value) FROM series WHERE metric = 'opencode.message.count'"
    assert database.execute(counted).fetchone() == (MESSAGES, MESSAGES - PENDING)


@VERSIONS
def test_only_turns_of_pending_messages_are_pending(database: sqlite3.Connection, version: int) -> None:
    """Messages 3 and 4, in rows 4 and 5, are one turn, and its span ends with the last of them."""
    schema.prepare(database)
    found = database.execute(f"SELECT last_message FROM turn WHERE state = {TurnState.PENDING:d} ORDER BY 1").fetchall()
    assert found == [(5,), (6,)]
    others = database.execute(f"SELECT count(*) FROM turn WHERE state <> {TurnState.PENDING:d}").fetchone()[0]
    # Versions 1 and 2 knew no turns: those of what was accepted before have no row.
    assert others == (0 if version < 3 else MESSAGES - PENDING)


@VERSIONS
def test_kept_sums_are_those_of_the_messages(database: sqlite3.Connection) -> None:
    schema.prepare(database)
    assert kept_sums.differing(database) == {}
    assert database.execute("SELECT sum(messages), sum(input) FROM context").fetchone() == (MESSAGES, BITS)


@VERSIONS
def test_pending_spans_are_delivered_and_nothing_counts_again(
    agent: Agent, receiver: OtlpReceiver, version: int
) -> None:
    agent.state_dir.mkdir(parents=True)
    with closing(sqlite3.connect(ledger_path(agent.state_dir))) as old:
        old.executescript(dump(version))
    put(agent, *range(MESSAGES))
    agent.once()
    exported = Exported(receiver)
    assert exported.holds(tokens=TOTAL, messages=MESSAGES, spans=PENDING)
    assert len({span.span_id for span in receiver.spans()}) == PENDING + 2, "and the spans of their two turns"
    put(agent, MESSAGES)
    agent.once()
    assert exported.holds(messages=MESSAGES + 1, spans=PENDING + 1)
    assert exported.never_fell()
