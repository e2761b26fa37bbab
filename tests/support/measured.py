"""`make coverage` measures the processes that tests start, too."""

from __future__ import annotations

import os
from typing import Final

_CONFIG: Final = "COVERAGE_PROCESS_CONFIG"
"""Coverage sets it for its child processes. An interpreter that finds it begins to measure at once."""


def measured() -> dict[str, str]:
    """Return the variable that makes a process be measured; nothing in an ordinary run.

    Environments of tests are made from nothing, so that no setting of this shell gets into them. This one has to.
    """
    return {_CONFIG: os.environ[_CONFIG]} if _CONFIG in os.environ else {}
