"""Tool calls of the history, if a running agent has the ledger: it reads them, and a summary waits for it."""

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from otel_agent.ledger import calls_request
from otel_agent.ledger.answers import Scope
from otel_agent.ledger.queries import open_to_read
from otel_agent.settings import Settings

if TYPE_CHECKING:
    from otel_agent.intake.calls_of_history import OnCalls

_LOOK_SECONDS: Final = 0.25
_PATIENCE_SECONDS: Final = 10.0
"""An agent that reads nothing for so long has other work, such as a first look."""


def wait_for_agent(settings: Settings, on_calls: "OnCalls | None") -> None:
    """Ask the running agent to read these calls. Return once it has read all of them, or if it reads nothing for 10 s.

    The view says what is missing, so nothing is raised. Ctrl-C leaves the agent at its work.
    """
    total = left = _not_read(settings)
    if not left:
        return
    with suppress(OSError):
        calls_request.ask(settings.state_dir)
    moved = time.monotonic()
    pause = threading.Event()
    while calls_request.is_asked(settings.state_dir) and time.monotonic() - moved < _PATIENCE_SECONDS:
        pause.wait(_LOOK_SECONDS)
        now = _not_read(settings)
        if now != left:
            left, moved = now, time.monotonic()
        if on_calls is not None:
            on_calls(total - left, total)


def _not_read(settings: Settings) -> int:
    """Return how many messages there are whose calls nobody read; 0 if an older agent has the ledger."""
    with open_to_read(settings.state_dir) as ledger:
        return ledger.known_calls(Scope()).not_read if ledger is not None and ledger.keeps_calls else 0
