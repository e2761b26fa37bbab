"""The sentence that tells a reader that a history is still being read, and that all numbers are too small until then."""

from typing import Final

from otel_agent.ledger.reading import Reading

_INCOMPLETE: Final = "totals are incomplete"
_CONTINUED: Final = "`otel-agent summary` or `otel-agent run` continues it."


def reading_sentence(reading: Reading, *, stopped: bool) -> str:
    """Return how far the reading is. ``stopped``: no process goes on with it now, so the sentence says what to do."""
    if not stopped:
        return f"Still reading history{_percent(reading, ': ')}; {_INCOMPLETE}."
    if not reading.looked_at:
        return f"History was not read yet; {_INCOMPLETE}. `otel-agent summary` or `otel-agent run` reads it."
    return f"Reading history stopped{_percent(reading, ' at ')}; {_INCOMPLETE}. {_CONTINUED}"


def _percent(reading: Reading, before: str) -> str:
    # Without the number of files and rows there is no part of them.
    return f"{before}{reading.percent} %" if reading.found else ""
