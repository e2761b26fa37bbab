"""The dashboard that shows if the numbers can be trusted: the agents, what they could not export, and the Collectors."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from collector.grafana.source import names, panels
from collector.grafana.source.panels import Steps, choice, chosen, legend, lines, number
from collector.grafana.source.tables import ROWS, Column, most, ranking
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
    Metric,
)
from otel_agent.semconv.attributes import Attr

_CHOICES: Final = {names.TEAM: "team", names.HOST: "host"}
_CHOSEN: Final = chosen(_CHOICES)
_BY: Final = "instance", names.HOST, names.USER, names.TEAM
_LABELS: Final = ", ".join(_BY)
_SEEN: Final = "10m"
"""An agent whose last gauges are older than this counts as not running."""
_ANY: Final[Steps] = ((None, "green"), (1, "yellow"))
"""The color of a count that should be zero."""
_LATE: Final[Steps] = ((None, "green"), (120, "yellow"), (600, "red"))
"""The color of the time until a message is counted. The alert OtelAgentIngestLags fires after ten minutes. Seconds."""
_NO_AGENT: Final = "no agent reported lately"


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
    made = made.with_variable(choice("host", "Host", names.HOST, of, {names.TEAM: "team"}))
    return panels.with_rows(
        made,
        {
            "Agents": _numbers(),
            "Freshness and delivery": _freshness(),
            "Each agent": _agents(),
            "Cardinality and processes": _cardinality(),
            "Collectors": _collectors(),
        },
    )


def _numbers() -> Sequence[Builder[Panel]]:
    lag = f"max({_now(INGEST_LAG)})"
    figures = (
        ("Agents", f"count({_now(LEDGER_SIZE)})", "short", "Reported in the last ten minutes.", ()),
        ("Slowest to count", lag, "s", "From the completion of a message until it is counted.", _LATE),
        (
            "Pending spans",
            f"sum({_now(OUTBOX_SIZE)})",
            "short",
            "Agents keep them until their backend accepts them.",
            _ANY,
        ),
        ("Rejected", f"sum({_rose(REJECTED_COUNT)})", "short", "Points and spans that the backend rejected.", _ANY),
        (
            "Series",
            f"sum({_now(SERIES_COUNT)})",
            "short",
            "Series in the agents' ledgers: Prometheus may have as many.",
            (),
        ),
        ("Unreadable", _unreadable(), "short", "Places in OpenCode's storage that could not be read.", _ANY),
    )
    return tuple(
        number(title, query, unit, about, steps=steps, empty=_NO_AGENT) for title, query, unit, about, steps in figures
    )


def _unreadable() -> str:
    """Return the query for what could not be read. An agent that could read everything has no such series."""
    return f"sum({_rose(UNREADABLE_COUNT)}) or 0 * count({_now(LEDGER_SIZE)})"


def _freshness() -> Sequence[Builder[Panel]]:
    signal, outcome, source = (names.label(each) for each in (Attr.SIGNAL, Attr.EXPORT_OUTCOME, Attr.SOURCE))
    requests = f"rate({names.metric(EXPORT_COUNT)}{_CHOSEN}[$__rate_interval])"
    return (
        lines("Agents that report", {"agents": f"count({_now(LEDGER_SIZE)})"}, "short"),
        lines("Time to count a message", _quantiles(_now(INGEST_LAG)), "s"),
        lines("Age of the newest message", _quantiles(_now(NEWEST_MESSAGE_AGE)), "s", "High if nobody works."),
        lines("Pending spans, by host", {legend(names.HOST): f"topk(5, {_now(OUTBOX_SIZE)} > 0)"}, "short"),
        lines(
            "Requests that agents sent",
            {legend(signal, outcome): f"sum by ({signal}, {outcome}) ({requests})"},
            "reqps",
        ),
        lines(
            "Messages counted, by storage generation",
            {legend(source): f"sum by ({source}) ({_rose(INGESTED_COUNT, '$__rate_interval')})"},
            "short",
        ),
    )


def _agents() -> Sequence[Builder[Panel]]:
    pending = f"sum by ({_LABELS}) ({_now(OUTBOX_SIZE)})"
    columns = (
        Column("Newest message", f"max by ({_LABELS}) ({_now(NEWEST_MESSAGE_AGE)})", "s", decimals=1, width=145),
        Column("Pending spans", pending, steps=_ANY, width=130),
        Column("Series", f"sum by ({_LABELS}) ({_now(SERIES_COUNT)})", bar=True),
        Column("Overflows", f"sum by ({_LABELS}) ({_rose(SERIES_OVERFLOW_COUNT)})", steps=_ANY, decimals=0),
    )
    who = {names.HOST: "Host", names.USER: "User", names.TEAM: "Team"}
    about = "An agent that lost its ledger is a new instance: such a host has a row for each."
    agents = ranking(
        "Agents",
        most(ROWS, pending, _BY, columns),
        who | {"instance": "Instance"},
        about,
        span=24,
        height=10,
        sort="Pending spans",
        widths={"Instance": 330},
    )
    silent = Column(
        "Silent for", _silent(), "s", steps=((None, "yellow"), (7 * 24 * 3600, "red")), decimals=1, width=130
    )
    none = "Every agent reported within the last day."
    return agents, ranking(
        "Silent for a day", (silent,), who, "Forgotten after two weeks.", span=24, height=5, empty=none
    )


def _cardinality() -> Sequence[Builder[Panel]]:
    metric, mode = names.label(Attr.SERIES_OF), names.label(Attr.PROCESS_MODE)
    series = Column("Series", f"sum by ({metric}) ({_now(SERIES_COUNT)})", bar=True)
    memory = {legend(mode): f"sum by ({mode}) ({_now(PROCESS_MEMORY_USAGE)})"}
    return (
        ranking("Series by metric", (series,), {metric: "Metric"}, span=8),
        lines("OpenCode processes", {legend(mode): f"sum by ({mode}) ({_now(PROCESS_COUNT)})"}, "short").min(0).span(8),
        lines("Memory of OpenCode processes", memory, "bytes").min(0).span(8),
    )


def _collectors() -> Sequence[Builder[Panel]]:
    rates = {
        f"{shown} {done}": f'sum(rate({{__name__=~"otelcol_{name}_{what}(_total)?"}}[$__rate_interval]))'
        for what, shown in (("metric_points", "points"), ("spans", "spans"))
        for done, name in (("accepted", "receiver_accepted"), ("sent", "exporter_sent"))
    }
    full = "max by (instance, exporter) (otelcol_exporter_queue_size / otelcol_exporter_queue_capacity)"
    memory = 'max by (instance) ({__name__=~"otelcol_process_memory_rss(_bytes)?"})'
    return (
        lines("Points and spans", rates, "cps").span(8),
        lines("How full the queues are", {legend("instance", "exporter"): full}, "percentunit").min(0).max(1).span(8),
        lines("Memory of Collectors", {legend("instance"): memory}, "bytes").min(0).span(8),
    )


def _quantiles(of: str) -> dict[str, str]:
    return {"median": f"quantile(0.5, {of})", "99 % of agents, at most": f"quantile(0.99, {of})"}
