"""The agent remembers where OpenCode processes kept their data after they ended, and not for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_agent.intake.store_finder import StoreFinder
from otel_agent.ledger.writer import Ledger
from otel_agent.opencode.running import processes
from otel_agent.settings import Settings


def test_the_places_of_the_newest_hundred_processes_are_remembered(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is looked at in each pass, and a machine that runs tests makes a new one every minute."""
    settings = Settings(state_dir=tmp_path / "state")
    finder = StoreFinder(settings, ledger)
    for number in range(130):
        running = [{"XDG_DATA_HOME": f"/builds/{number}"}]
        monkeypatch.setattr(processes, "environments", lambda running=running: running)
        finder.learn()
    places = {str(path) for path in StoreFinder(settings, ledger).locations.paths}
    found = [number for number in range(130) if f"/builds/{number}/opencode" in places]
    assert found == list(range(30, 130))
