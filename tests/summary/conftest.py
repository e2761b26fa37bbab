"""A made-up machine, new for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.summary.made_machine import MadeMachine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeMachine:
    """Return a machine without stores, whose home and data folder are temporary."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    return MadeMachine(tmp_path / "data" / "opencode", tmp_path / "state")
