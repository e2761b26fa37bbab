"""The sub-agents of 2.x are below the call that began them, whenever they are read."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.end_to_end.turns import NOW
from tests.support.agent import Agent
from tests.support.drawn_traces import drawn, traces
from tests.support.made_stores import DatabaseV2, Session, session
from tests.support.made_stores.rows_of_2_x import Rows, S, call, subagent
from tests.support.otlp_receiver import OtlpReceiver, SpanRow

AT = NOW - 300 * S


@dataclass
class Family:
    """A session that a person began, and those that it calls."""

    database: DatabaseV2
    top: Rows

    def child(self, number: int, at: int, *, of: Rows | None = None, agent: str = "explore") -> Rows:
        """A session that a call began at `at`; OpenCode gives it the description of the call as its title."""
        parent = (of or self.top).of.id
        born = Session(id=f"ses_child{number}", parent=parent, created=at, version="2.0.17", title="Look around")
        return Rows(self.database, born, agent)


@pytest.fixture
def family(agent: Agent) -> Family:
    database = DatabaseV2(agent.data_dir / "opencode.db").create()
    return Family(database, Rows(database, session(AT - S, version="2.0.17")))


def begin(child: Rows, at: int, prompt: str = "look") -> None:
    child.prompt(at, f"You are a subagent spawned by another session.\n{prompt}")


def work(child: Rows, at: int, model: str, prompt: str = "look") -> None:
    """One turn of a sub-agent, of two seconds."""
    begin(child, at, prompt)
    child.answer(at + 100, model=model)
    child.idle(at + 1_200)


def parents(receiver: OtlpReceiver) -> dict[str, str]:
    """Return the id of the call below which each model worked."""
    spans = {span.span_id: span for span in receiver.spans()}

    def call_above(span: SpanRow) -> str:
        turn = spans[span.parent_span_id]
        above = spans.get(turn.parent_span_id)
        return str(above.attributes["gen_ai.tool.call.id"]) if above else ""

    return {str(span.attributes["gen_ai.request.model"]): call_above(span) for span in receiver.chats()}


@pytest.mark.parametrize("is_live", [False, True])
def test_a_sub_agent_is_below_the_call_that_waits_for_it(
    agent: Agent, family: Family, receiver: OtlpReceiver, is_live: bool
) -> None:
    """While the call runs, its row does not name the session."""
    top = family.top
    top.prompt(AT)
    calling = top.answer(AT + S, None, tools=[subagent(AT + S, None)], model="top")
    work(family.child(1, AT + S + 50), AT + S + 60, "low")
    if is_live:
        agent.once()
        assert {span.name for span in receiver.spans()} == {"invoke_agent explore", "chat low"}
    done = subagent(AT + S, 3 * S, child=Session(id="ses_child1"))
    top.answer(AT + S, 4 * S, tools=[done], model="top", id_=calling)
    top.idle(AT + 6 * S)
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat top", "  execute_tool subagent", "    invoke_agent explore", "      chat low")
    ]


@pytest.mark.parametrize("is_live", [False, True])
def test_a_sub_agent_of_a_sub_agent_is_in_the_trace_of_what_the_person_asked(
    agent: Agent, family: Family, receiver: OtlpReceiver, is_live: bool
) -> None:
    top = family.top
    top.prompt(AT)
    calling = top.answer(AT + S, None, tools=[subagent(AT + S, None, agent="general")], model="top")
    middle = family.child(1, AT + S + 50, agent="general")
    begin(middle, AT + S + 60)
    of_middle = middle.answer(AT + 2 * S, None, tools=[subagent(AT + 2 * S, None)], model="middle")
    work(family.child(2, AT + 2 * S + 50, of=middle), AT + 2 * S + 60, "low")
    if is_live:
        agent.once()
    done = subagent(AT + 2 * S, 3 * S, child=Session(id="ses_child2"))
    middle.answer(AT + 2 * S, 4 * S, tools=[done], model="middle", id_=of_middle)
    middle.idle(AT + 7 * S)
    if is_live:
        agent.once()
    done = subagent(AT + S, 7 * S, child=middle.of, agent="general")
    top.answer(AT + S, 8 * S, tools=[done], model="top", id_=calling)
    top.idle(AT + 10 * S)
    agent.once()
    assert drawn(receiver) == [
        *(
            "invoke_agent build",
            "  chat top",
            "  execute_tool subagent",
            "    invoke_agent general",
            "      chat middle",
        ),
        *("      execute_tool subagent", "        invoke_agent explore", "          chat low"),
    ]


@pytest.mark.parametrize("is_live", [False, True])
def test_a_sub_agent_in_the_background_is_below_a_call_that_is_long_complete(
    agent: Agent, family: Family, receiver: OtlpReceiver, is_live: bool
) -> None:
    top, child = family.top, family.child(1, AT + S + 50)
    top.prompt(AT)
    top.answer(AT + S, tools=[subagent(AT + S, child=child.of, background=True)], model="top")
    begin(child, AT + S + 60)
    child.answer(AT + 2 * S, tools=[call("read", AT + 2 * S)], model="low")
    top.idle(AT + 3 * S)
    if is_live:
        agent.once()
        assert "invoke_agent explore" not in {span.name for span in receiver.spans()}, "it goes on"
    child.answer(AT + 9 * S, model="low2")
    child.idle(AT + 11 * S)
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat top", "  execute_tool subagent", "    invoke_agent explore", "      chat low"),
        *("      execute_tool read", "      chat low2"),
    ]


@pytest.mark.parametrize("is_live", [False, True])
def test_each_turn_of_a_sub_agent_that_is_called_again_is_below_its_own_call(
    agent: Agent, family: Family, receiver: OtlpReceiver, is_live: bool
) -> None:
    """A call that goes on with a session names it while it runs. Both calls can be in one message."""
    top, child = family.top, family.child(1, AT + S + 50)
    first = subagent(AT + S, 2 * S, child=child.of, id_="call_1")
    again = subagent(AT + 4 * S, None, resumes=child.of, id_="call_2")
    top.prompt(AT)
    calling = top.answer(AT + S, None, tools=[first, again], model="top")
    work(child, AT + S + 60, "first")
    work(child, AT + 4 * S + 60, "second")
    if is_live:
        agent.once()
    again = subagent(AT + 4 * S, 2 * S, child=child.of, resumes=child.of, id_="call_2")
    top.answer(AT + S, 6 * S, tools=[first, again], model="top", id_=calling)
    top.idle(AT + 8 * S)
    agent.once()
    assert parents(receiver) == {"top": "", "first": "call_1", "second": "call_2"}
    assert drawn(receiver)


@pytest.mark.parametrize(
    ("prompts", "below"),
    [
        (("look left", "look right"), {"one": "call_2", "two": "call_1"}),
        (("look", "look"), {"one": "call_1", "two": "call_2"}),
    ],
    ids=["by their prompts", "in the order of their begin"],
)
def test_several_running_calls_with_the_same_description_are_told_apart(
    agent: Agent, family: Family, receiver: OtlpReceiver, prompts: tuple[str, str], below: dict[str, str]
) -> None:
    """The session of the second call can begin before that of the first. SQLite compares the prompts."""
    top = family.top
    top.prompt(AT)
    running = [
        subagent(AT + S + 20 * number, None, id_=f"call_{number}", prompt=prompt)
        for number, prompt in zip((1, 2), reversed(prompts), strict=True)
    ]
    shell = call("shell", AT + S, None, id_="call_3")
    calling = top.answer(AT + S, None, tools=[shell, *running], model="top")
    for number, (model, prompt) in enumerate(zip(("one", "two"), prompts, strict=True)):
        work(family.child(number, AT + S + 100 + number), AT + S + 110 + number, model, prompt)
    agent.once()
    done = [{**each, "state": {**each["state"], "status": "completed"}} for each in running]
    top.answer(AT + S, 4 * S, tools=[shell, *done], model="top", id_=calling)
    top.idle(AT + 6 * S)
    agent.once()
    assert parents(receiver) == {"top": "", **below}
    assert traces(receiver) == 1


@pytest.mark.parametrize(
    "state",
    [
        {"status": "error", "error": {"type": "tool.execution", "message": "Subagent failed (sessionID: ses_child1)"}},
        {"status": "completed", "structured": {"sessionID": "ses_child1", "status": "completed"}, "metadata": None},
        {"status": "completed", "metadata": {"sessionID": "ses_child1", "status": "completed"}},
        {"status": "error", "error": {"type": "aborted", "message": "broken off"}, "metadata": {}},
    ],
    ids=["error", "beta", "2.0", "aborted"],
)
@pytest.mark.parametrize("characters", [10, 100_000])
def test_a_call_names_its_session_in_the_way_of_its_release(
    agent: Agent, family: Family, receiver: OtlpReceiver, state: dict[str, object], characters: int
) -> None:
    """Another call of the same message names another session. One that was broken off names none."""
    top, child, other = family.top, family.child(1, AT + S + 50), family.child(2, AT + S + 40, agent="general")
    found = subagent(AT + S, 3 * S)
    found["state"] |= {"metadata": {}, "padding": "x" * characters} | state
    top.prompt(AT)
    top.answer(AT + S, 4 * S, tools=[subagent(AT + S, 3 * S, id_="call_2", child=other.of, agent="general"), found])
    top.idle(AT + 6 * S)
    work(child, AT + S + 60, "low")
    work(other, AT + S + 70, "other")
    agent.once()
    assert parents(receiver) == {"glm-4.7": "", "low": "call_1", "other": "call_2"}


def test_an_imported_task_is_the_caller_of_its_session(agent: Agent, family: Family, receiver: OtlpReceiver) -> None:
    """The import keeps the name of the tool, and what 1.x recorded."""
    top, child = family.top, family.child(1, AT + S + 50)
    task = call("task", AT + S + 20, 3 * S, metadata={"sessionId": child.of.id, "model": {"modelID": "x"}})
    del task["time"]["ran"]
    top.prompt(AT)
    top.answer(AT + S, 4 * S, tools=[task], model="top")
    child.prompt(AT + S + 60)
    child.answer(AT + S + 100, model="low")
    family.database.execute("UPDATE session_v2 SET version = '1.18.33'")
    family.database.note_import(AT + 100 * S)
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="60")
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat top", "  execute_tool task", "    invoke_agent explore", "      chat low")
    ]


@pytest.mark.parametrize("is_live", [False, True])
def test_a_sub_agent_that_a_program_of_code_mode_calls_is_below_the_program(
    agent: Agent, family: Family, receiver: OtlpReceiver, is_live: bool
) -> None:
    top = family.top
    top.prompt(AT)
    calling = top.answer(AT + S, None, tools=[call("execute", AT + S + 10, None)], model="top")
    work(family.child(1, AT + S + 50), AT + S + 60, "low")
    if is_live:
        agent.once()
    inner = [{"tool": "subagent", "status": "completed"}]
    done = call("execute", AT + S + 10, 3 * S, metadata={"toolCalls": inner})
    top.answer(AT + S, 4 * S, tools=[done], model="top", id_=calling)
    top.idle(AT + 6 * S)
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat top", "  execute_tool execute", "    invoke_agent explore", "      chat low")
    ]
    assert receiver.by("opencode.tool.call.count", "gen_ai.tool.name") == {"execute": 1, "subagent": 1}


def test_a_sub_agent_whose_call_was_killed_is_below_no_span_that_never_comes(
    agent: Agent, family: Family, receiver: OtlpReceiver
) -> None:
    """The calling message has no usage yet, so it never counts. The earlier round of its turn does."""
    top = family.top
    top.prompt(AT)
    top.answer(AT + S, tools=[call("read", AT + S)], model="top")
    top.answer(AT + 3 * S, None, tools=[subagent(AT + 3 * S, None)], model="killed")
    work(family.child(1, AT + 3 * S + 50), AT + 3 * S + 60, "low")
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="60")
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat top", "  execute_tool read", "  invoke_agent explore", "    chat low")
    ]


def test_a_sub_agent_is_freed_if_its_call_is_killed_after_its_turn_was_sent(
    agent: Agent, family: Family, receiver: OtlpReceiver
) -> None:
    """Its span is sent once more, with the same id and without a parent."""
    top = family.top
    top.prompt(AT)
    top.answer(AT + 3 * S, None, tools=[subagent(AT + 3 * S, None)], model="killed")
    work(family.child(1, AT + 3 * S + 50), AT + 3 * S + 60, "low")
    agent.once()
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="60")
    first, last = (span for span in receiver.spans() if span.name == "invoke_agent explore")
    assert first.span_id == last.span_id
    assert first.parent_span_id
    assert last.parent_span_id == ""
    agent.once(OTEL_AGENT_KILLED_GRACE_SECONDS="60")
    assert len(receiver.spans()) == 3, "it is not sent again and again"


def test_a_sub_agent_without_idle_row_ends_with_its_call(agent: Agent, family: Family, receiver: OtlpReceiver) -> None:
    """Whoever waited for it went on."""
    top, child = family.top, family.child(1, AT + S + 50)
    top.prompt(AT)
    top.answer(AT + S, 4 * S, tools=[subagent(AT + S, 3 * S, child=child.of)], model="top")
    top.idle(AT + 6 * S)
    begin(child, AT + S + 60)
    child.answer(AT + S + 100, model="low")
    agent.once()
    assert drawn(receiver) == [
        *("invoke_agent build", "  chat top", "  execute_tool subagent", "    invoke_agent explore", "      chat low")
    ]
