"""The agent keeps its lock on a database that it watches: without it, another program takes the WAL away below us."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel_agent.intake.catch_up import Intake, opened
from otel_agent.opencode.sqlite import database as databases
from otel_agent.settings import Settings
from otel_agent.verify.recount.database import read_database
from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, Tokens, message, session
from tests.support.other_program import OtherProgram, other_program
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.reading_here import ReadingHere, reading_here

USED = Tokens(700, 50, 20, 300, 9)
BRISK = {
    "OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.1",
    "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.1",
    "OTEL_AGENT_SWEEP_INTERVAL_SECONDS": "3600",
}
SLOW_MACHINE_S = 4.0
"""Seconds that a slow and busy machine may add; the next sweep is an hour away."""
LAST_TO_CLOSE = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA journal_mode = WAL")
database.execute("UPDATE session SET title = title || '.'")
database.commit()
database.close()
"""
"""Whoever closes a database last removes its WAL, unless another program has a lock on it."""
SHARED_LOCK = str(0x40000000 + 2)
"""The first byte of the lock that each connection to a database in WAL mode holds (sqlite.org/fileformat.html)."""


def close_last(path: Path) -> None:
    """Let another program write to the database and close it."""
    subprocess.run([sys.executable, "-c", LAST_TO_CLOSE, str(path)], check=True)


def has_lock(pid: int, path: Path) -> bool:
    """True if the kernel knows a read lock of this process on the database."""
    inode = str(path.stat().st_ino)
    return any(
        (fields[3], fields[4], fields[5].rpartition(":")[2], fields[6]) == ("READ", str(pid), inode, SHARED_LOCK)
        for fields in map(str.split, Path("/proc/locks").read_text(encoding="ascii").splitlines())
        if fields[1] == "POSIX"
    )


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists its locks")


