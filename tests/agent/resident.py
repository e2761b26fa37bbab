"""How a resident agent is run in tests: with intervals so short, or so long, that nobody waits."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.made_stores import Tokens
from tests.support.otlp_receiver import OtlpReceiver

USED = Tokens(700, 50, 20, 300, 9)
BRISK = {
    "OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.05",
    "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.1",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
}
"""Intervals so short that a day passes in seconds."""
IDLE = {"OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "3600", "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "3600"}
"""Intervals so long that nothing happens between the first pass and the stop."""
AT_ONCE_S = 5.0
"""Time within which something happens that waits for nothing, on a slow and busy machine. Seconds."""


def counted(messages: int) -> Callable[[OtlpReceiver], bool]:
    """Return a question for `wait_for`: did totals and spans of that many messages arrive?"""
    total = messages * sum(USED)
    return lambda r: r.total("opencode.token.usage") == total and len({s.span_id for s in r.chats()}) == messages
