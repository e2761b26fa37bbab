"""How often Python looks for unreachable objects. Records refer to nothing that refers to them: it finds hardly any."""

import gc

_NEW_CONTAINERS = 50_000
"""About 5 MB. By default Python looks after each 700."""


def collect_seldom() -> tuple[int, int, int]:
    """Let Python look seldom from now on, and return how often it looked before (``gc.set_threshold``)."""
    before = gc.get_threshold()
    gc.set_threshold(_NEW_CONTAINERS)
    return before
