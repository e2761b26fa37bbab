"""Says what a failed request means: permanent, retryable or unknown. No other module decides that.

- **Permanent**: the request itself is at fault. Sending the same again cannot help; a smaller part of it may.
- **Retryable**: the backend does not have it, and may accept the same later. Everything that is not named here is
  retryable. Wrong keys and addresses are, too: a person may mend those, and nothing is lost meanwhile.
- **Unknown** ("unanswered"): the backend may or may not have it. Sending the same again must do no harm.

A failed request is tried again at four places:

1. The SDK's exporter, within the time of one export, if the answer asks for it (429, 503; a broken connection once).
2. ``agent.loop`` after a pause, which doubles from ``FIRST_PAUSE_SECONDS`` to ``LONGEST_PAUSE_SECONDS``. Metrics are
   sent at their own interval.
3. ``export.halving``, which sends permanently rejected requests in halves until what is at fault is alone.
4. ``ledger``, which releases quarantined spans at the next start.

A request that broke before any answer came is judged by ``strict_http``, which knows the errors of ``requests``.
"""

from typing import Final

from otel_agent.model import SendResult

FIRST_PAUSE_SECONDS: Final = 5.0
"""Pause after the first export of spans that failed."""
LONGEST_PAUSE_SECONDS: Final = 60.0
"""The pause doubles with each further failure, up to this."""

_PERMANENT_STATUSES: Final = frozenset({400, 406, 413, 415, 422})
_UNKNOWN_STATUSES: Final = frozenset({500, 502, 504})
"""Something broke on the way or behind it, perhaps after the request was passed on."""

_PERMANENT_CODES: Final = frozenset({"INVALID_ARGUMENT"})
_UNKNOWN_CODES: Final = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"})
"""The connection broke, or nobody answered in time: the request may have arrived."""


def next_pause_seconds(pause_seconds: float) -> float:
    """Return the pause that follows this one after a further failure."""
    return min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)


def http_failure(status: int, phrase: str) -> SendResult:
    """Return the result of a request that was answered with an HTTP status of 400 or above."""
    return SendResult(
        accepted=False,
        permanent=status in _PERMANENT_STATUSES,
        unanswered=status in _UNKNOWN_STATUSES,
        reason=f"HTTP {status} {phrase}".rstrip(),
    )


def grpc_failure(code: str | None) -> SendResult:
    """Return the result of a call that failed with this code, by name; ``None`` if the call never began."""
    return SendResult(
        accepted=False,
        permanent=code in _PERMANENT_CODES,
        unanswered=code in _UNKNOWN_CODES,
        reason=f"gRPC {code}" if code else "no answer",
    )
