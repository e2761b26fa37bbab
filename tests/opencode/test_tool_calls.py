"""The call that began a sub-agent, read while OpenCode writes it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from otel_agent.model import BeingWritten, Caller, CallsWanted, Generation, Overlap
from otel_agent.model import Message as Read
from otel_agent.model import Tokens as ReadTokens
from otel_agent.opencode.json_tree.layout import FlatLayout
from otel_agent.opencode.json_tree.tree import JsonTree as TreeReader
from tests.support.made_stores import T0, JsonTree, Session, Tokens, message, session, tool

DAY_MS = 86_400_000
CHILD = "ses_child"
TORN = b'{"id": "prt_1", "type": "tool", "tool": "ta'


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """The running call of a task, in a tree."""
    tree, parent = JsonTree(tmp_path), session()
    calling = message(parent, Tokens(1), completed=None)
    call = tool(calling, "task", status="running", took=None, metadata={"sessionId": CHILD})
    tree.put(parent.project, parent, Session(id=CHILD, parent=parent.id), calling, call)
    return tree.path(call)


def test_a_call_that_is_being_written_is_left_for_the_next_pass(tmp_path: Path, part: Path) -> None:
    """However long its writer has to wait for a processor: nobody waits for it meanwhile."""
    whole = part.read_bytes()
    part.write_bytes(TORN)
    with pytest.raises(BeingWritten):
        caller_of_child(tmp_path)
    part.write_bytes(whole)
    found = caller_of_child(tmp_path)
    assert found is not None
    assert found.part_id == part.stem


def test_a_torn_call_whose_writer_was_killed_began_nothing(tmp_path: Path, part: Path) -> None:
    part.write_bytes(TORN)
    killed_s = time.time() - 60
    os.utime(part, (killed_s, killed_s))
    assert caller_of_child(tmp_path) is None


@pytest.mark.parametrize(("running", "is_found"), [(1, True), (2, False)])
def test_a_task_that_names_no_session_began_the_turn_if_no_other_task_runs(
    tmp_path: Path, running: int, is_found: bool
) -> None:
    tree, parent = JsonTree(tmp_path), session()
    calling = message(parent, Tokens(1), completed=None)
    parts = [tool(calling, "task", counter, status="running", took=None) for counter in range(5, 5 + running)]
    done = tool(calling, "task", 4, metadata={"sessionId": "ses_other"})
    tree.put(parent.project, parent, Session(id=CHILD, parent=parent.id), calling, done)
    tree.put(tool(calling, "bash", 9, status="running", took=None), *parts)
    found = caller_of_child(tmp_path)
    assert (found is not None) == is_found
    assert found is None or found.part_id == parts[0].id


@pytest.mark.parametrize(("status", "took"), [("running", None), ("completed", 400)])
def test_a_task_of_oh_my_opencode_in_the_background_began_the_turn_although_it_names_no_session(
    tmp_path: Path, status: str, took: int | None
) -> None:
    """Its 3.x calls the tool `delegate_task`. The call is complete before the sub-agent begins."""
    tree, parent = JsonTree(tmp_path), session()
    calling = message(parent, Tokens(1), completed=None)
    call = tool(calling, "delegate_task", status=status, took=took)
    other = tool(calling, "delegate_task", 5, metadata={"sessionId": "ses_other"})
    failed = tool(calling, "delegate_task", 6, status="error", error="no such agent")
    tree.put(parent.project, parent, Session(id=CHILD, parent=parent.id), calling, call, other, failed)
    found = caller_of_child(tmp_path)
    assert found is not None
    assert found.part_id == call.id


@pytest.mark.parametrize(
    ("took", "ended_ms"),
    [
        pytest.param(-600, T0 + 900, id="set back: a negative duration would be taken off the others"),
        pytest.param(400, T0 + 1_300, id="right"),
        pytest.param(31 * 365 * DAY_MS, T0 + 2_000, id="years ahead: it ended with its message"),
    ],
)
def test_a_clock_that_was_set_meanwhile_makes_no_end_of_a_call(tmp_path: Path, took: int, ended_ms: int) -> None:
    tree, of = JsonTree(tmp_path), session()
    calling = message(of, Tokens(1))
    tree.put(of.project, of, calling, tool(calling, at=T0 + 900, took=took))
    asked = asked_for(calling.id, of.id)
    calls = TreeReader(FlatLayout(tmp_path / "storage")).read_calls(
        [asked], CallsWanted(messages=frozenset({calling.id}))
    )
    (call,) = calls.tool_calls[calling.id]
    assert (call.started_ms, call.ended_ms) == (T0 + 900, ended_ms)


def caller_of_child(data_dir: Path) -> Caller | None:
    """The call that began the child's turn, as the reader of the tree finds it."""
    asked = asked_for("msg_of_child", CHILD)
    calls = TreeReader(FlatLayout(data_dir / "storage")).read_calls([asked], CallsWanted(turns=frozenset({asked.turn})))
    return next(iter(calls.callers.get(asked.turn, [])), None)


def asked_for(message_id: str, session_id: str) -> Read:
    """The message as it was read."""
    return Read(
        id=message_id,
        session_id=session_id,
        generation=Generation.TREE,
        created_ms=T0 + 1_000,
        completed_ms=T0 + 2_000,
        provider="",
        model="",
        agent="",
        tokens=ReadTokens(),
        overlap=Overlap(),
        cost_nusd=0,
    )
