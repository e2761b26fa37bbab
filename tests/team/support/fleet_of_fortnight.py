"""The last hours of the made-up fleet: what its agents and a gateway say of themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

Labels = tuple[tuple[str, str], ...]
Series = tuple[str, Labels, list[tuple[int, float]]]

HOURS = 7
MINUTE_S = 120
SILENT_S = 2 * 24 * 3600
"""How long the last agent has been silent. Seconds."""


def of_agents(agents: Sequence[tuple[str, str, str]], end: datetime) -> Iterator[Series]:
    """Yield the gauges and counters of each agent (team, user, host) but the last, which is silent."""
    for metric, more, value in _METRICS:
        for number, agent in enumerate(agents[:-1]):
            labels = _labels(agent, number, more)
            yield metric, labels, [(at, float(value(number, minute))) for minute, at in _minutes(end)]


def heard(agents: Sequence[tuple[str, str, str]], end: datetime) -> Iterator[Series]:
    """Yield what `rules/agents.yaml` records each hour: which agents reported."""
    last = int(end.timestamp()) // 3600 * 3600
    for number, agent in enumerate(agents):
        until = last - SILENT_S if number == len(agents) - 1 else last
        samples = [(at, float(at)) for at in range(last - 14 * 24 * 3600, until + 1, 3600)]
        yield "otel_agent:instance:heard1h", _labels(agent, number, {}), samples


def of_collectors(end: datetime) -> Iterator[Series]:
    """Yield a gateway's own metrics."""
    for metric, more, value in _GATEWAY:
        labels = tuple(sorted({"instance": "gateway-1:8889", "job": "otelcol", **more}.items()))
        yield metric, labels, [(at, float(value(minute))) for minute, at in _minutes(end)]


def _minutes(end: datetime) -> list[tuple[int, int]]:
    first = int(end.timestamp()) - HOURS * 3600
    return [(minute, first + minute * MINUTE_S) for minute in range(HOURS * 3600 // MINUTE_S + 1)]


def _labels(agent: tuple[str, str, str], number: int, more: dict[str, str]) -> Labels:
    team, user, host = agent
    instance = f"{number:08x}-6f1c-5d2e-9a41-{0xA11CE5 + number:012x}"
    found = {"instance": instance, "job": "otel-agent", "host_name": host, "user": user, "team": team, **more}
    return tuple(sorted((name, value) for name, value in found.items() if value))


def _waves(number: int, minute: int, size: float) -> float:
    return size * (1.2 + math.sin(number + minute / 40))


_METRICS: tuple[tuple[str, dict[str, str], Callable[[int, int], float]], ...] = (
    (
        "otel_agent_export_attempts_total",
        {"otel_agent_signal": "metrics", "otel_agent_export_outcome": "ok"},
        lambda _, m: m,
    ),
    (
        "otel_agent_export_attempts_total",
        {"otel_agent_signal": "traces", "otel_agent_export_outcome": "ok"},
        lambda n, m: m // (2 + n % 3),
    ),
    ("otel_agent_export_rejected_total", {"otel_agent_signal": "traces"}, lambda _n, _m: 0),
    ("otel_agent_ingest_lag_seconds", {}, lambda n, m: _waves(n, m, 1.3)),
    ("otel_agent_ledger_size_bytes", {}, lambda n, m: 2e6 + 1e5 * n + 100 * m),
    ("otel_agent_message_age_seconds", {}, lambda n, m: 40 + (m * 7 + n * 131) % (300 + 500 * n)),
    ("otel_agent_message_ingested_total", {"otel_agent_store_generation": "sqlite-v1"}, lambda n, m: m // (1 + n % 4)),
    ("otel_agent_message_ingested_total", {"otel_agent_store_generation": "json"}, lambda n, m: m // (6 + n % 4)),
    (
        "otel_agent_outbox_size",
        {},
        lambda n, m: max(0, 14 - abs(m - 200)) if n == 3 else 3 if n == 5 and m > 400 else 0,
    ),
    ("otel_agent_series_count", {"otel_agent_series_metric": "opencode.token.usage"}, lambda n, _: 40 + 5 * n),
    ("otel_agent_series_count", {"otel_agent_series_metric": "opencode.session.token.usage"}, lambda n, _: 90 + 15 * n),
    ("otel_agent_series_count", {"otel_agent_series_metric": "opencode.message.count"}, lambda n, _: 9 + n),
    ("otel_agent_series_overflow_total", {}, lambda _n, _m: 0),
    ("opencode_process_count", {"opencode_process_mode": "cli"}, lambda n, m: (m + 50 * n) // 90 % 3),
    ("opencode_process_count", {"opencode_process_mode": "lsp"}, lambda n, m: (m + 70 * n) // 110 % 2),
    ("process_memory_usage_bytes", {"opencode_process_mode": "cli"}, lambda n, m: _waves(n, m, 2.4e8)),
    ("process_memory_usage_bytes", {"opencode_process_mode": "lsp"}, lambda n, m: _waves(n, m, 1.1e8)),
)
"""Metric, labels, and the value by the number of the agent and the minute. Sorted by metric, as OpenMetrics asks for."""
_GATEWAY: tuple[tuple[str, dict[str, str], Callable[[int], float]], ...] = (
    ("otelcol_exporter_queue_capacity", {"exporter": "otlp_http/prometheus"}, lambda _: 4294967296),
    ("otelcol_exporter_queue_capacity", {"exporter": "otlp_http/traces"}, lambda _: 4294967296),
    ("otelcol_exporter_queue_size", {"exporter": "otlp_http/prometheus"}, lambda m: 4e7 * (1 + math.sin(m / 30))),
    ("otelcol_exporter_queue_size", {"exporter": "otlp_http/traces"}, lambda m: 2e7 * (1 + math.cos(m / 50))),
    ("otelcol_exporter_sent_metric_points_total", {"exporter": "otlp_http/prometheus"}, lambda m: 1500 * m),
    ("otelcol_exporter_sent_spans_total", {"exporter": "otlp_http/traces"}, lambda m: 300 * m),
    ("otelcol_process_memory_rss_bytes", {}, lambda m: 1.3e8 + 4e5 * (m % 90)),
    ("otelcol_receiver_accepted_metric_points_total", {"receiver": "otlp"}, lambda m: 1500 * m + 20 * (m % 7)),
    ("otelcol_receiver_accepted_spans_total", {"receiver": "otlp"}, lambda m: 300 * m + 9 * (m % 5)),
)
