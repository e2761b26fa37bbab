"""How Hypothesis chooses its examples: the same ones each time in CI, others in every run elsewhere.

A run elsewhere prints the seed that all its tests share. `make test ARGS="--hypothesis-seed=N"` repeats it.

``HYPOTHESIS_PROFILE=few`` is for a second run on another system: a fifth of the examples, and two cases of each test.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, database=None, print_blob=True)
settings.register_profile("few", derandomize=True, database=None, print_blob=True, max_examples=20)
settings.register_profile("random", print_blob=True)

FEW = os.environ.get("HYPOTHESIS_PROFILE") == "few"
_CASES = 2
"""A case more seldom shows another fault of the surroundings than the first ones."""


def choose(config: pytest.Config) -> None:
    """Load the profile, and draw a seed if the person who runs the tests named none."""
    usual = "ci" if os.environ.get("CI") == "true" else "random"
    profile = os.environ.get("HYPOTHESIS_PROFILE", usual)
    settings.load_profile(profile)
    # Hypothesis' own plugin reads the option after this, and pytest-xdist hands it on to its workers.
    if profile == "random" and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(random.randrange(2**32))


def seed_line(config: pytest.Config) -> str:
    """Return the line that says how to have the same examples again."""
    seed = config.option.hypothesis_seed
    return f"hypothesis: --hypothesis-seed={seed} repeats these examples" if seed else "hypothesis: derandomized"


def examples(number: int) -> int:
    """Return how many examples a test tries that usually tries so many."""
    return max(number // 5, 1) if FEW else number


def few_cases(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out all but the first cases of each test, if few are wanted."""
    if not FEW:
        return
    met: Counter[str] = Counter()
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        test = item.nodeid.partition("[")[0]
        (kept if met[test] < _CASES else left).append(item)
        met[test] += 1
    config.hook.pytest_deselected(items=left)
    items[:] = kept
