"""A machine to examine."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a shell in a scratch home."""
    return Shell(tmp_path)


@pytest.fixture
def refusing() -> Iterator[str]:
    """An address at which nothing listens, and nothing else can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"localhost:{held.getsockname()[1]}"
