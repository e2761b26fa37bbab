"""A problem is reported for as long as it lasts, whoever is asked, and no longer once its place is in order."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from otel_agent.intake.catch_up import catch_up, opened
from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Problem, ProblemKind
from otel_agent.opencode import problem_files
from otel_agent.settings import Settings
from tests.support.agent import Agent
from tests.support.made_stores import Database, JsonTree, Tokens, message, session

SOUND = message(session(), Tokens(input=5))
OTHER = message(session(counter=2), Tokens(input=7), counter=2, cost=1)
TORN = b'{"role": "assistant", "tok'


@pytest.fixture(autouse=True)
def here(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process read the data of the agent's machine."""
    monkeypatch.setenv("XDG_DATA_HOME", str(agent.data_dir.parent))
    monkeypatch.delenv("OPENCODE_DB", raising=False)


def problems(agent: Agent) -> dict[ProblemKind, tuple[int, tuple[str, ...]]]:
    """Return the number of places with a problem of each kind now, and examples of them."""
    with open_to_read(agent.state_dir) as ledger:
        assert ledger is not None
        return {each.kind: (each.places, each.examples) for each in ledger.problems()}


def caught_up(agent: Agent) -> int:
    """Bring the ledger up to date as a summary does; return how many messages were new."""
    return catch_up(Settings(state_dir=agent.state_dir)).messages


def put_torn(tree: JsonTree) -> Path:
    """A file that was cut off a minute ago."""
    tree.put(OTHER.session.project, OTHER.session)
    path = tree.put_bytes(OTHER, TORN)
    aged(path)
    return path


def aged(path: Path) -> None:
    """Last written a minute ago."""
    then = path.stat().st_mtime - 60
    os.utime(path, (then, then))


def test_a_torn_file_is_a_problem_until_it_is_whole(agent: Agent, tree: JsonTree) -> None:
    tree.put_turn(SOUND)
    path = put_torn(tree)
    agent.once()
    assert problems(agent) == {ProblemKind.MALFORMED: (1, (str(path),))}
    assert caught_up(agent) == 0
    assert problems(agent) == {ProblemKind.MALFORMED: (1, (str(path),))}
    tree.put(OTHER)
    assert caught_up(agent) == 1
    assert problems(agent) == {}


def test_a_torn_file_is_a_problem_until_it_is_gone(agent: Agent, tree: JsonTree) -> None:
    path = put_torn(tree)
    agent.once()
    path.unlink()
    caught_up(agent)
    assert problems(agent) == {}


def test_a_file_that_is_torn_again_is_still_a_problem(agent: Agent, tree: JsonTree) -> None:
    put_torn(tree)
    agent.once()
    path = put_torn(tree)
    agent.once()
    assert problems(agent) == {ProblemKind.MALFORMED: (1, (str(path),))}


def test_an_unreadable_database_is_a_problem_until_it_can_be_read(agent: Agent) -> None:
    path = agent.data_dir / "opencode.db"
    path.write_bytes(b"this is not a database, whatever its name says\n" * 99)
    agent.once()
    assert problems(agent) == {ProblemKind.DAMAGED: (1, (str(path),))}
    path.unlink()
    Database(path).create().put_turn(SOUND)
    assert caught_up(agent) == 1
    assert problems(agent) == {}


def test_tables_of_an_unknown_form_are_a_problem_until_they_are_known(agent: Agent) -> None:
    path = agent.data_dir / "opencode.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript("CREATE TABLE message (a); CREATE TABLE session (b)")
    aged(path)
    agent.once()
    assert list(problems(agent)) == [ProblemKind.UNKNOWN_SCHEMA]
    with closing(sqlite3.connect(path)) as database:
        database.executescript("DROP TABLE message; DROP TABLE session")
    Database(path).create().put_turn(SOUND)
    assert caught_up(agent) == 1
    assert problems(agent) == {}


