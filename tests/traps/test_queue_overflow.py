"""More events than the kernel keeps for the agent: those that it drops lose no message."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.waiting import eventually

NOW = time.time_ns() // 1_000_000 - 600_000
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")


def fill(queue: int, folder: Path) -> None:
    """Write in turn to two files: the kernel joins events that are equal and follow each other."""
    files = [os.open(folder / f"{name}.tmp", os.O_WRONLY | os.O_CREAT) for name in "ab"]
    for number in range(queue + 100):
        os.write(files[number % 2], b".")
    for file in files:
        os.close(file)


@pytest.mark.skipif(sys.platform != "linux", reason="the queue is Linux's")
def test_a_message_whose_event_the_kernel_dropped_is_counted(agent: Agent, tree: JsonTree, arrived: Arrived) -> None:
    queue = int(QUEUE.read_text())
    if queue > 200_000:
        pytest.skip(f"the kernel keeps {queue:,} events here")
    first = message(session(NOW), Tokens(5), NOW)
    second = message(session(NOW, counter=7), Tokens(9), NOW + 1_000, counter=4)
    tree.put_turn(first, second)
    with agent.process("run", OTEL_METRIC_EXPORT_INTERVAL="500") as process:
        eventually(arrived.messages, 2)
        process.send(signal.SIGSTOP)
        fill(queue, tree.path(first).parent)
        tree.put_turn(message(second.session, Tokens(11), NOW + 9_000, counter=6))
        process.send(signal.SIGCONT)
        eventually(arrived.messages, 3)
