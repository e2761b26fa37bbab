"""Export intervals of any length: every total that exists arrives, and no new one waits longer than two intervals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.clockwork import ACCEPTED, AWAY, WALL_NS, Clockwork, clockwork
from tests.support.made_stores import JsonTree, Tokens, message, session

USED = Tokens(700, 50, 20, 300, 9)
EACH = sum(USED)
TOKENS = "opencode.token.usage"
READ_S = 33.0
"""The longest time until a message is read without a hint, if the interval is short."""
INTERVALS_S = [0.1, 60.0, 240.0, 300.0, 3_600.0, 7_200.0]


@pytest.fixture
def tree(tmp_path: Path) -> JsonTree:
    return JsonTree(tmp_path / "opencode")


def write(tree: JsonTree, driven: Clockwork | None, number: int, model: str = "opus") -> None:
    """Write one message that is completed now."""
    now_ms = (WALL_NS if driven is None else driven.clock.wall_ns()) // 10**6
    tree.put_turn(message(session(), USED, now_ms - 40_000, number, model=model))


def total(driven: Clockwork) -> float:
    """Return the tokens that the backend has now."""
    return driven.backend.values[TOKENS][-1][1]


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_what_is_counted_arrives_while_the_agent_runs(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, interval_s: float
) -> None:
    """New tokens of a known series come at the next interval, those of a new series one interval later."""
    write(tree, None, 0)
    with clockwork(tmp_path, monkeypatch, interval_s=interval_s) as driven:
        driven.run_for(2 * interval_s)
        assert total(driven) == EACH
        write(tree, driven, 1)
        driven.run_for(READ_S + 1.5 * interval_s)
        assert total(driven) == 2 * EACH, "a known series"
        write(tree, driven, 2, model="haiku")
        driven.run_for(READ_S + 2.5 * interval_s)
        assert total(driven) == 3 * EACH, "a new series"


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_requests_keep_the_interval(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, interval_s: float
) -> None:
    write(tree, None, 0)
    with clockwork(tmp_path, monkeypatch, interval_s=interval_s) as driven:
        driven.run_for(10 * interval_s)
        exports = {at for at, _ in driven.backend.values[TOKENS]}
        assert 10 <= len(exports) <= 11


@pytest.mark.parametrize("interval_s", [300.0, 3_600.0])
def test_a_long_interval_that_failed_is_made_good_before_it_is_over(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, interval_s: float
) -> None:
    write(tree, None, 0)
    with clockwork(tmp_path, monkeypatch, interval_s=interval_s) as driven:
        driven.backend.answer_both(AWAY)
        driven.step()
        driven.backend.answer_both(ACCEPTED)
        driven.run_for(6)
        assert total(driven) == EACH
