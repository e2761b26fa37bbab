"""A resident agent beside OpenCode 2.x, which writes its rows one by one while a turn goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.agent.resident import AT_ONCE_S, BRISK
from tests.support.agent import Agent
from tests.support.drawn_traces import drawn
from tests.support.made_stores import DatabaseV2, Session, session
from tests.support.made_stores.rows_of_2_x import Rows, S, call, subagent
from tests.support.otlp_receiver import OtlpReceiver

SPANS = [
    *("invoke_agent build", "  chat one", "  execute_tool shell", "  execute_tool subagent"),
    *("    invoke_agent explore", "      chat low", "  chat two"),
]


def arrived(*names: str) -> Callable[[OtlpReceiver], bool]:
    """Return a question for `wait_for`: are the spans that arrived exactly these?"""
    return lambda receiver: sorted({span.span_id: span.name for span in receiver.spans()}.values()) == sorted(names)


class Turn:
    """A turn with two tools at once, one of them a sub-agent, step by step as OpenCode writes it."""

    def __init__(self, agent: Agent) -> None:
        self.at = time.time_ns() // 1_000_000 - 10 * S
        self.database = DatabaseV2(agent.data_dir / "opencode.db").create()
        self.top = Rows(self.database, session(self.at - S, version="2.0.17"))
        self._message = ""

    def asked(self) -> None:
        """The model is asked: its row is there before anything came out."""
        self.top.prompt(self.at)
        self._message = self.top.answer(self.at + 1, None, model="one")

    def at_work(self) -> None:
        """The answer has streamed, and its tools run. The row has no usage yet."""
        tools = [call("shell", self.at + 100, None), subagent(self.at + 110, None, id_="call_2")]
        self.top.answer(self.at + 1, None, model="one", tools=tools, id_=self._message)

    def sub_agent(self) -> None:
        """The sub-agent has its whole turn."""
        born = Session(
            id="ses_child", parent=self.top.of.id, created=self.at + 200, version="2.0.17", title="Look around"
        )
        child = Rows(self.database, born, "explore")
        child.prompt(self.at + 210, "You are a subagent spawned by another session.\nlook")
        child.answer(self.at + 300, model="low")
        child.idle(self.at + 1_400)

    def tools_done(self) -> None:
        """The tools are done, so the message is complete."""
        child = Session(id="ses_child")
        tools = [call("shell", self.at + 100), subagent(self.at + 110, 2 * S, id_="call_2", child=child)]
        self.top.answer(self.at + 1, 3 * S, model="one", tools=tools, id_=self._message)

    def answered(self) -> None:
        """The model answers and stops; the turn still goes on."""
        self.top.answer(self.at + 4 * S, model="two")

    def over(self) -> None:
        """The session is at rest."""
        self.top.idle(self.at + 6 * S)


@pytest.mark.parametrize("dies", [False, True], ids=["runs on", "is killed and restarted"])
def test_a_turn_is_sent_when_its_idle_row_is_written(agent: Agent, receiver: OtlpReceiver, dies: bool) -> None:
    turn = Turn(agent)
    turn.asked()
    with agent.process("run", **BRISK) as run:
        run.wait_for_log(" in 1 store")
        turn.at_work()
        turn.sub_agent()
        early = ("invoke_agent explore", "chat low")
        receiver.wait_for(arrived(*early), AT_ONCE_S)
        if dies:
            run.send(signal.SIGKILL)
            run.wait()
        else:
            go_on(turn, receiver, early)
            run.stop()
    if dies:
        turn.tools_done()
        with agent.process("run", **BRISK) as run:
            run.wait_for_log(" in 1 store")
            go_on(turn, receiver, early)
            run.stop()
    assert drawn(receiver, killed=dies) == SPANS
    assert receiver.total("opencode.tool.call.count") == 2


def go_on(turn: Turn, receiver: OtlpReceiver, early: tuple[str, ...]) -> None:
    turn.tools_done()
    tools = ("chat one", "execute_tool shell", "execute_tool subagent")
    receiver.wait_for(arrived(*early, *tools), AT_ONCE_S)
    turn.answered()
    receiver.wait_for(arrived(*early, *tools, "chat two"), AT_ONCE_S)
    turn.over()
    receiver.wait_for(arrived(*early, *tools, "chat two", "invoke_agent build"), AT_ONCE_S)
