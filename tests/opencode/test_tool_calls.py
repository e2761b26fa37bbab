"""The call that began a sub-agent, asked for while OpenCode writes it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from otel_agent.model import Caller, Session
from otel_agent.opencode.json_tree.layout import FlatLayout
from otel_agent.opencode.parts.tool_calls import caller_in_tree
from tests.support.made_stores import T0, JsonTree, Tokens, message, session, tool

CHILD = "ses_child"
TORN = b'{"id": "prt_1", "type": "tool", "tool": "ta'


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """The running call of a task, in a tree."""
    tree, parent = JsonTree(tmp_path), session()
    calling = message(parent, Tokens(1), completed=None)
    call = tool(calling, "task", status="running", took=None, metadata={"sessionId": CHILD})
    tree.put(parent.project, parent, calling, call)
    return tree.path(call)


def test_one_that_is_torn_is_waited_for(tmp_path: Path, part: Path) -> None:
    """However long its writer has to wait for a processor: here longer than any number of tries at once."""
    whole = part.read_bytes()
    part.write_bytes(TORN)
    later = threading.Timer(0.1, part.write_bytes, [whole])
    later.start()
    found = _asked(tmp_path)
    later.join()
    assert found is not None
    assert found.part_id == part.stem


def test_one_whose_writer_was_killed_is_none(tmp_path: Path, part: Path) -> None:
    part.write_bytes(TORN)
    killed_s = time.time() - 60
    os.utime(part, (killed_s, killed_s))
    assert _asked(tmp_path) is None


def _asked(data_dir: Path) -> Caller | None:
    layout = FlatLayout(data_dir / "storage")
    return caller_in_tree(layout, Session, Session(CHILD, parent_id=session().id), T0 + 1_000)


@pytest.mark.parametrize(("running", "is_found"), [(1, True), (2, False)])
def test_one_that_does_not_say_whom_it_called_is_it_if_no_other_runs(
    tmp_path: Path, running: int, is_found: bool
) -> None:
    tree, parent = JsonTree(tmp_path), session()
    calling = message(parent, Tokens(1), completed=None)
    parts = [tool(calling, "task", counter, status="running", took=None) for counter in range(5, 5 + running)]
    done = tool(calling, "task", 4, metadata={"sessionId": "ses_other"})
    tree.put(parent.project, parent, calling, done, tool(calling, "bash", 9, status="running", took=None), *parts)
    found = _asked(tmp_path)
    assert (found is not None) == is_found
    assert found is None or found.part_id == parts[0].id
