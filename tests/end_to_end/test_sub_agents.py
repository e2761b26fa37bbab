"""The turn of a sub-agent is in the trace of the call that began it, in whichever order the two are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.end_to_end.turns import NOW, S, Store, answer, asked, named, put
from tests.support.agent import Agent
from tests.support.made_stores import Database, JsonTree, Message, Part, Session, in_flight, part_id, session, tool
from tests.support.otlp_receiver import OtlpReceiver, SpanRow


@pytest.fixture(params=["tree", "database"])
def store(request: pytest.FixtureRequest, agent: Agent) -> Store:
    if request.param == "tree":
        return JsonTree(agent.data_dir)
    return Database(agent.data_dir / "opencode.db").create()


def test_a_sub_agent_that_counts_before_its_call_completes_is_in_the_callers_trace(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    """The calling message goes on for as long as the sub-agent works. Two levels deep."""
    top, middle, low = session(NOW - S), session(NOW + 400, 2), session(NOW + 900, 3)
    middle, low = replace(middle, parent=top.id), replace(low, parent=middle.id)
    question = asked(top, NOW)
    calling = answer(question, NOW + 200, 9 * S, finish="tool-calls", model="top")
    q_middle = asked(middle, NOW + 500, 2)
    calling_middle = answer(q_middle, NOW + 600, 5 * S, finish="tool-calls", model="middle", agent="general", counter=2)
    q_low = asked(low, NOW + 1_000, 3)
    deep = answer(q_low, NOW + 1_100, model="low", agent="explore", counter=3)

    def task(of: Message, child: Session, at: int, **fields: object) -> Part:
        return tool(of, "task", at=at, metadata={"sessionId": child.id}, **fields)  # type: ignore[arg-type]

    running = {"status": "running", "took": None}
    put(store, top, question, in_flight(calling), task(calling, middle, NOW + 350, **running))
    put(store, middle, q_middle, in_flight(calling_middle), task(calling_middle, low, NOW + 850, **running))
    put(store, low, q_low, deep)
    agent.once()
    early = named(receiver)
    assert set(early) == {"chat low", "invoke_agent explore"}

    put(store, middle, calling_middle, task(calling_middle, low, NOW + 850, took=3 * S))
    done_middle = answer(q_middle, NOW + 6 * S, model="middle-2", agent="general", counter=22)
    put(store, middle, done_middle)
    put(store, top, calling, task(calling, middle, NOW + 350, took=7 * S))
    put(store, top, answer(question, NOW + 10 * S, model="top-2", counter=11))
    agent.once()

    spans = {span.name + str(span.attributes.get("session.id")): span for span in receiver.spans()}

    def span(name: str, of: Session) -> SpanRow:
        return spans[name + of.id]

    assert len({each.trace_id for each in receiver.spans()}) == 1
    assert span("invoke_agent build", top).parent_span_id == ""
    assert span("invoke_agent general", middle).parent_span_id == span("execute_tool task", top).span_id
    assert span("invoke_agent explore", low).parent_span_id == span("execute_tool task", middle).span_id
    assert span("chat low", low).parent_span_id == span("invoke_agent explore", low).span_id
    assert span("invoke_agent explore", low).attributes["opencode.session.parent.id"] == middle.id
    assert receiver.by("opencode.tool.call.count", "gen_ai.tool.name") == {"task": 2}


def test_each_turn_of_a_session_that_is_called_again_is_below_its_own_call(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    """Each of its turns has its own call as parent."""
    top = session(NOW - S)
    helper = replace(session(NOW + 400, 2), parent=top.id)
    question = asked(top, NOW)
    one = answer(question, NOW + 200, 5 * S, finish="tool-calls")
    other = answer(question, NOW + 6 * S, 5 * S, finish="tool-calls", counter=2)
    called = {"metadata": {"sessionId": helper.id}}
    put(store, top, question, one, other)
    put(store, top, tool(one, "task", 5, at=NOW + 350, **called), tool(other, "task", 6, at=NOW + 7 * S, **called))  # type: ignore[arg-type]
    q1, q2 = asked(helper, NOW + 500, 2), asked(helper, NOW + 7_100, 3)
    put(store, helper, q1, q2, answer(q1, NOW + 600, agent="one"), answer(q2, NOW + 7_200, agent="other", counter=3))
    agent.once()
    spans = receiver.spans()
    by_start = {span.start_ns: span.span_id for span in spans if span.name == "execute_tool task"}
    parents = {span.name: span.parent_span_id for span in spans}
    assert parents["invoke_agent one"] == by_start[(NOW + 350) * 10**6]
    assert parents["invoke_agent other"] == by_start[(NOW + 7 * S) * 10**6]


def test_a_call_whose_start_is_rewritten_is_still_the_caller(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    """1.1 does so for as long as the sub-agent works: the call seems to begin after the turn that it began."""
    top = session(NOW - S)
    helper = replace(session(NOW + 400, 2), parent=top.id)
    question = asked(top, NOW)
    calling = answer(question, NOW + 200, 30 * S, finish="tool-calls")
    late = tool(calling, "task", at=NOW + 25 * S, status="running", took=None, metadata={"sessionId": helper.id})
    put(store, top, question, in_flight(calling), late)
    asked_helper = asked(helper, NOW + 500, 2)
    put(store, helper, asked_helper, answer(asked_helper, NOW + 600, 24 * S, agent="explore", counter=2))
    agent.once()
    (turn,) = (span for span in receiver.spans() if span.name == "invoke_agent explore")
    put(store, top, calling)
    put(store, top, answer(question, NOW + 31 * S, counter=3))
    agent.once()
    (call,) = (span for span in receiver.spans() if span.name == "execute_tool task")
    assert turn.parent_span_id == call.span_id
    assert turn.trace_id == call.trace_id


def test_a_sub_agent_waits_for_the_next_pass_while_its_call_is_being_written(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    """A trace of its own would be wrong for ever; its message counts in the next pass."""
    top = session(NOW - S)
    helper = replace(session(NOW + 400, 2), parent=top.id)
    question, asked_helper = asked(top, NOW), asked(helper, NOW + 500, 2)
    calling = answer(question, NOW + 200, 30 * S, finish="tool-calls")
    task = tool(calling, "task", at=NOW + 350, status="running", took=None, metadata={"sessionId": helper.id})
    put(tree, top, question, in_flight(calling), task)
    put(tree, helper, asked_helper, answer(asked_helper, NOW + 600, agent="explore", counter=2))
    whole = tree.path(task).read_bytes()
    tree.put_bytes(task, whole[: len(whole) // 2])
    agent.once()
    assert receiver.total("opencode.message.count") == 0
    tree.put_bytes(task, whole)
    agent.once()
    put(tree, top, calling, answer(question, NOW + 31 * S, counter=3))
    agent.once()
    (turn,) = (span for span in receiver.spans() if span.name == "invoke_agent explore")
    (call,) = (span for span in receiver.spans() if span.name == "execute_tool task")
    assert turn.parent_span_id == call.span_id
    assert turn.trace_id == call.trace_id
    assert receiver.total("opencode.message.count") == 3


def test_a_sub_agent_whose_parent_is_gone_has_a_trace_of_its_own(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    helper = replace(session(NOW, 2), parent="ses_gone")
    question = asked(helper, NOW + 100)
    put(store, helper, question, answer(question, NOW + 200))
    agent.once()
    assert named(receiver)["invoke_agent build"].parent_span_id == ""


def asking(of: Message, counter: int, agent: str, at: int, made: int | None = None, **fields: object) -> Part:
    """A task's call with the input that says which sub-agent is to do what; its part was made at `made`."""
    part = tool(of, "task", counter, at=at, **fields)  # type: ignore[arg-type]
    part.body["state"]["input"] = {"description": "Look around", "prompt": "secret", "subagent_type": agent}
    return part if made is None else replace(part, id=part_id(made, counter))


