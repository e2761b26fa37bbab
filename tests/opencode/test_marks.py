"""A file of a tree is read again if anything about it changed, and if it could not be read the last time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from otel_agent.intake.catch_up import Intake, opened
from otel_agent.ledger.queries import open_to_read
from otel_agent.model import Problem, ProblemKind, Unreadable
from otel_agent.opencode.bounded_files import OpenFolder
from otel_agent.opencode.json_tree import folder
from otel_agent.settings import Settings
from tests.support.agent import Agent
from tests.support.made_stores import T0, JsonTree, Tokens, as_file, message, session
from tests.support.waiting import eventually

WHOLE = message(session(), Tokens(output=5))
LONG_AGO = 1_000_000_000


def settings(agent: Agent) -> Settings:
    return Settings(state_dir=agent.state_dir, data_dirs=(agent.data_dir,))


def age(path: Path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


def output(agent: Agent) -> int:
    with open_to_read(agent.state_dir) as ledger:
        assert ledger is not None
        return int(ledger._database.execute("SELECT ifnull(sum(output), 0) FROM message").fetchone()[0])


def test_a_file_that_is_rewritten_with_the_same_size_and_time_is_read_again(agent: Agent, tree: JsonTree) -> None:
    """A restored or synchronised file: only the time of its status shows it."""
    tree.put_turn(WHOLE)
    path = tree.path(WHOLE)
    age(path)
    with opened(settings(agent)) as parts:
        parts.ingest.run(sweep=True)
        before = path.stat().st_ctime_ns
        # The clock of a file system ticks a few hundred times a second.
        eventually(rewritten(path, before), True)
        parts.ingest.run(sweep=True)
    assert output(agent) == 7


def rewritten(path: Path, before_ns: int) -> Callable[[], bool]:
    def write() -> bool:
        path.write_bytes(path.read_bytes().replace(b'"output": 5', b'"output": 7'))
        age(path)
        return path.stat().st_ctime_ns > before_ns

    return write


def test_a_folder_that_changed_a_moment_ago_is_listed_again_although_its_time_is_the_same(
    agent: Agent, tree: JsonTree
) -> None:
    """A second file within one tick of the clock, or of a file system that has only seconds."""
    second = message(session(), Tokens(output=6), T0 + 60_000)
    tree.put_turn(WHOLE)
    folder_ns = tree.path(WHOLE).stat().st_mtime_ns + 60 * 10**9
    folder_as_of(tree, folder_ns)
    with opened(settings(agent), now_ns=lambda: folder_ns + 10**9) as parts:
        assert parts.ingest.run(sweep=True).messages == 1
        tree.put_turn(second)
        folder_as_of(tree, folder_ns)
        assert parts.ingest.run().messages == 1


def folder_as_of(tree: JsonTree, at_ns: int) -> None:
    os.utime(tree.path(WHOLE).parent, ns=(at_ns, at_ns))


def test_an_old_file_that_could_not_be_read_once_is_read_again(
    agent: Agent, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails for a moment leaves no mark on the file."""
    tree.put_turn(WHOLE)
    age(tree.path(WHOLE))

    def fail(path: str, limit: int) -> bytes | None:
        del limit
        raise Unreadable(Problem(ProblemKind.NO_ACCESS, path, "Input/output error"))

    with opened(settings(agent)) as parts:
        with monkeypatch.context() as failing:
            failing.setattr(folder, "read_bounded", fail)
            failing.setattr(OpenFolder, "read", lambda *_: None)
            assert run(parts) == 0
        assert run(parts) == 1


def run(parts: Intake) -> int:
    return parts.ingest.run(sweep=True).messages


def test_a_file_that_is_being_written_is_no_problem_yet(
    agent: Agent, tree: JsonTree, caplog: pytest.LogCaptureFixture
) -> None:
    """It is one once nobody has written it for two seconds."""
    tree.put_turn(WHOLE)
    path = tree.put_bytes(WHOLE, as_file(WHOLE.document())[:80])
    written_ns = path.stat().st_mtime_ns
    ages_ns = [1_000_000_000]
    with opened(settings(agent), now_ns=lambda: written_ns + ages_ns[-1]) as parts:
        assert parts.ingest.run(sweep=True).problems == 0
        assert caplog.records == []
        ages_ns.append(3_000_000_000)
        assert parts.ingest.run(sweep=True).problems == 1
    assert str(path) in caplog.text
