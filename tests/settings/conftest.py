"""A shell without any setting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no variable set, and no file in the home."""
    for name in list(os.environ):
        if name.upper().startswith(("OTEL_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The user's own settings file, not written yet."""
    path = tmp_path / ".config" / "otel-agent" / "otel-agent.toml"
    path.parent.mkdir(parents=True)
    return path
