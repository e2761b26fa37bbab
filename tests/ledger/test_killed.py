"""An agent killed at any moment and started again loses nothing, counts nothing twice and restarts no series."""

from __future__ import annotations

import random
import signal
import subprocess

import pytest

from tests.support.agent import Agent, Process
from tests.support.exported import Exported
from tests.support.ledger_files import USED, WINDOWS
from tests.support.made_stores import T0, Database, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, accept, drop, hang
from tests.support.otlp_receiver.wire import Signal

DATABASES, EACH = 5, 150
MESSAGES = (DATABASES + 1) * EACH
"""Enough for several transactions, and for more than one request of spans."""
TOTAL = Tokens(*(MESSAGES * kind for kind in USED))
IMPORTED = """
import sys, otel_agent.agent.assemble, otel_agent.delivery.otlp_http
print("imported", file=sys.stderr, flush=True)
"""
"""Marks the end of the imports: what follows is the work itself."""
WORK_S = 0.4
"""The work below takes about as long."""
WITHIN_THE_FIRST_PAGE = """
import resource, signal, sys
sys.dont_write_bytecode = True
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
"""
"""The kernel ends the process when a file grows beyond its limit: more than an empty journal, less than a page."""


@pytest.fixture
def history(agent: Agent) -> None:
    tree = JsonTree(agent.data_dir)
    for number in range(DATABASES + 1):
        of = session(T0 - 500 + number)
        records = [message(of, USED, T0 + 60_000 * (EACH * number + each)) for each in range(EACH)]
        if number == 0:
            tree.put(of.project, of, *records)
            continue
        database = Database(agent.data_dir / f"opencode-{number}.db").create()
        with database.connection() as connection:
            database.put_through(connection, of.project, of, *records)


def killed_after(run: Process, seconds: float) -> None:
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        assert run.stop(signal.SIGKILL).returncode in (-signal.SIGKILL, 0)  # 0: it ended just before


def assert_exact(receiver: OtlpReceiver) -> None:
    exported = Exported(receiver)
    assert exported.holds(tokens=TOTAL, messages=MESSAGES, spans=MESSAGES)
    assert {len(starts) for starts in exported.starts().values()} == {1}
    assert exported.never_fell()


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("seed", range(8))
def test_an_agent_killed_at_a_random_moment_loses_and_doubles_nothing(
    agent: Agent, receiver: OtlpReceiver, seed: int
) -> None:
    """It is killed three times in a row, then left alone; one more run sees that nothing is left to do."""
    moments = random.Random(seed)
    for _ in range(3):
        with agent.process("run", "--once", prelude=IMPORTED) as run:
            run.wait_for_log("imported")
            killed_after(run, moments.uniform(0, WORK_S))
    agent.once()
    assert_exact(receiver)
    sent = len(receiver.chats())
    agent.once()
    assert_exact(receiver)
    assert len(receiver.chats()) == sent


@pytest.mark.skipif(WINDOWS, reason="resource limits are POSIX")
@pytest.mark.usefixtures("history")
def test_an_agent_killed_while_it_begins_the_ledger_loses_nothing(agent: Agent, receiver: OtlpReceiver) -> None:
    """That write alone is not in a WAL: it has to be undone before a process that only reads can open the file."""
    with agent.process("run", "--once", prelude=WITHIN_THE_FIRST_PAGE) as run:
        assert run.wait().returncode == -signal.SIGXFSZ
    assert {"ledger.db", "ledger.db-journal"} <= {path.name for path in agent.state_dir.iterdir()}
    agent.once()
    assert_exact(receiver)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("signal_", "request_"), [("traces", 1), ("traces", 2), ("metrics", 1)])
def test_an_agent_killed_before_the_answer_sends_the_same_points_and_spans_again(
    agent: Agent, receiver: OtlpReceiver, signal_: Signal, request_: int
) -> None:
    """The backend has the request and never answers. The same spans and points are sent to it again."""
    receiver.behave(*[accept()] * (request_ - 1), hang(accepted=True), signal=signal_)
    with agent.process("run", "--once") as run:
        receiver.wait_for(lambda r: any(each.behaviour == "hang" for each in r.requests), 30)
        assert run.stop(signal.SIGKILL).returncode == -signal.SIGKILL
    agent.once()
    assert_exact(receiver)


@pytest.mark.usefixtures("history")
def test_a_connection_that_breaks_after_the_request_doubles_nothing(agent: Agent, receiver: OtlpReceiver) -> None:
    receiver.behave(drop(), drop(), signal="traces")
    receiver.behave(drop(), signal="metrics")
    agent.once()
    assert len(receiver.chats()) > MESSAGES
    assert_exact(receiver)
