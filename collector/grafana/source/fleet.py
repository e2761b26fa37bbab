"""The dashboard that shows if the numbers can be trusted: the agents, what they could not export, and the Collectors."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from collector.grafana.source import names, panels
from collector.grafana.source.panels import ROWS, choice, chosen, lines, most, number, ranking
from otel_agent.semconv import (
    EXPORT_COUNT,
    INGEST_LAG,
    INGESTED_COUNT,
    LEDGER_SIZE,
    NEWEST_MESSAGE_AGE,
    OUTBOX_SIZE,
    PROCESS_COUNT,
    PROCESS_MEMORY_USAGE,
    REJECTED_COUNT,
    SERIES_COUNT,
    SERIES_OVERFLOW_COUNT,
    UNREADABLE_COUNT,
    Attr,
    Metric,
)

_CHOICES: Final = {names.TEAM: "team", names.HOST: "host"}
_CHOSEN: Final = chosen(_CHOICES)
_BY: Final = "instance", names.HOST, names.USER, names.TEAM
_LABELS: Final = ", ".join(_BY)
_SEEN: Final = "10m"
"""An agent whose last gauges are older than this counts as not running."""


def _now(metric: Metric) -> str:
    return f"last_over_time({names.metric(metric)}{_CHOSEN}[{_SEEN}])"


def _rose(metric: Metric, window: str = "$__range") -> str:
    return f"increase({names.metric(metric)}{_CHOSEN}[{window}])"


def _silent() -> str:
    """Return the query for how long agents are silent. Like the alert OtelAgentSilent it forgets them after two weeks."""
    heard = f"otel_agent:instance:heard1h{_CHOSEN}"
    who = f"{names.HOST}, {names.USER}, {names.TEAM}"
    last = f"time() - max by ({who}) (max_over_time({heard}[14d]))"
    return f"topk({ROWS}, {last} unless on ({names.HOST}, {names.USER}) last_over_time({heard}[1d]))"


def board() -> Dashboard:
    """Build the dashboard."""
    made = panels.board(
        "otel-agent-fleet",
        "OpenCode: the fleet's health",
        "How fresh the numbers are, what is pending and what was rejected, cardinality, and the Collectors.",
        since="now-6h",
        refresh="1m",
    )
    of = names.metric(LEDGER_SIZE)
    made = made.with_variable(choice("team", "Team", names.TEAM, of))
    made = made.with_variable(choice("host", "Host", names.HOST, of, {names.TEAM: "team"})).with_row(Row("Agents"))
    for panel in (
        number("Agents", f"count({_now(LEDGER_SIZE)})", "short", "Reported in the last ten minutes."),
        number(
            "Slowest to count", f"max({_now(INGEST_LAG)})", "s", "From the completion of a message until it is counted."
        ),
        number(
            "Pending spans", f"sum({_now(OUTBOX_SIZE)})", "short", "Agents keep them until their backend accepts them."
        ),
        number("Rejected", f"sum({_rose(REJECTED_COUNT)})", "short", "Points and spans that the backend rejected."),
        number(
            "Series",
            f"sum({_now(SERIES_COUNT)})",
            "short",
            "Series in the agents' ledgers: Prometheus may have as many.",
        ),
        number(
            "Unreadable",
            f"sum({_rose(UNREADABLE_COUNT)})",
            "short",
            "Places in OpenCode's storage that could not be read.",
        ),
    ):
        made = made.with_panel(panel)
    made = made.with_row(Row("Freshness and delivery"))
    for drawn in (
        lines("Agents that report", {"agents": f"count({_now(LEDGER_SIZE)})"}, "short"),
        lines("Time to count a message", _quantiles(_now(INGEST_LAG)), "s"),
        lines("Age of the newest message", _quantiles(_now(NEWEST_MESSAGE_AGE)), "s", "High if nobody works."),
        lines("Pending spans", {f"{{{{{names.HOST}}}}}": f"topk(5, {_now(OUTBOX_SIZE)} > 0)"}, "short"),
        lines(
            "Requests of agents",
            {
                _legend(Attr.SIGNAL, Attr.EXPORT_OUTCOME): f"sum by ({names.label(Attr.SIGNAL)}, "
                f"{names.label(Attr.EXPORT_OUTCOME)}) (rate({names.metric(EXPORT_COUNT)}{_CHOSEN}[$__rate_interval]))"
            },
            "reqps",
        ),
        lines(
            "Messages counted, by storage generation",
            {
                _legend(
                    Attr.SOURCE
                ): f"sum by ({names.label(Attr.SOURCE)}) ({_rose(INGESTED_COUNT, '$__rate_interval')})"
            },
            "short",
        ),
    ):
        made = made.with_panel(drawn)
    made = made.with_row(Row("Each agent"))
    pending = f"sum by ({_LABELS}) ({_now(OUTBOX_SIZE)})"
    columns = {
        "Pending spans": pending,
        "Newest message, s": f"max by ({_LABELS}) ({_now(NEWEST_MESSAGE_AGE)})",
        "Series": f"sum by ({_LABELS}) ({_now(SERIES_COUNT)})",
        "Overflows": f"sum by ({_LABELS}) ({_rose(SERIES_OVERFLOW_COUNT)})",
    }
    who = {names.HOST: "Host", names.USER: "User", names.TEAM: "Team"}
    made = made.with_panel(ranking("Agents", most(ROWS, pending, _BY, columns), who | {"instance": "Instance"}))
    made = made.with_panel(ranking("Silent for a day", {"Silent for, s": _silent()}, who))
    made = made.with_row(Row("Cardinality and processes"))
    made = made.with_panel(
        ranking(
            "Series by metric",
            {"Series": f"sum by ({names.label(Attr.SERIES_OF)}) ({_now(SERIES_COUNT)})"},
            {names.label(Attr.SERIES_OF): "Metric"},
        )
    )
    mode = names.label(Attr.PROCESS_MODE)
    made = made.with_panel(
        lines("OpenCode processes", {f"{{{{{mode}}}}}": f"sum by ({mode}) ({_now(PROCESS_COUNT)})"}, "short")
    )
    made = made.with_panel(
        lines(
            "Memory of OpenCode processes",
            {f"{{{{{mode}}}}}": f"sum by ({mode}) ({_now(PROCESS_MEMORY_USAGE)})"},
            "bytes",
        )
    )
    return _collectors(made)


def _collectors(made: Dashboard) -> Dashboard:
    made = made.with_row(Row("Collectors"))
    rates = {
        f"{what} {done}": f'sum(rate({{__name__=~"otelcol_{name}_{what}(_total)?"}}[$__rate_interval]))'
        for what in ("metric_points", "spans")
        for done, name in (("accepted", "receiver_accepted"), ("sent", "exporter_sent"))
    }
    full = "max by (instance, exporter) (otelcol_exporter_queue_size / otelcol_exporter_queue_capacity)"
    memory = 'max by (instance) ({__name__=~"otelcol_process_memory_rss(_bytes)?"})'
    return (
        made.with_panel(lines("Points and spans", rates, "cps"))
        .with_panel(lines("How full the queues are", {"{{instance}} {{exporter}}": full}, "percentunit"))
        .with_panel(lines("Memory", {"{{instance}}": memory}, "bytes"))
    )


def _quantiles(of: str) -> dict[str, str]:
    return {"half": f"quantile(0.5, {of})", "99 %": f"quantile(0.99, {of})"}


def _legend(*attributes: str) -> str:
    return " ".join(f"{{{{{names.label(each)}}}}}" for each in attributes)
