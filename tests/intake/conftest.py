"""What tests of a pass share: settings of a home of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    return Settings(state_dir=tmp_path / "state")
