"""The files of a ledger as an agent leaves them when it ends or is killed, and messages to fill a ledger with."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.agent import Agent
from tests.support.exported import Exported
from tests.support.made_stores import T0, Database, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver

USED = Tokens(700, 50, 20, 300, 9)
"""The tokens of each message."""
WINDOWS = os.name == "nt"


def write_messages(agent: Agent, count: int, first: int = 0) -> None:
    """Write `count` messages into the agent's store, a minute apart. `first` is the number of the first one."""
    database, of = Database(agent.data_dir / "opencode.db").create(), session()
    with database.connection() as connection:
        records = [message(of, USED, T0 + 60_000 * number) for number in range(first, first + count)]
        database.put_through(connection, of.project, of, *records)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of the ledger's files, without an empty WAL and the WAL's index, which adds nothing."""
    found = {path.name: path.read_bytes() for path in folder.glob("ledger.db*") if not path.name.endswith("-shm")}
    return {name: content for name, content in found.items() if content}


def leave_a_wal(path: Path, sql: str) -> None:
    """Change the database like a process that is killed afterwards: the change is in the WAL."""
    aside = path.with_name("aside")
    aside.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(sql)
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", aside)
    for each in aside.iterdir():
        each.replace(path.with_name(each.name))
    aside.rmdir()


def leave_a_journal(path: Path) -> None:
    """Change a database without a WAL like a process that is killed halfway: some pages are written already."""
    aside = path.with_name("aside")
    aside.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        # With a cache of one page, SQLite writes pages to the file before the commit.
        database.execute("PRAGMA cache_size = 1")
        before = path.read_bytes()
        database.execute("BEGIN")
        database.execute("UPDATE message SET input = input + 1")
        database.execute("CREATE TABLE more AS SELECT * FROM message")
        for ending in ("", "-journal"):
            shutil.copy(f"{path}{ending}", aside)
    assert (aside / path.name).read_bytes() != before
    for each in aside.iterdir():
        each.replace(path.with_name(each.name))
    aside.rmdir()


def assert_exact(receiver: OtlpReceiver, messages: int) -> None:
    """Assert that every message counts once, with all its tokens, and has one span."""
    tokens = Tokens(*(messages * kind for kind in USED))
    assert Exported(receiver).holds(tokens=tokens, messages=messages, spans=messages)
