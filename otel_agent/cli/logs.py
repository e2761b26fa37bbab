"""The log: lines on standard error, each about something that a person can act on."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Final

_TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"
_BURST: Final = 10
_INTERVAL_SECONDS: Final = 60.0
"""Let through this many lines from one place in the program per so many seconds."""


def set_up(level: str, form: str, *, quiet: bool) -> None:
    """Send the log to standard error. ``form`` is ``text`` or ``json``.

    ``quiet`` shows errors only, for commands that print what a reader has to know themselves.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json() if form == "json" else logging.Formatter(_TEXT, _TIME))
    handler.addFilter(RateLimit())
    logging.basicConfig(level=max(least, logging.ERROR) if quiet else least, handlers=[handler], force=True)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # its debug lines contain whole addresses, keys included
    logging.getLogger("watchdog").setLevel(logging.WARNING)  # at the level debug it reports every event
    sdk = logging.getLogger("opentelemetry")  # it reports each failed attempt, which we report once
    sdk.propagate = False
    sdk.addHandler(logging.NullHandler())


def _json() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        datefmt=_TIME,
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
    )


class RateLimit(logging.Filter):
    """Limits the lines that come from the same place in the program, and says how many it held back.

    The log is for people; the fate of every single item is a metric.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """``now`` returns seconds that never go back."""
        super().__init__()
        self._now = now
        self._intervals: dict[tuple[str, int], tuple[float, int]] = {}
        """The start of the present interval and the lines since then, for each place in the program."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return true if the line may pass. Critical lines always may."""
        place, now = (record.pathname, record.lineno), self._now()
        began, lines = self._intervals.get(place, (now, 0))
        if now - began >= _INTERVAL_SECONDS:
            # A new interval: its first line says how many the last one held back.
            held_back, began, lines = lines - _BURST, now, 0
            if held_back > 0:
                record.msg = f"{record.getMessage()} ({held_back} similar lines were held back before)"
                record.args = None
        self._intervals[place] = began, lines + 1
        return lines < _BURST or record.levelno >= logging.CRITICAL
