"""A machine to examine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a shell in a scratch home."""
    return Shell(tmp_path)
