"""The files of a ledger as agents leave them, whole or killed, and the messages that a ledger is filled with."""

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
"""Each of the messages used this."""
WINDOWS = os.name == "nt"


def write_messages(agent: Agent, count: int, first: int = 0) -> None:
    database, of = Database(agent.data_dir / "opencode.db").create(), session()
    with database.connection() as connection:
        records = [message(of, USED, T0 + 60_000 * number) for number in range(first, first + count)]
        database.put_through(connection, of.project, of, *records)


def contents(folder: Path) -> dict[str, bytes]:
    """The ledger's files, but for the index of the WAL, which holds nothing of its own, and an empty WAL."""
    found = {path.name: path.read_bytes() for path in folder.glob("ledger.db*") if not path.name.endswith("-shm")}
    return {name: content for name, content in found.items() if content}


def leave_a_wal(path: Path, sql: str) -> None:
    """Change the database as a process that is killed does: the change lies in the WAL."""
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
    """Be killed halfway through a change of a database without a WAL: some of its pages are written already."""
    aside = path.with_name("aside")
    aside.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
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
    """Every message counts once, with all it used, and has one span."""
    tokens = Tokens(*(messages * kind for kind in USED))
    assert Exported(receiver).holds(tokens=tokens, messages=messages, spans=messages)
