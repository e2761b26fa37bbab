"""Real processes, killed at random moments before a receiver that lies: nothing is lost, doubled, or falls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.simulator.storm import WAYS, StormResult, Way, storm

KILLS, MESSAGES = 4, 300
"""For each of two ways. `make storm` has 200 kills and 20,000 messages."""


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
@pytest.mark.parametrize("way", WAYS[:2], ids=str)
def test_a_storm_loses_and_doubles_nothing(tmp_path: Path, way: Way) -> None:
    result = storm(tmp_path, way, seed=16, kills=KILLS, messages=MESSAGES)
    assert not result.is_wrong, str(result)
    assert result.messages == MESSAGES
    assert result.kills == KILLS


def test_an_outcome_says_what_is_wrong() -> None:
    fallen = StormResult(WAYS[0], 1, falls=1, notes=["opencode.message.count: fell from 2 to 1"])
    assert fallen.is_wrong
    assert "1 falls" in str(fallen)
    assert "fell from 2 to 1" in str(fallen)
    assert not StormResult(WAYS[0], 1, kills=3, messages=10).is_wrong
