"""New text with an old tail that happens to be valid JSON never fixes what a message is booked to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from otel_agent.intake.catch_up import opened
from otel_agent.intake.settled import run_settled
from otel_agent.ledger.queries import open_to_read
from otel_agent.settings import Settings
from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import JsonTree, Tokens, as_file, message, session
from tests.support.otlp_receiver import OtlpReceiver

USED = Tokens(1200, 80, 20, 400, 10)
WHOLE = message(session(), USED)
NEW = as_file(WHOLE.document())
MIXED = NEW.replace(b'"glm-4.7"', b'"glm"    ')
"""The first half of the new text, and then a tail of the old one in which the name of the model ends sooner."""


@pytest.fixture
def file(tree: JsonTree) -> Path:
    """The path of a message whose session is there."""
    tree.put_turn(WHOLE)
    return tree.path(WHOLE)


class After:
    """A clock that stands a moment after the last writing of a file."""

    def __init__(self, file: Path) -> None:
        self.restart(file, 10_000_000)

    def restart(self, file: Path, later_ns: int) -> None:
        self.now_ns = file.stat().st_mtime_ns + later_ns

    def __call__(self) -> int:
        return self.now_ns


def settings(agent: Agent) -> Settings:
    return Settings(state_dir=agent.state_dir, data_dirs=(agent.data_dir,))


def test_a_mixture_of_two_texts_does_not_count(agent: Agent, file: Path) -> None:
    file.write_bytes(MIXED)
    clock = After(file)
    with opened(settings(agent), now_ns=clock) as parts:
        assert parts.ingest.run(sweep=True).messages == 0
        file.write_bytes(NEW)
        clock.restart(file, 200_000_000)
        assert parts.ingest.run(changed_paths=frozenset()).messages == 1, "without a hint"
    with open_to_read(agent.state_dir) as ledger:
        assert ledger is not None
        models = [row[0] for row in ledger._database.execute("SELECT model FROM whole_message")]
    assert models == [WHOLE.model]


def test_a_session_whose_file_changed_a_moment_before_is_waited_for(agent: Agent, tree: JsonTree, file: Path) -> None:
    """It decides for ever whose the messages are."""
    of = WHOLE.session
    tree.path(of).write_bytes(as_file(replace(of, parent="ses_half_a_parent").document()))
    clock = After(tree.path(of))
    with opened(settings(agent), now_ns=clock) as parts:
        assert parts.ingest.run(sweep=True).settling == 1
        clock.restart(tree.path(of), 200_000_000)
        assert parts.ingest.run(changed_paths=frozenset({str(file)})).messages == 1


def test_one_run_waits_for_what_was_just_written(agent: Agent, file: Path, arrived: Arrived) -> None:
    file.write_bytes(NEW)
    agent.once()
    assert arrived.holds(tokens=USED, messages=1)


def test_a_file_that_is_written_on_and_on_is_left_for_the_next_run(agent: Agent, file: Path) -> None:
    pauses: list[float] = []

    def write_again(seconds: float) -> None:
        pauses.append(seconds)
        file.write_bytes(NEW)
        clock.restart(file, 10_000_000)

    file.write_bytes(NEW)
    clock = After(file)
    with opened(settings(agent), now_ns=clock) as parts:
        read = run_settled(parts.ingest, sweep=True, pause=write_again)
    assert (read.messages, read.settling, len(pauses)) == (0, 1, 5)


def test_a_run_says_that_it_counted_what_it_waited_for(agent: Agent, file: Path) -> None:
    file.write_bytes(NEW)
    clock = After(file)
    with opened(settings(agent), now_ns=clock) as parts:
        read = run_settled(parts.ingest, sweep=True, pause=lambda _: clock.restart(file, 200_000_000))
    assert (read.messages, read.settling) == (1, 0)


def test_a_message_that_is_in_flight_is_read_at_once(agent: Agent, file: Path) -> None:
    """Nothing of it counts yet, and its next text replaces it."""
    file.write_bytes(as_file(replace(WHOLE, completed=None, finish=None).document()))
    with opened(settings(agent), now_ns=After(file)) as parts:
        assert parts.ingest.run(sweep=True).settling == 0


def test_a_resident_agent_counts_what_settled_without_another_hint(
    agent: Agent, receiver: OtlpReceiver, tree: JsonTree
) -> None:
    with agent.process("run", OTEL_AGENT_RESCAN_INTERVAL_SECONDS="3600") as run:
        run.wait_for_log("no OpenCode data yet")
        tree.put(WHOLE.session.project, WHOLE.session)
        path = tree.path(WHOLE)
        path.parent.mkdir(parents=True)
        path.write_bytes(MIXED)
        path.write_bytes(NEW)
        receiver.wait_for(lambda r: bool(r.chats()), 20)
        run.stop()
    assert {span.attributes["gen_ai.request.model"] for span in receiver.chats()} == {WHOLE.model}
