"""Memory does not follow the largest file, and what is left out because of its size is named."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from otel_agent.intake.catch_up import opened
from otel_agent.ledger.queries import open_to_read
from otel_agent.model import ProblemKind
from otel_agent.opencode.json_tree.layout import FlatLayout
from otel_agent.opencode.json_tree.parts import TreeParts
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.settings import Settings
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, Message, Tokens, message, session, tool

HUGE = 400 * 2**20
FEW_BYTES = 24 * 2**20
"""More than the largest file that is read and all else that a pass needs, and far less than the huge file."""
NOW = time.time_ns() // 1_000_000 - 600_000
SOUND = message(session(NOW), Tokens(5), NOW)


def make_huge(path: Path) -> Path:
    """Make a file of 400 MB that takes no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.truncate(HUGE)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


KINDS: dict[str, Callable[[JsonTree], Path]] = {
    "message": lambda tree: tree.path(replace(SOUND, id=f"{SOUND.id}z")),
    "part": lambda tree: tree.path(tool(SOUND)),
    "session": lambda tree: tree.path(SOUND.session),
    "project": lambda tree: tree.path(SOUND.session.project),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_400_mb_is_named_and_not_read(agent: Agent, tree: JsonTree, kind: str) -> None:
    tree.put_turn(SOUND)
    path = make_huge(KINDS[kind](tree))
    with opened(Settings(state_dir=agent.state_dir, data_dirs=(agent.data_dir,))) as parts:
        tracemalloc.start()
        try:
            assert parts.ingest.run(sweep=True).messages == 1
            assert tracemalloc.get_traced_memory()[1] < FEW_BYTES
        finally:
            tracemalloc.stop()
    with open_to_read(agent.state_dir) as ledger:
        assert ledger is not None
        found = {each.kind: each.examples for each in ledger.problems()}
    assert found == {ProblemKind.TOO_LARGE: (str(path),)}


def test_of_a_folder_with_many_messages_only_the_last_names_are_kept(tmp_path: Path) -> None:
    layout = FlatLayout(tmp_path)
    folder = layout.messages / "ses_1"
    folder.mkdir(parents=True)
    for number in range(5_000):
        (folder / f"msg_{number:06d}.json").touch()
    parts = TreeParts(layout, Sessions(layout, 0))
    assert parts.recent("ses_1", NOW) == [f"msg_{number:06d}" for number in range(4_999, 4_991, -1)]


def many(of: Message, number: int) -> list[Message]:
    return [replace(of, id=f"{of.id[:-4]}{each:04d}") for each in range(number)]


def test_a_message_with_more_parts_than_are_read_counts(agent: Agent, tree: JsonTree) -> None:
    tree.put_turn(*many(SOUND, 3))
    folder = tree.path(tool(SOUND)).parent
    folder.mkdir(parents=True)
    for number in range(10_100):
        (folder / f"prt_{number:05d}.json").touch()
    with opened(Settings(state_dir=agent.state_dir, data_dirs=(agent.data_dir,))) as parts:
        assert parts.ingest.run(sweep=True).messages == 3
