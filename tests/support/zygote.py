"""Forks of a process that has imported the agent already (`tests.support.agent_zygote`)."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import subprocess
import sys
from typing import Any

from tests.support.paths import ROOT

DEADLINE_S = 60.0
"""A command that takes longer counts as hanging. Seconds, generous for a slow and busy machine."""


def forked(order: dict[str, Any]) -> int:
    """Run the command that an order describes (`tests.support.agent_zygote.Order`), and return its exit code."""
    return _zygote().run(json.dumps(order).encode() + b"\n")


class Zygote:
    """The process that forks the runs. There is one for a whole test session."""

    def __init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENCODE"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.agent_zygote"],
            cwd=ROOT,
            env=inherited | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, order: bytes) -> int:
        """Run an order and return its exit code. A run beyond the deadline is killed, together with this process."""
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        orders.write(order)
        orders.flush()
        ready, _, _ = select.select([answers], [], [], DEADLINE_S)
        if not ready:
            # A late answer would be read as the next run's, so the next run gets a new zygote.
            self.close()
            _zygote.cache_clear()
            raise AssertionError(f"the agent did not end within {DEADLINE_S} s")
        return int(answers.readline())

    def close(self) -> None:
        """Kill the process and all that it forked."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
        self._process.communicate()


@functools.cache
def _zygote() -> Zygote:
    zygote = Zygote()
    atexit.register(zygote.close)
    return zygote
