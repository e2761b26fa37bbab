"""Of several calls that may have begun a sub-agent's turn, the right one is taken."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from otel_agent.model import CallsWanted, Generation, Outcome, Overlap
from otel_agent.model import Message as Read
from otel_agent.model import Session as ReadSession
from otel_agent.model import Tokens as ReadTokens
from otel_agent.opencode.json_tree.layout import FlatLayout
from otel_agent.opencode.json_tree.parts import TreeParts
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.json_tree.tree import JsonTree as TreeReader
from otel_agent.opencode.parts.callers import Began, which_began
from otel_agent.opencode.parts.part import Part, ToolUse
from otel_agent.opencode.parts.reader import PartReader, PartSource
from tests.support import records
from tests.support.made_stores import T0, JsonTree, Message, Session, Tokens, message, message_id, part_id, tool

CHILD = ReadSession("ses_child", parent_id="ses_parent")


def call(at_ms: int) -> Part:
    use = ToolUse("task", "call", False, Outcome.OK, CHILD.id, at_ms, at_ms + 500)
    return Part(part_id(at_ms), is_step=False, tokens=ReadTokens(), tool_use=use)


def test_the_last_call_before_a_turn_began_it_also_if_both_are_of_one_message() -> None:
    first, second = call(T0), call(T0 + 10_000)
    assert which_began(CHILD, T0 + 10_100, [first, second]) == second.id
    assert which_began(CHILD, T0 + 10_100, [second, first]) == second.id
    assert which_began(CHILD, T0 + 5_000, [first, second]) == first.id


def test_a_calling_message_that_was_made_a_second_after_the_turn_is_looked_at(tmp_path: Path) -> None:
    """On a busy machine a message gets its id a moment after the call that it holds began."""
    layout = FlatLayout(tmp_path)
    folder = layout.messages / "ses_parent"
    folder.mkdir(parents=True)
    ids = {late_ms: message_id(T0 + late_ms) for late_ms in (-60_000, 1_000, 3_000)}
    for id_ in ids.values():
        (folder / f"{id_}.json").touch()
    assert TreeParts(layout, Sessions(layout, 0)).recent("ses_parent", T0) == [ids[1_000], ids[-60_000]]


def test_the_caller_of_a_caller_is_the_one_at_the_callers_own_time(tmp_path: Path) -> None:
    """A person's session calls the middle one twice, and in its first turn that one calls a sub-agent, after the second call."""
    tree = JsonTree(tmp_path)
    top = Session(id="ses_top", created=T0)
    middle = Session(id="ses_middle", parent=top.id, created=T0 + 1_000)
    leaf = Session(id="ses_leaf", parent=middle.id, created=T0 + 70_000)
    asked = [message(top, Tokens(1), at, counter=9) for at in (T0, T0 + 60_000)]
    calls = [tool(of, "task", at=of.created + 500, metadata={"sessionId": middle.id}) for of in asked]
    in_middle: Message = message(middle, Tokens(1), T0 + 2_000, parent=message_id(T0 + 1_500))
    below = tool(in_middle, "task", at=T0 + 70_000, metadata={"sessionId": leaf.id})
    tree.put(top.project, top, middle, leaf, *asked, *calls, in_middle, below)
    late = Read(
        id="msg_of_leaf",
        session_id=leaf.id,
        generation=Generation.TREE,
        created_ms=T0 + 90_000,
        completed_ms=T0 + 91_000,
        provider="",
        model="",
        agent="",
        tokens=ReadTokens(),
        overlap=Overlap(),
        cost_nusd=0,
        turn_id=message_id(T0 + 70_500),
    )
    found = TreeReader(FlatLayout(tmp_path / "storage")).read_calls([late], CallsWanted(turns=frozenset({late.turn})))
    assert [each.part_id for each in found.callers[late.turn]] == [below.id, calls[0].id]


def running(at_ms: int, tool_name: str = "task", agent: str = "", description: str = "") -> Part:
    """A call that does not name its session yet."""
    use = ToolUse(tool_name, "call", True, Outcome.OK, "", at_ms, None, agent=agent, description=description)
    return Part(part_id(at_ms), is_step=False, tokens=ReadTokens(), tool_use=use)


def test_of_several_calls_that_name_no_session_none_is_taken_by_chance() -> None:
    """A turn without a caller is a trace of its own. One below a wrong call would be a wrong trace."""
    first, second = running(T0), running(T0 + 1_000)
    assert which_began(CHILD, T0 + 1_100, [first]) == first.id
    assert which_began(CHILD, T0 + 1_100, [first, second]) is None
    assert which_began(CHILD, T0 + 1_100, [running(T0, "bash")]) is None


def test_the_title_of_a_session_tells_which_of_several_calls_began_it() -> None:
    titled = ReadSession("ses_child", parent_id="ses_parent", title="Look around (@explore subagent)")
    other = running(T0, agent="review", description="Look around")
    right = running(T0 + 1_000, agent="explore", description="Look around")
    assert which_began(titled, T0 + 1_100, [other, right]) == right.id
    assert which_began(titled, T0 + 1_100, [other]) is None, "it is for another sub-agent"


class Circle:
    """Two sessions that each say that the other one called it. A reader that goes round for ever is ended."""

    def __init__(self) -> None:
        self.asked = 0

    def session(self, session_id: str) -> ReadSession:
        self.asked += 1
        assert self.asked < 1_000, "it goes round and round"
        return ReadSession(session_id, parent_id="ses_b" if session_id == "ses_a" else "ses_a")

    def turn_began_ms(self, turn_id: str, first_created_ms: int) -> int:
        return first_created_ms

    def origin_of(self, session: ReadSession, turn_id: str) -> None:
        return None

    def recent(self, session_id: str, until_ms: int) -> list[str]:
        return [f"msg_of_{session_id}"]

    def caller_in(self, message_id: str, session: ReadSession, at_ms: int) -> Began:
        return Began(f"{message_id}/prt")

    def turn_of(self, session_id: str, message_id: str) -> str:
        return f"turn_of_{session_id}"


def test_sessions_that_call_each_other_in_a_circle_end_in_a_trace_of_their_own() -> None:
    below = records.call(0, session_id="ses_a", turn_id="turn_of_ses_a")
    reader = PartReader(cast("PartSource", Circle()))
    callers = reader.calls([below], CallsWanted(turns=frozenset({below.turn}))).callers[below.turn]
    assert [each.turn_id for each in callers[:2]] == ["turn_of_ses_b", "turn_of_ses_a"]
    assert len(callers) == 33, "as deep as sub-agents may be below each other"
