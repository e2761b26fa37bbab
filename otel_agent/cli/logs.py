"""The log: on standard error, a line for each thing that a person acts on."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Final

_TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"
_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"
_BURST: Final = 10
_SPELL_SECONDS: Final = 60.0
"""Of lines that say the same of different things so many are let through in such a spell."""


def set_up(level: str, form: str, *, quiet: bool) -> None:
    """``form``: ``text`` or ``json``. ``quiet``: errors only; what a reader has to know is part of what the command prints."""
    least = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json() if form == "json" else logging.Formatter(_TEXT, _TIME))
    handler.addFilter(RateLimit())
    logging.basicConfig(level=max(least, logging.ERROR) if quiet else least, handlers=[handler], force=True)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # what it says beyond that holds whole addresses, with keys
    logging.getLogger("watchdog").setLevel(logging.WARNING)  # every event, at the level debug
    sdk = logging.getLogger("opentelemetry")  # says in its own words, once a try, what we say once in ours
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
    """Lets through only some of the lines that differ in what they speak of alone, and says how many it held back. What
    happens for each item is a metric; a log is for persons."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._spells: dict[tuple[str, int], tuple[float, int]] = {}
        """By where in the program a line comes from: when the spell began, and how many lines there were."""

    def filter(self, record: logging.LogRecord) -> bool:
        place, now = (record.pathname, record.lineno), self._now()
        began, lines = self._spells.get(place, (now, 0))
        if now - began >= _SPELL_SECONDS:
            held_back, began, lines = lines - _BURST, now, 0
            if held_back > 0:
                record.msg = f"{record.getMessage()} (and {held_back} more like it before)"
                record.args = None
        self._spells[place] = began, lines + 1
        return lines < _BURST or record.levelno >= logging.CRITICAL
