"""An agent to which file permissions apply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agent import Agent
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.public_agent import public_agent


@pytest.fixture
def public(tmp_path: Path, receiver: OtlpReceiver) -> Iterator[Agent]:
    """Yield an agent that is not root's."""
    with public_agent(tmp_path, receiver.endpoint) as agent:
        yield agent
