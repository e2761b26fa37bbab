"""A pass for those who make no other one soon: it waits for files that changed a moment before."""

import threading
from collections.abc import Callable
from typing import Final

from otel_agent.intake.ingest import Ingest, Pass

_WAIT_SECONDS: Final = 0.16
"""A little longer than it takes until a file can be believed (``SETTLED_NS``)."""
_NEVER: Final = threading.Event()
_TRIES: Final = 5
"""If OpenCode writes on and on, the rest is left for the next run."""


def run_settled(
    ingest: Ingest,
    *,
    sweep: bool = False,
    changed_paths: frozenset[str] | None = None,
    on_progress: Callable[[Pass], None] | None = None,
    pause: Callable[[float], object] = _NEVER.wait,
) -> Pass:
    """Make a pass, and look again at what was settling in it. Raises ``LedgerError`` as ``Ingest.run`` does.

    ``pause`` waits for so many seconds.
    """
    read = ingest.run(sweep=sweep, changed_paths=changed_paths, on_progress=on_progress)
    for _ in range(_TRIES):
        if not read.settling:
            break
        pause(_WAIT_SECONDS)
        # Without a hint only the folders are looked at in which something was left.
        again = ingest.run(changed_paths=frozenset())
        read.messages += again.messages
        read.looked_at += again.looked_at
        read.problems += again.problems
        read.settling = again.settling
    return read
