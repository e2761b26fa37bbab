"""The tokens that a real OpenCode's provider billed arrive at a real backend, each once.

The ground truth is the provider's bill (`tests.support.real_opencode.provider`), never a store or a report of OpenCode.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.desk import (
    IMPORTER,
    INK,
    JSON_TREE,
    QUILL,
    SQLITE,
    Desk,
    a_killed_turn,
    a_plain_turn,
    a_refused_turn,
    a_sub_agent,
    a_tool_round,
    answered,
    bash,
    chats,
    recorded_by_model,
    sessions,
    tokens_by_model,
)
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.real_opencode.billing import recorded
from tests.support.real_opencode.provider import Provider, Reply, Usage
from tests.support.real_opencode.serving import serving

pytestmark = pytest.mark.opencode


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Provider() as provider, OtlpReceiver() as receiver:
        yield Desk(tmp_path, provider, receiver)


@pytest.mark.parametrize("version", [JSON_TREE, SQLITE])
def test_every_kind_of_turn_arrives_as_billed_and_once(desk: Desk, version: str) -> None:
    opencode = desk.opencode(version)
    a_plain_turn(opencode, desk.provider)
    a_tool_round(opencode, desk.provider)
    a_sub_agent(opencode, desk.provider)
    a_refused_turn(opencode, desk.provider)
    a_killed_turn(opencode, desk.provider)

    desk.agent.once()

    bills = desk.provider.billed()
    assert len(bills) == 6
    assert tokens_by_model(desk.receiver) == recorded_by_model(version, bills)
    assert len(answered(desk.receiver)) == len(bills)
    assert desk.receiver.by("opencode.message.count", "opencode.message.outcome") == {"ok": 6, "error": 1}
    assert_another_run_changes_nothing(desk)


@pytest.mark.parametrize("version", [JSON_TREE, SQLITE])
def test_a_message_in_flight_counts_when_it_is_complete(desk: Desk, version: str) -> None:
    opencode = desk.opencode(version)
    gate = threading.Event()
    desk.provider.script(INK, Reply(Usage(prompt=900, cached=100, completion=80, reasoning=30), gate=gate))
    with opencode.start("Think it over.", model=INK) as turn:
        desk.provider.wait_for_requests(1)
        desk.agent.once()
        assert desk.receiver.total("opencode.token.usage") == 0
        assert chats(desk.receiver) == []
        gate.set()
        assert turn.wait().returncode == 0

    desk.agent.once()

    assert tokens_by_model(desk.receiver) == recorded_by_model(version, desk.provider.billed())
    assert len(chats(desk.receiver)) == 1


@pytest.mark.parametrize("version", [JSON_TREE, SQLITE])
def test_a_shell_line_and_a_subtask_wrapper_are_messages_but_no_model_calls(desk: Desk, version: str) -> None:
    opencode = desk.opencode(version)
    desk.provider.script(
        INK,
        Reply(Usage(prompt=900, cached=300, completion=40, reasoning=10)),
        Reply(Usage(prompt=800, completion=30)),
        Reply(Usage(prompt=1100, cached=400, completion=60)),
    )
    with serving(opencode, INK) as server:
        server.say("Good morning.")
        server.shell("echo hi")
        server.subtask("the door")

    desk.agent.once()

    bills = desk.provider.billed()
    assert tokens_by_model(desk.receiver) == recorded_by_model(version, bills)
    assert len(chats(desk.receiver)) == len(bills) == 3
    assert desk.receiver.by("opencode.message.count", "opencode.message.outcome") == {"ok": 5}


@pytest.mark.parametrize("version", [JSON_TREE, SQLITE])
def test_a_turn_in_a_worktree_that_opencode_made_belongs_to_the_repository(desk: Desk, version: str) -> None:
    opencode = desk.opencode(version)
    a_plain_turn(opencode, desk.provider)
    with serving(opencode, INK) as server:
        opencode.directory = server.worktree()
    a_plain_turn(opencode, desk.provider)

    desk.agent.once()

    assert desk.receiver.by("opencode.message.count", "opencode.project.name") == {"persona": 2}
    assert tokens_by_model(desk.receiver) == recorded_by_model(version, desk.provider.billed())


def test_a_fork_adds_its_own_turn_only(desk: Desk) -> None:
    opencode = desk.opencode(SQLITE)
    a_plain_turn(opencode, desk.provider)
    a_tool_round(opencode, desk.provider, continue_=True)
    desk.agent.once()
    (session,) = sessions(desk.receiver)

    desk.provider.script(QUILL, Reply(Usage(prompt=700, cached=640, completion=44, reasoning=4)))
    assert opencode.run("What if?", model=QUILL, session=session, fork=True).returncode == 0
    desk.agent.once()

    assert len(sessions(desk.receiver)) == 2
    assert tokens_by_model(desk.receiver) == recorded_by_model(SQLITE, desk.provider.billed())
    assert len(chats(desk.receiver)) == len(desk.provider.billed()) == 4
    assert_another_run_changes_nothing(desk)


def test_an_upgrade_that_imports_the_tree_counts_nothing_again(desk: Desk) -> None:
    """1.2.6 imports the tree into its database under the same ids and leaves the tree in place."""
    old = desk.opencode(JSON_TREE)
    a_plain_turn(old, desk.provider)
    a_tool_round(old, desk.provider)
    desk.agent.once()
    before = desk.provider.billed()

    new = desk.opencode(IMPORTER)
    a_plain_turn(new, desk.provider)
    a_tool_round(new, desk.provider, continue_=True)
    assert (new.data_dir / "opencode" / "opencode.db").exists()
    assert list((new.data_dir / "opencode" / "storage" / "message").glob("*/*.json"))
    desk.agent.once()

    truth = recorded_by_model(IMPORTER, desk.provider.billed())
    assert len(desk.provider.billed()) == 2 * len(before)
    assert tokens_by_model(desk.receiver) == truth
    assert len(chats(desk.receiver)) == len(desk.provider.billed())
    with OtlpReceiver() as receiver:
        desk.another_agent("newcomer", receiver).once()
        assert tokens_by_model(receiver) == truth


def test_reading_while_opencode_writes_never_counts_too_much_nor_too_little(desk: Desk) -> None:
    opencode = desk.opencode(SQLITE)
    rounds = [
        Reply(Usage(prompt=1000 + n, cached=10 * n, completion=50 + n, reasoning=n), tools=(bash(f"echo {n}"),))
        for n in range(12)
    ]
    desk.provider.script(INK, *rounds, Reply(Usage(prompt=2000, cached=900, completion=61, reasoning=1)))
    seen: list[int | float] = []
    with opencode.start("Count to twelve.", model=INK) as turn:
        while turn.running:
            desk.agent.once()
            seen.append(desk.receiver.total("opencode.token.usage"))
            assert seen[-1] <= sum(sum(recorded(SQLITE, [bill]).values()) for bill in desk.provider.billed())
        assert turn.wait().returncode == 0

    desk.agent.once()

    bills = desk.provider.billed()
    assert len(bills) == 13
    assert len(set(seen)) > 1, "every look came before or after the writing: there was no concurrency to test"
    assert seen == sorted(seen)
    assert tokens_by_model(desk.receiver) == recorded_by_model(SQLITE, bills)
    assert len(chats(desk.receiver)) == len(bills)


@pytest.mark.parametrize("version", [JSON_TREE, SQLITE])
def test_a_turn_is_a_trace_that_contains_its_sub_agents(desk: Desk, version: str) -> None:
    """For an agent that runs meanwhile, and for one that looks afterwards.

    The sub-agent's messages are complete, counted and delivered before the message that called it is.
    """
    opencode = desk.opencode(version)
    brisk = {"OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.2", "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "1"}
    with desk.agent.process("run", **brisk) as run:
        a_tool_round(opencode, desk.provider)
        a_sub_agent(opencode, desk.provider)
        desk.receiver.wait_for(lambda r: len({span.span_id for span in r.spans()}) >= 10, 60)
        run.stop()
    assert_two_whole_traces(desk.receiver)
    with OtlpReceiver() as receiver:
        desk.another_agent("late", receiver).once()
        assert_two_whole_traces(receiver)


def assert_two_whole_traces(receiver: OtlpReceiver) -> None:
    spans = {span.span_id: span for span in receiver.spans()}
    roots = [span for span in spans.values() if not span.parent_span_id]
    assert [span.name for span in roots] == ["invoke_agent build"] * 2
    below = {root.span_id: sorted(s.name for s in spans.values() if s.parent_span_id == root.span_id) for root in roots}
    assert sorted(below.values()) == [
        [f"chat {INK}", f"chat {INK}", "execute_tool task"],
        [f"chat {QUILL}", f"chat {QUILL}", "execute_tool bash"],
    ]
    (task,) = (span for span in spans.values() if span.name == "execute_tool task")
    (helper,) = (span for span in spans.values() if span.parent_span_id == task.span_id)
    assert helper.name == "invoke_agent general"
    assert helper.trace_id == task.trace_id
    assert [span.name for span in spans.values() if span.parent_span_id == helper.span_id] == [f"chat {INK}"]
    # 1.1 rewrites the call's start when the sub-agent has begun.
    assert task.start_ns - 10**9 <= helper.start_ns <= helper.end_ns <= task.end_ns
    assert len(spans) == 10
    assert receiver.by("opencode.tool.call.count", "gen_ai.tool.name") == {"bash": 1, "task": 1}
    assert set(receiver.by("opencode.tool.call.count", "opencode.tool.outcome")) == {"ok"}


def assert_another_run_changes_nothing(desk: Desk) -> None:
    spans, tokens = len(desk.receiver.chats()), tokens_by_model(desk.receiver)
    messages = desk.receiver.by("opencode.message.count", "opencode.message.outcome")
    desk.agent.once()
    assert len(desk.receiver.chats()) == spans
    assert tokens_by_model(desk.receiver) == tokens
    assert desk.receiver.by("opencode.message.count", "opencode.message.outcome") == messages
