"""Databases that another user owns, or that may not be written: they are read, and nothing of ours is left beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otel_agent.model import ProblemKind
from tests.support.made_stores import T0, Database, Tokens, message, session
from tests.support.public_agent import NOBODY

pytestmark = pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root has files of two users")
USED = Tokens(700, 50)
LOOKS = """
import json, os, sys
from pathlib import Path
import otel_agent.opencode.sqlite.database
from tests.support.reading_here import reading_here
home, user = Path(sys.argv[1]), int(sys.argv[2])
os.setgid(user)
os.setuid(user)
with reading_here(home / "opencode", home / "state") as reading:
    for line in sys.stdin:
        reading.look(sweep=line == "sweep\\n")
        problems = [kind.value for kind in reading.problems()]
        print(json.dumps([reading.counted(), problems]), flush=True)
"""
"""What another user's agent does: a pass for each line. It imports all it needs while it may still read our files."""


class Looked(NamedTuple):
    counted: int
    problems: list[str]


class OthersAgent:
    """An agent of the user `nobody`, which keeps its connection between passes as a resident one does."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def look(self, *, sweep: bool = False) -> Looked:
        """Let it make one pass."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("sweep\n" if sweep else "\n")
        self._process.stdin.flush()
        answer: list[Any] = json.loads(self._process.stdout.readline())
        return Looked(*answer)


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a folder that everybody may write to."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o777)
        yield Path(scratch)


@pytest.fixture
def database(home: Path) -> Database:
    """Return a database of ours with one message."""
    database = Database(home / "opencode" / "opencode.db").create()
    put(database, 1)
    return database


@pytest.fixture
def others(home: Path) -> Iterator[OthersAgent]:
    """Yield an agent of another user, who may read that database."""
    command = [sys.executable, "-c", LOOKS, str(home), str(NOBODY)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield OthersAgent(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0


def put(database: Database, number: int) -> None:
    database.put_turn(message(session(), USED, T0 + 60_000 * number, counter=number))


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o555])
def test_nothing_of_ours_is_left_beside_the_database_of_another_user(
    home: Path, database: Database, others: OthersAgent, mode: int
) -> None:
    """His OpenCode could not write to side files that are ours. Each pass sees what was written since the last one."""
    database.path.parent.chmod(mode)
    for number in range(1, 5):
        assert others.look(sweep=number == 1) == (number, [])
        assert [path.name for path in (home / "opencode").iterdir()] == ["opencode.db"]
        put(database, number + 1)


@pytest.mark.parametrize("mode", [0o777, 0o755])
def test_a_wal_whose_side_files_may_only_be_read_is_read(database: Database, others: OthersAgent, mode: int) -> None:
    database.path.parent.chmod(mode)
    with database.writer() as connection:
        database.put_through(connection, message(session(), USED, T0 + 120_000, counter=2))
        assert others.look(sweep=True) == (2, [])
        for number in range(3, 6):
            database.put_through(connection, message(session(), USED, T0 + 60_000 * number, counter=number))
            assert others.look() == (number, [])
    put(database, 6)
    assert others.look() == (6, [])


@pytest.mark.parametrize("barred", ["file", "folder"])
def test_a_permission_that_is_not_there_is_a_problem_until_it_is_given(
    database: Database, others: OthersAgent, barred: str
) -> None:
    path, mode = (database.path, 0o644) if barred == "file" else (database.path.parent, 0o755)
    assert others.look(sweep=True).counted == 1
    for number in (2, 3):
        put(database, number)
        path.chmod(0o600)
        assert others.look() == (number - 1, [ProblemKind.NO_ACCESS.value])
        path.chmod(mode)
        assert others.look() == (number, [])


def test_a_wal_without_an_index_in_a_folder_that_may_not_be_written_is_named(
    home: Path, database: Database, others: OthersAgent
) -> None:
    """A copy of a database with its WAL. Its last rows are in the WAL, and nobody may make the index for reading that."""
    with database.writer() as connection:
        database.put_through(connection, message(session(), USED, T0 + 120_000, counter=2))
        content = {side: Path(f"{database.path}{side}").read_bytes() for side in ("", "-wal")}
    for path in (home / "opencode").iterdir():
        path.unlink()
    for side, written in content.items():
        Path(f"{database.path}{side}").write_bytes(written)
    database.path.parent.chmod(0o555)
    assert others.look(sweep=True).problems == [ProblemKind.DAMAGED.value]
    assert others.look().problems == [ProblemKind.DAMAGED.value]
    put(database, 3)
    assert others.look() == (3, [])