def helper_of(parent: Session, agent: str, at: int, counter: int) -> Session:
    return replace(session(at, counter), parent=parent.id, title=f"Look around (@{agent} subagent)")


@pytest.mark.parametrize("behind", [0, 2_100])
def test_two_sub_agents_at_once_are_below_their_own_calls_though_these_name_them_only_at_their_end(
    agent: Agent, store: Store, receiver: OtlpReceiver, behind: int
) -> None:
    """As of 1.2 and 1.3 on a busy machine, which may also write a call 2 s after the turn that it began."""
    top = session(NOW - S)
    question = asked(top, NOW)
    calling = answer(question, NOW + 200, 20 * S, finish="tool-calls")
    helpers = {name: helper_of(top, name, NOW + 400 + n, 2 + n) for n, name in enumerate(["scout", "digger"])}
    numbers = dict(zip(helpers, (5, 6), strict=True))
    at_work = {"status": "running", "took": None}
    made = {name: NOW + 500 + behind + number for name, number in numbers.items()}
    put(store, top, question, in_flight(calling))
    put(store, top, *(asking(calling, numbers[each], each, made[each], made[each], **at_work) for each in helpers))
    for name, helper in helpers.items():
        q = asked(helper, NOW + 500, numbers[name])
        put(store, helper, q, answer(q, NOW + 600, 9 * S, agent=name, model=name, counter=numbers[name]))
    agent.once()
    for name, helper in helpers.items():
        named_at_last = {"metadata": {"sessionId": helper.id}, "took": 11 * S}
        put(store, top, asking(calling, numbers[name], name, made[name], made[name], **named_at_last))
    put(store, top, calling, answer(question, NOW + 21 * S, counter=3))
    agent.once()
    spans = receiver.spans()
    calls = {span.start_ns: span.span_id for span in spans if span.name == "execute_tool task"}
    parents = {span.name: span.parent_span_id for span in spans if span.name.startswith("invoke_agent")}
    assert parents == {
        "invoke_agent build": "",
        "invoke_agent scout": calls[made["scout"] * 10**6],
        "invoke_agent digger": calls[made["digger"] * 10**6],
    }
    assert len({span.trace_id for span in spans}) == 1


def test_a_running_call_of_another_sub_agent_is_not_the_caller(
    agent: Agent, store: Store, receiver: OtlpReceiver
) -> None:
    """The own call is not written yet: no call is better than a wrong one."""
    top = session(NOW - S)
    question = asked(top, NOW)
    calling = answer(question, NOW + 200, 20 * S, finish="tool-calls")
    helper = helper_of(top, "digger", NOW + 400, 2)
    q = asked(helper, NOW + 500, 2)
    put(store, top, question, in_flight(calling), asking(calling, 5, "scout", NOW + 300, status="running", took=None))
    put(store, helper, q, answer(q, NOW + 600, agent="digger", counter=2))
    agent.once()
    assert named(receiver)["invoke_agent digger"].parent_span_id == ""
