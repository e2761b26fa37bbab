"""How Hypothesis chooses its examples: the same ones each time in CI, others in every run elsewhere.

A run elsewhere prints the seed that all its tests share. `make test ARGS="--hypothesis-seed=N"` repeats it.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, database=None, print_blob=True)
settings.register_profile("random", print_blob=True)


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