@contextmanager
def reading(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> Iterator[Intake]:
    """Read the data of the agent's machine in this process."""
    monkeypatch.setenv("XDG_DATA_HOME", str(agent.data_dir.parent))
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    with opened(Settings(state_dir=agent.state_dir, discover_stores=False)) as parts:
        yield parts


def counted(receiver: OtlpReceiver, messages: int, seconds: float) -> None:
    receiver.wait_for(lambda r: r.total("opencode.message.count") == messages, seconds)


def test_a_program_that_closes_the_database_last_does_not_blind_the_agent(
    agent: Agent, receiver: OtlpReceiver, database: Database
) -> None:
    database.put_turn(message(session(), USED))
    as_young_as_while_somebody_works(database.path)
    with agent.process("run", **BRISK) as run:
        counted(receiver, 1, 30)
        for number in range(1, 4):
            close_last(database.path)
            assert Path(f"{database.path}-wal").exists(), "the agent has no lock any more"
            database.put_turn(message(session(), USED, T0 + 60_000 * number))
            counted(receiver, number + 1, 1 + SLOW_MACHINE_S)
        run.stop()


def as_young_as_while_somebody_works(path: Path) -> None:
    """Less than two seconds old, however slow the test is: this is when the agent looks whether it is being made."""
    later = path.stat().st_mtime + 3600
    os.utime(path, (later, later))


@on_linux
def test_the_lock_on_a_database_outlives_every_sweep(
    agent: Agent, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(agent, monkeypatch) as parts:
        for number in range(1, 5):
            database.put_turn(message(session(), USED, T0 + 60_000 * number))
            assert parts.ingest.run(sweep=True).messages == 1
            assert has_lock(os.getpid(), database.path), f"sweep {number}"
            close_last(database.path)
            assert parts.ingest.run(sweep=False).messages == 0


@on_linux
def test_a_database_that_is_reached_by_two_names_keeps_its_lock(
    agent: Agent, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.link(database.path, agent.data_dir / "opencode-beta.db")
    database.put_turn(message(session(), USED))
    with reading(agent, monkeypatch) as parts:
        for _ in range(3):
            parts.ingest.run(sweep=True)
            assert has_lock(os.getpid(), database.path)


@on_linux
def test_sweeps_leave_no_open_files_behind(agent: Agent, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.put_turn(message(session(), USED))
    with reading(agent, monkeypatch) as parts:
        parts.ingest.run(sweep=True)
        parts.ingest.run(sweep=True)
        before = open_files()
        for _ in range(5):
            parts.ingest.run(sweep=True)
        assert open_files() == before


def test_a_wal_that_was_removed_below_the_agent_is_noticed_in_the_next_pass(
    agent: Agent, receiver: OtlpReceiver, database: Database
) -> None:
    """A script that tidies up, or a file system without locks, can still do that."""
    database.put_turn(message(session(), USED))
    with agent.process("run", **BRISK) as run:
        counted(receiver, 1, 30)
        with database.connection() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for side in ("-wal", "-shm"):
            Path(f"{database.path}{side}").unlink()
        database.put_turn(message(session(), USED, T0 + 60_000))
        counted(receiver, 2, 1 + SLOW_MACHINE_S)
        run.stop()


def cut_off_locks(path: Path) -> None:
    """Open and close the file in this process, as code that we do not know may do: the locks are gone."""
    path.open("rb").close()


def seen_at_once(reading: ReadingHere, number: int) -> None:
    reading.look()
    assert reading.counted() == number


@on_linux
@pytest.mark.parametrize("look", ["agent", "verify"])
def test_a_look_leaves_the_locks_of_every_other_connection_of_its_process(
    agent: Agent, database: Database, look: str
) -> None:
    """The demonstration writes the store that it reads, and a recount runs beside a reader."""
    database.put_turn(message(session(), USED))
    with database.writer() as connection:
        connection.execute("SELECT 1 FROM message").fetchone()
        as_young_as_while_somebody_works(database.path)
        assert has_lock(os.getpid(), database.path)
        if look == "agent":
            with reading_here(agent.data_dir, agent.state_dir) as reading:
                assert reading.look(sweep=True) == 1
        else:
            assert list(read_database(database.path, "here"))
        assert has_lock(os.getpid(), database.path)


@pytest.mark.parametrize("locks", ["kept", "lost"])
@pytest.mark.parametrize("sweep", ["no sweep", "sweep while it is open", "sweep while it is closed"])
def test_every_message_is_seen_in_the_next_pass_however_often_opencode_ends_and_starts(
    agent: Agent, database: Database, sweep: str, locks: str
) -> None:
    with reading_here(agent.data_dir, agent.state_dir) as reading, other_program() as opencode:
        reading.look(sweep=True)
        for number in range(5):
            as_young_as_while_somebody_works(database.path)
            opencode.open(database.path)
            opencode.put(database, message(session(), USED, T0 + 60_000 * number))
            if number % 2:
                seen_at_once(reading, 2 * number + 1)
            reading.look(sweep=sweep == "sweep while it is open")
            if locks == "lost":
                cut_off_locks(database.path)
            opencode.close()
            reading.look(sweep=sweep == "sweep while it is closed")
            write_and_close(opencode, database, number)
            seen_at_once(reading, 2 * number + 2)


def write_and_close(opencode: OtherProgram, database: Database, number: int) -> None:
    """Write a message with a connection that is closed before anybody looks."""
    opencode.open(database.path)
    opencode.put(database, message(session(), USED, T0 + 60_000 * number + 30_000, counter=2))
    opencode.close()


def test_a_backup_that_is_copied_over_the_file_is_seen_in_the_next_pass(agent: Agent, database: Database) -> None:
    """The connection of the agent still has the old pages, and SQLite says that nobody wrote."""
    database.put_turn(message(session(), USED))
    fuller = Database(agent.home / "fuller.db").create()
    fuller.put_turn(message(session(), USED), message(session(), USED, T0 + 60_000))
    with reading_here(agent.data_dir, agent.state_dir) as reading:
        assert reading.look(sweep=True) == 1
        database.path.write_bytes(fuller.path.read_bytes())
        seen_at_once(reading, 2)


def test_an_agent_at_rest_opens_nothing_again(
    agent: Agent, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.put_turn(message(session(), USED))
    with reading_here(agent.data_dir, agent.state_dir) as reading:
        reading.look(sweep=True)
        reading.look()
        opened_again: list[Path] = []
        monkeypatch.setattr(databases, "connect", lambda path, **_: opened_again.append(path))
        for _ in range(5):
            reading.look()
        assert opened_again == []