def test_tables_of_a_later_opencode_are_reported_with_its_version(agent: Agent) -> None:
    """The tables beside them that can be read are read."""
    database = Database(agent.data_dir / "opencode.db").create()
    database.put_turn(SOUND)
    with closing(sqlite3.connect(database.path)) as later:
        later.executescript(
            "CREATE TABLE session_v3 (id TEXT, version TEXT); INSERT INTO session_v3 VALUES ('ses_1', '3.1.0\x1b[31m')"
        )
    assert caught_up(agent) == 1
    place = f"{database.path}#session_v3 (a later generation, 1 row; written by OpenCode 3.1.0)"
    assert problems(agent) == {ProblemKind.UNKNOWN_SCHEMA: (1, (place,))}


def test_a_locked_database_is_a_problem_until_it_is_free(agent: Agent) -> None:
    database = Database(agent.data_dir / "opencode.db").create()
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        aged(database.path)
        other.execute("BEGIN EXCLUSIVE")
        agent.once()
        assert list(problems(agent)) == [ProblemKind.LOCKED]
    agent.once()
    assert problems(agent) == {}


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_a_missing_permission_is_a_problem_until_it_is_given(public: Agent) -> None:
    tree = JsonTree(public.data_dir)
    tree.put_turn(SOUND, OTHER)
    barred = tree.path(OTHER)
    barred.chmod(0)
    public.once()
    assert problems(public) == {ProblemKind.NO_ACCESS: (1, (str(barred),))}
    barred.chmod(0o644)
    public.once()
    assert problems(public) == {}


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_a_missing_permission_further_up_is_a_problem_until_it_is_given(public: Agent) -> None:
    tree = JsonTree(public.data_dir)
    tree.put_turn(SOUND, OTHER)
    barred = tree.path(OTHER).parent.parent
    barred.chmod(0)
    public.once()
    assert problems(public) == {ProblemKind.NO_ACCESS: (1, (str(barred),))}
    barred.chmod(0o755)
    public.once()
    assert problems(public) == {}


def test_a_database_that_is_just_being_made_is_left_alone(agent: Agent) -> None:
    """OpenCode turns it to WAL next, and would fail on any lock: not even an open connection of ours is there."""
    path = agent.data_dir / "opencode.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as opencode:
        path.touch()
        with opened(Settings(state_dir=agent.state_dir)) as parts:
            parts.ingest.run(sweep=True)
            assert held(path) == 0, "while it is empty"
            opencode.execute("PRAGMA user_version = 1")
            parts.ingest.run(sweep=True)
            assert held(path) == 0, "before it is turned to WAL"
            opencode.execute("PRAGMA journal_mode = WAL")
            Database(path).create().put_turn(SOUND)
            assert parts.ingest.run(sweep=True).messages == 1
            assert held(path) > 0
    assert problems(agent) == {}


def held(path: Path) -> int:
    """Count the descriptors of this process that are open on the file, beside OpenCode's own."""
    opened = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
    return opened.count(str(path)) - 1


def test_the_number_of_problems_kept_and_rechecked_is_bounded(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.problems.note((Problem(ProblemKind.MALFORMED, f"/x/{n}") for n in range(10_050)), now_ms=1)
    changed = problem_files.changed(ledger.problems.files_and_folders())
    assert len(changed) == 1_000, "none of these exists, and this many are looked at in a pass"
    with ledger.transaction():
        ledger.problems.forget(changed)
        ledger.problems.note([Problem(ProblemKind.MALFORMED, "/y")], now_ms=1)
    assert ledger.problems.has_kind(ProblemKind.MALFORMED)


def test_noting_a_known_problem_writes_nothing(ledger: Ledger) -> None:
    problem = Problem(ProblemKind.NO_ACCESS, "/x")
    with ledger.transaction():
        ledger.problems.note([problem], now_ms=1)
    before = ledger._database.total_changes
    with ledger.transaction():
        ledger.problems.note([problem], now_ms=2)
    assert ledger._database.total_changes == before
