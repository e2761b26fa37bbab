"""An agent that file modes bind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.otlp_receiver import OtlpReceiver

NOBODY = 65_534
"""The unprivileged user of Debian, as of every other Linux."""


@pytest.fixture
def public(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Agent]:
    """An agent that file modes bind: run as the tests' own user, or, where that is root, as nobody."""
    if os.getuid() != 0:
        yield Agent(tmp_path, receiver.endpoint)
        return
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        home.chmod(0o777)
        public = Agent(home, receiver.endpoint, uid=NOBODY)
        yield public
