"""The row ``idle`` of 2.x ends a turn with its last call, which may be a compaction that is not complete yet."""

from __future__ import annotations

from tests.end_to_end.turns import NOW
from tests.support.agent import Agent
from tests.support.drawn_traces import drawn
from tests.support.made_stores import DatabaseV2, session
from tests.support.made_stores.rows_of_2_x import USED, Rows, S
from tests.support.otlp_receiver import OtlpReceiver

AT = NOW - 300 * S
"""Some minutes ago: within the grace period of a turn that nothing ends."""


def test_a_turn_that_ends_with_a_compaction_is_sent_once_that_is_complete(agent: Agent, receiver: OtlpReceiver) -> None:
    """OpenCode writes both while we read: the row ``idle`` can be seen before the end of the compaction."""
    database = DatabaseV2(agent.data_dir / "opencode.db").create()
    rows = Rows(database, session(AT - S, version="2.0.17"))
    rows.prompt(AT)
    rows.answer(AT + S, model="a")
    last = rows.put("compaction", AT + 3 * S, {"status": "running", "reason": "auto"})
    rows.idle(AT + 5 * S)
    agent.once()
    assert [span.name for span in receiver.spans()] == ["chat a"]
    used = {"tokens": USED.document(), "cost": 0, "model": {"id": "glm-4.7", "providerID": "zai"}}
    complete = {"status": "completed", "reason": "auto", **used}
    rows.put("compaction", AT + 3 * S, complete, updated=AT + 4 * S, id_=last)
    agent.once()
    assert drawn(receiver)[1:] == ["  chat a", "  chat glm-4.7"]
    (turn,) = [span for span in receiver.spans() if span.name.startswith("invoke_agent")]
    assert (turn.end_ns - turn.start_ns) / 1e9 == 4


def test_a_turn_of_a_fork_does_not_last_since_the_prompt_of_its_original(agent: Agent, receiver: OtlpReceiver) -> None:
    """What was copied into the fork is read before its own turn is written."""
    database = DatabaseV2(agent.data_dir / "opencode.db").create()
    rows = Rows(database, session(AT - S, version="2.0.17"))
    rows.prompt(AT)
    rows.answer(AT + S, model="a")
    fork = Rows(database, session(AT + 30 * S, 2, version="2.0.17", fork_of=rows.of.id))
    fork.put("user", AT, {"text": "fix it"})
    fork.answer(AT + S, model="a")
    database.execute("UPDATE session_message SET id = 'msg_5f0c2b6a93d1_' || seq WHERE session_id = ?", fork.of.id)
    rows.idle(AT + 5 * S)
    agent.once()
    fork.prompt(AT + 31 * S)
    fork.answer(AT + 32 * S, model="b")
    fork.idle(AT + 34 * S)
    agent.once()
    assert drawn(receiver) == ["invoke_agent build", "  chat a", "invoke_agent build", "  chat b"]
    turns = [span for span in receiver.spans() if span.name == "invoke_agent build"]
    assert sorted((turn.end_ns - turn.start_ns) / 1e9 for turn in turns) == [2, 2]
