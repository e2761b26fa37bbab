"""An agent to which file permissions apply, even if the tests run as root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.agent import Agent

NOBODY: Final = 65_534
"""The unprivileged user of Debian and of every other Linux."""


@contextmanager
def public_agent(home: Path, endpoint: str) -> Iterator[Agent]:
    """Yield an agent of the tests' user. If that is root, it belongs to `nobody` and has a temporary folder instead."""
    if os.getuid() != 0:
        yield Agent(home, endpoint)
        return
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        home.chmod(0o777)
        agent = Agent(home, endpoint, uid=NOBODY)
        agent.state_dir.mkdir(mode=0o777)
        agent.state_dir.chmod(0o777)
        yield agent
