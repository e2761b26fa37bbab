"""The words in which settings are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.errors import SettingsError
from otel_agent.settings import load


def refusal(file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        load(file)
    return str(refused.value)
