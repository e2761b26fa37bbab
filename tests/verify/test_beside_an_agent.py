"""The command beside a running agent, which counts while the stores are recounted."""

from __future__ import annotations

import threading

import pytest

from tests.agent.resident import BRISK
from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.verify.verified import Verified, change_ledger

USED = Tokens(1200, 80, 20, 400, 10)
MOST_LOOKS = 100


def test_an_agent_that_is_counting_raises_no_alarm(agent: Agent, database: Database, receiver: OtlpReceiver) -> None:
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    written: list[int] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.02):
            number = len(written) + 2
            database.put_turn(message(of, USED, T0 + 60_000 * number, number % 4_000))
            written.append(number)

    with agent.process("run", **BRISK):
        receiver.wait_for(lambda r: r.total("opencode.message.count") >= 1, 30)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            found = [Verified(agent) for _ in range(4)]
            # However slow the disk is, some messages are to be written between two looks.
            while len(written) <= 10 and len(found) < MOST_LOOKS:
                found.append(Verified(agent))
        finally:
            stop.set()
            writer.join()
    assert len(written) > 10, "nothing happened meanwhile"
    for each in found:
        assert each.unexplained() == []
        assert each.explained().keys() <= {"unread", "just_counted", "pending", "unanswered"}
    counts = [each.report["ledger"]["messages"] for each in found]
    assert counts == sorted(counts)


def test_an_agent_that_does_not_count_is_found_out(agent: Agent, database: Database) -> None:
    """The message was complete long ago, and an agent is running: it must have been counted."""
    of = session(version="1.18.33")
    kept, lost = message(of, USED), message(of, Tokens(31, 7), T0 + 60_000)
    database.put_turn(kept, lost, updated=T0 + 100_000)
    with agent.process("run", **BRISK) as run:
        run.wait_for_log("counted 2 messages")
        change_ledger(agent, f"DELETE FROM message WHERE id = '{lost.id}'")
        found = Verified(agent)
    assert found.amount("missing") == (-1, Tokens(-31, -7))


@pytest.mark.parametrize("first", [True, False])
def test_a_first_pass_that_was_cut_short_raises_no_alarm(agent: Agent, database: Database, *, first: bool) -> None:
    of = session(version="1.18.33")
    database.put_turn(message(of, USED), message(of, Tokens(31, 7), T0 + 60_000), updated=T0)
    agent.once()
    missing = "SELECT max(number) FROM message"
    change_ledger(agent, f"DELETE FROM message WHERE number = ({missing})")
    if first:
        change_ledger(agent, "DELETE FROM meta WHERE key = 'swept_ms'")
    assert ("unread" in Verified(agent).explained()) == first
