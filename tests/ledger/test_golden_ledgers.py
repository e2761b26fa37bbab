"""A ledger that an older version wrote becomes a current one: it keeps its totals, and knows every copy by its key.

`ledger-5.sql`, `ledger-6.sql` and `ledger-8.sql` to `ledger-10.sql` are dumps of ledgers that those versions wrote when they
counted the store `sqlite-1.18.33-fork`. Its recount says what they hold.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.ledger import kept_sums, schema
from otel_agent.ledger.place import ledger_path
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import Tokens
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import STORES

OLDER = pytest.mark.parametrize("version", [5, 6, 8, 9, 10])
STORE = STORES / "sqlite-1.18.33-fork"
MESSAGES = 15
COPIES = 1
TOKENS = Tokens(108_602, 4_196, 677, 29_041, 0)


def dump(version: int) -> str:
    # One transaction: otherwise each of the 400 statements waits for the disk.
    return f"BEGIN; {(Path(__file__).parent / f'ledger-{version}.sql').read_text()}; COMMIT"


@pytest.fixture
def database(tmp_path: Path, version: int) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as database:
        database.executescript(dump(version))
        yield database


def sums(database: sqlite3.Connection) -> list[tuple[int, ...]]:
    columns = ", ".join(f"sum({kind})" for kind in Tokens._fields)
    return database.execute(f"SELECT state, count(*), {columns} FROM message GROUP BY state ORDER BY state").fetchall()


@OLDER
def test_messages_and_series_stay_as_they_are(database: sqlite3.Connection) -> None:
    before, series = sums(database), database.execute("SELECT * FROM series ORDER BY 1, 2").fetchall()
    schema.prepare(database)
    assert sums(database) == before
    assert sums(database)[0] == (2, MESSAGES, *TOKENS)
    assert database.execute("SELECT * FROM series ORDER BY 1, 2").fetchall() == series


@OLDER
def test_every_message_begins_when_a_new_copy_of_it_does(database: sqlite3.Connection) -> None:
    schema.prepare(database)
    rows = database.execute("SELECT began_ms, created_ms FROM message").fetchall()
    assert len(rows) == MESSAGES + COPIES
    assert all(began_ms == created_ms for began_ms, created_ms in rows)


@OLDER
def test_sums_of_the_messages_are_kept(database: sqlite3.Connection) -> None:
    schema.prepare(database)
    for table in ("context", "session_use", "slot_use"):
        columns = ", ".join(f"sum({kind})" for kind in Tokens._fields)
        assert database.execute(f"SELECT sum(messages), {columns} FROM {table}").fetchone() == (MESSAGES, *TOKENS)
    assert kept_sums.differing(database) == {}


@pytest.mark.parametrize("version", [5])
def test_a_migration_that_is_killed_leaves_the_older_version(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    before = list(database.iterdump())
    monkeypatch.setattr(kept_sums, "rebuild", killed)
    with pytest.raises(KeyboardInterrupt):
        schema.prepare(database)
    assert schema.version(database) == 5
    assert list(database.iterdump()) == before


@OLDER
def test_nothing_counts_again(agent: Agent, receiver: OtlpReceiver, version: int) -> None:
    agent.state_dir.mkdir(parents=True)
    with closing(sqlite3.connect(ledger_path(agent.state_dir))) as old:
        old.executescript(dump(version))
    shutil.copytree(STORE / "opencode", agent.data_dir, dirs_exist_ok=True, copy_function=shutil.copyfile)
    agent.once()
    assert json.loads((STORE / "expected.json").read_text())["messages"] == MESSAGES
    arrived = Arrived(receiver)
    assert arrived.holds(tokens=TOKENS, messages=MESSAGES)
    labelled = "opencode.usage.source" in {key for point in receiver.latest().values() for key in point.attributes}
    assert labelled == (version >= 6), "a published series keeps its labels"


def test_a_ledger_of_version_1_keeps_its_totals_and_counts_nothing_again(agent: Agent) -> None:
    """No dump of its content was kept: what later versions added is taken out of the ledger of version 5."""
    agent.state_dir.mkdir(parents=True)
    with closing(sqlite3.connect(ledger_path(agent.state_dir))) as old:
        old.executescript(dump(5))
        later = ("problem", "turn", "tool_call", "store", "delivery")
        old.executescript("".join(f"DROP TABLE {name};" for name in later))
        columns = [f"{then}_{what}" for then in ("told", "open") for what in ("value", "count", "buckets", "ns")]
        old.executescript("".join(f"ALTER TABLE series DROP COLUMN {name};" for name in columns))
        old.executescript("DROP INDEX message_ended; PRAGMA user_version = 1")
    shutil.copytree(STORE / "opencode", agent.data_dir, dirs_exist_ok=True, copy_function=shutil.copyfile)
    agent.once()
    query = "SELECT sum(value) FROM series WHERE metric = ?"
    with closing(sqlite3.connect(ledger_path(agent.state_dir))) as ledger:
        assert ledger.execute(query, ("opencode.message.count",)).fetchone() == (MESSAGES,)
        assert ledger.execute(query, ("opencode.token.usage",)).fetchone() == (sum(TOKENS),)
        assert kept_sums.differing(ledger) == {}
