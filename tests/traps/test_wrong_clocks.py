"""Clocks that were never set, or were years ahead when OpenCode or the agent wrote: everything counts, once."""

from __future__ import annotations

import os
import time
from pathlib import Path

from otel_agent.intake.catch_up import opened
from otel_agent.model import ProblemKind, ProblemPlace
from otel_agent.opencode import problem_files
from otel_agent.settings import Settings
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import JsonTree, Tokens, as_file, message, session

YEAR_S = 365 * 86_400
CLOCK_NEVER_SET = "import time\ntime.time_ns = lambda: 20_000_000_000\ntime.time = lambda: 20.0"


def test_totals_are_delivered_after_a_first_start_before_the_clock_was_set(
    agent: Agent, tree: JsonTree, arrived: Arrived
) -> None:
    tree.put_turn(message(session(), Tokens(5)))
    with agent.process("run", "--once", prelude=CLOCK_NEVER_SET) as run:
        assert run.wait().returncode == 0
    tree.put_turn(message(session(), Tokens(7), counter=2))
    agent.once()
    assert arrived.tokens().input == 12
    points = [each for each in arrived.receiver.points() if each.metric == "opencode.token.usage"]
    assert all(0 < point.start_ns < point.time_ns for point in points)


def in_the_future(path: Path) -> None:
    os.utime(path, (time.time() + YEAR_S, time.time() + YEAR_S))


def test_a_torn_session_file_of_the_future_holds_up_no_message(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """It seemed to be young, and so about to become whole, for a whole year."""
    of = session()
    tree.put_turn(message(of, Tokens(5)))
    in_the_future(tree.put_bytes(of, as_file(of.document())[:80]))
    agent.once()
    assert arrived.tokens().input == 5


def test_files_of_the_future_are_at_rest_like_any_others(agent: Agent, tree: JsonTree) -> None:
    """Otherwise each pass reads them again until their day comes."""
    whole = message(session(), Tokens(5))
    tree.put_turn(whole)
    in_the_future(tree.path(whole))
    in_the_future(tree.path(whole).parent)
    with opened(Settings(state_dir=agent.state_dir, data_dirs=(agent.data_dir,))) as parts:
        assert parts.ingest.run(sweep=True).looked_at == 1
        assert parts.ingest.run().looked_at == 0
        assert parts.ingest.run(sweep=True).looked_at == 0


def test_a_torn_file_whose_problem_was_noted_in_the_future_is_forgotten_once_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "msg_1.json"
    file.write_text("{}")
    now_ms = time.time_ns() // 1_000_000
    kind = ProblemKind.MALFORMED
    assert problem_files.changed([ProblemPlace(str(file), kind, now_ms + YEAR_S * 1_000)]) == [str(file)]
    assert problem_files.changed([ProblemPlace(str(file), kind, now_ms + 1_000)]) == []


def test_a_message_of_1970_with_an_older_question_is_delivered(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    """A span with a negative start cannot be encoded, and kept all others back."""
    asked = f"msg_{(2**36 - 1_000) * 4096:012x}" + "a" * 14
    early = message(session(), Tokens(5), 5_000, completed=6_000, parent=asked)
    tree.put_turn(early, message(session(), Tokens(7), counter=2))
    agent.once()
    assert arrived.tokens().input == 12
    assert all(0 < span.start_ns <= span.end_ns for span in arrived.receiver.spans())
