"""Says what a failed request means: permanent, retryable or unknown. No other module decides that.

- **Permanent**: the request itself is at fault. Sending the same again cannot help; a smaller part of it may.
- **Retryable**: the backend does not have it, and may accept the same later. Everything that is not named here is
  retryable. Wrong keys and addresses are, too: a person may mend those, and nothing is lost meanwhile.
- **Unknown** ("unanswered"): the backend may or may not have it. Sending the same again must do no harm.

A failed request is tried again at four places:

1. ``tries``, within the time of one export, if the answer asks for it or the connection broke. It does so only if
   the request before succeeded: a backend that is away for long gets one request for each export.
2. ``agent.signal_export`` after a pause, which ``agent.pacing`` doubles with each failure.
3. ``export.halving``, which sends permanently rejected requests in halves until what is at fault is alone.
4. ``ledger``, which releases quarantined spans at the next start.

None of the first two comes earlier than the backend asked for (``SendResult.retry_after_s``). Whether a request without an
answer may have arrived is known to ``exchange`` over HTTP: it sees the first byte leave. Over gRPC it is known by the
channel, which was connected before the call or not.
"""

import math
import re
import time
from email.utils import parsedate_to_datetime
from typing import Final

from otel_agent.delivery.foreign_text import one_line
from otel_agent.model import SendResult

LONGEST_RETRY_AFTER_SECONDS: Final = 86_400.0
"""A day. A backend that asks for more is asked again after that."""

_PERMANENT_STATUSES: Final = frozenset({400, 406, 413, 415, 422})
"""A URL or headers that are too long (414, 431) are not among them: a person wrote those, and halving helps nothing."""
_NEVER_PASSED_ON: Final = frozenset({501, 503, 505, 511})
"""Statuses of 500 and above that say that nothing was done with the request. All others may come from behind a gateway."""
_AGAIN_STATUSES: Final = frozenset({429, 502, 503, 504})
"""Statuses after which OTLP asks for a further try."""

_PERMANENT_CODES: Final = frozenset({"INVALID_ARGUMENT"})
_UNKNOWN_CODES: Final = frozenset(
    {"ABORTED", "CANCELLED", "DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"}
)
"""The connection broke, nobody answered in time, or something failed half-way: the request may have arrived."""
_AGAIN_CODES: Final = frozenset(
    {"ABORTED", "CANCELLED", "DATA_LOSS", "DEADLINE_EXCEEDED", "OUT_OF_RANGE", "UNAVAILABLE"}
)
"""Codes after which OTLP asks for a further try. RESOURCE_EXHAUSTED is one only if the answer says when."""
_SIZE_CODES: Final = frozenset({"RESOURCE_EXHAUSTED", "OUT_OF_RANGE", "INTERNAL", "UNKNOWN"})
_TOO_LARGE: Final = re.compile(
    r"too (large|big|long)\b|\b(larger|bigger|longer) than\b"
    r"|\bexceed(s|ed|ing)?\b.*\bsize\b|\bsize\b.*\bexceed(s|ed|ing)?\b|\bstatus\b.{0,30}\b413\b",
    re.IGNORECASE,
)
"""What servers say of a request that is too large: gRPC in C++, Go, Java, .NET, Node and Rust, and proxies (HTTP 413)."""
_QUOTA: Final = re.compile(
    r"\b(rate|quota|throttl\w*|concurren\w*|memory|queue|per (second|minute|hour|day))\b|/s\b", re.IGNORECASE
)
"""What servers say of too many requests, often with a size. Later the same request is accepted."""


def http_failure(status: int, phrase: str | None, retry_after_s: float = 0.0) -> SendResult:
    """Return the result of a request that was answered with an HTTP status of 400 or above.

    ``phrase`` is what the other side, which may be a stranger, says beside the status.
    """
    permanent = status in _PERMANENT_STATUSES
    return SendResult(
        accepted=False,
        permanent=permanent,
        unanswered=status >= 500 and status not in _NEVER_PASSED_ON,
        reason=f"HTTP {status} {one_line(phrase or '', instead='')}".rstrip(),
        # The parts of a request that is permanently rejected are other requests, and need no pause.
        retry_after_s=0.0 if permanent else retry_after_s,
    )


def http_asks_again(status: int) -> bool:
    """True if OTLP asks for a further try after this status."""
    return status in _AGAIN_STATUSES


def grpc_failure(
    code: str, details: str = "", *, connected: bool = True, retry_after_s: float | None = None
) -> SendResult:
    """Return the result of a call that failed with this code, by name. ``details`` is what the server says of it.

    ``connected`` says that the request may have left. A limit of size is permanent, a quota is not: that carries a time, or
    does not speak of a size.
    """
    too_large = code in _SIZE_CODES and retry_after_s is None and _speaks_of_size(details)
    permanent = code in _PERMANENT_CODES or too_large
    return SendResult(
        accepted=False,
        permanent=permanent,
        unanswered=connected and code in _UNKNOWN_CODES and not too_large,
        reason=f"gRPC {code} (the request is too large)" if too_large else f"gRPC {code}",
        retry_after_s=0.0 if permanent else retry_after_s or 0.0,
    )


def _speaks_of_size(details: str) -> bool:
    return bool(_TOO_LARGE.search(details)) and not _QUOTA.search(details)


def grpc_asks_again(code: str, retry_after_s: float | None) -> bool:
    """True if OTLP asks for a further try after this code. ``None`` if the answer names no time."""
    return code in _AGAIN_CODES or (code == "RESOURCE_EXHAUSTED" and retry_after_s is not None)


def retry_after(value: str | None, date: str = "", *, now: float | None = None) -> float | None:
    """Return the seconds that a header ``Retry-After`` names, as a number or as a date; ``None`` for nonsense.

    ``date`` is the answer's own ``Date``: a date of the backend is compared with the backend's clock.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,30}(\.[0-9]{1,30})?", text):
        return bounded(float(text))
    until = _timestamp(text)
    if until is None:
        return None
    since = _timestamp(date)
    return bounded(until - (since if since is not None else time.time() if now is None else now))


def bounded(seconds: float) -> float | None:
    """Return a pause that a backend asks for, at most a day; ``None`` if it is no number. One in the past is over."""
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _timestamp(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
