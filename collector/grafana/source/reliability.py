"""The dashboard of reliability: how long models take, what fails, and which tools."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from collector.grafana.source import names, panels
from collector.grafana.source.panels import Steps, bars, legend, number, trend
from collector.grafana.source.queries import CHOICES, STEP, share, took, used, with_choices
from collector.grafana.source.tables import Column, ranking
from otel_agent.semconv import MESSAGE_COUNT, TOOL_CALL_COUNT

_FAILED: Final = f'{names.OUTCOME}="error"'
_ABORTED: Final = f'{names.OUTCOME}="aborted"'
_ANY_ERROR: Final = f'{names.ERROR}!=""'
_TOOL_OK: Final = f'{names.TOOL_OUTCOME}="ok"'
_BAD: Final[Steps] = ((None, "green"), (0.05, "yellow"), (0.2, "red"))
"""The color of a share of failures. The alert OpenCodeErrorRatioHigh fires at a fifth."""
_GOOD: Final[Steps] = ((None, "red"), (0.8, "yellow"), (0.95, "green"))
_SLOW: Final[Steps] = ((None, "text"), (30, "yellow"), (60, "red"))
"""The color of a time that a call takes. Seconds."""
_COARSE: Final = "From buckets that double, so it may be off by half. Filtered by team, user, host and model only."
_COARSE_TOOLS: Final = "Times are from buckets that double, so they may be off by half. No model or agent filters."
_LINES: Final = 10


def board() -> Dashboard:
    """Build the dashboard."""
    made = panels.board(
        "otel-agent-reliability",
        "OpenCode: reliability",
        "How long models take, what fails, and which tools. Up to seven minutes behind.",
        since="now-24h",
        refresh="5m",
    )
    labels = [label for label in CHOICES if label != names.SESSION]
    return panels.with_rows(
        with_choices(made, *labels),
        {
            "Overview": _numbers(),
            "Model calls": (*_durations(), _models()),
            "Errors": _errors(),
            "Tools": (*_tools_over_time(), _tools()),
        },
    )


def _numbers() -> Sequence[Builder[Panel]]:
    messages, calls = used(MESSAGE_COUNT), used(TOOL_CALL_COUNT)
    return (
        number(
            "Failed messages",
            share(used(MESSAGE_COUNT, where=_FAILED), messages),
            "percentunit",
            "Share of all messages.",
            steps=_BAD,
        ),
        number(
            "Aborted messages",
            share(used(MESSAGE_COUNT, where=_ABORTED), messages),
            "percentunit",
            "Share of all messages: a person stopped them.",
        ),
        number("Median of model calls", took(0.5), "s", _COARSE),
        number("95 % of model calls", took(0.95), "s", f"So many take less than this. {_COARSE}", steps=_SLOW),
        number("Tool calls", calls, "short"),
        number(
            "Tools succeed",
            share(used(TOOL_CALL_COUNT, where=_TOOL_OK), calls),
            "percentunit",
            "Share of all tool calls; no model or agent filters.",
            steps=_GOOD,
        ),
    )


def _durations() -> Sequence[Builder[Panel]]:
    by = names.MODEL
    return (
        trend("Median time of model calls", {legend(by): took(0.5, by, window=STEP)}, "s", _COARSE).min(0),
        trend("95 % of model calls take less", {legend(by): took(0.95, by, window=STEP)}, "s", _COARSE).min(0),
    )


def _models() -> Builder[Panel]:
    by = names.MODEL, names.PROVIDER
    messages = used(MESSAGE_COUNT, *by)
    failed, aborted = (share(used(MESSAGE_COUNT, *by, where=where), messages) for where in (_FAILED, _ABORTED))
    columns = (
        Column("Messages", messages, bar=True),
        Column("Failed", failed, "percentunit", steps=_BAD, decimals=1),
        Column("Aborted", aborted, "percentunit", decimals=1),
        Column("Median", took(0.5, *by), "s", decimals=1),
        Column("95 %", took(0.95, *by), "s", steps=_SLOW, decimals=1),
    )
    return ranking("Models", columns, {names.MODEL: "Model", names.PROVIDER: "Provider"}, _COARSE, span=24, height=6)


def _errors() -> Sequence[Builder[Panel]]:
    by = names.ERROR, names.MODEL, names.PROVIDER
    over_time = used(names.DURATION_COUNT, names.ERROR, where=_ANY_ERROR, window=STEP)
    count = used(names.DURATION_COUNT, *by, where=_ANY_ERROR)
    none = "No errors in this time. New ones are recorded in about seven minutes."
    columns = (Column("Calls", count, bar=True, width=100),)
    named = {names.ERROR: "Error", names.MODEL: "Model", names.PROVIDER: "Provider"}
    about = "Model calls that ended with an error, those that a person stopped too."
    return (
        bars("Errors by type", over_time, legend(names.ERROR), "short", about).interval("30m").no_value(none),
        ranking("Errors by type and model", columns, named, about, empty=none, widths={"Error": 230, "Provider": 125}),
    )


def _tools_over_time() -> Sequence[Builder[Panel]]:
    by = names.TOOL
    calls = used(TOOL_CALL_COUNT, by, window=STEP)
    success = share(used(TOOL_CALL_COUNT, by, where=_TOOL_OK, window=STEP), calls)
    shown = f"{success} and on ({by}) topk({_LINES}, {calls})"
    about = "The share of calls that succeed, of the ten tools with most calls at each moment."
    slow = f"{took(0.95, by, window=STEP, of_what=names.TOOL_BUCKET)} and on ({by}) topk({_LINES}, {calls})"
    about_slow = f"Of the ten tools with most calls at each moment. {_COARSE_TOOLS}"
    return (
        trend("Tool success", {legend(by): shown}, "percentunit", about).max(1),
        trend("95 % of tool calls take less", {legend(by): slow}, "s", about_slow).min(0),
    )


def _tools() -> Builder[Panel]:
    by = names.TOOL
    calls = used(TOOL_CALL_COUNT, by)
    ended = {outcome: f'{names.TOOL_OUTCOME}="{outcome}"' for outcome in ("error", "aborted")}
    failed, aborted = (f"{used(TOOL_CALL_COUNT, by, where=where)} or {calls} * 0" for where in ended.values())
    columns = (
        Column("Calls", calls, bar=True),
        Column("Failed", failed),
        Column("Aborted", aborted),
        Column(
            "Success", share(used(TOOL_CALL_COUNT, by, where=_TOOL_OK), calls), "percentunit", steps=_GOOD, decimals=1
        ),
        *(
            Column(title, took(quantile, by, of_what=names.TOOL_BUCKET), "s", decimals=1)
            for title, quantile in (("Median", 0.5), ("95 %", 0.95))
        ),
    )
    about = f"How long the calls took is known if OpenCode records their times. {_COARSE_TOOLS}"
    return ranking("Tools", columns, {by: "Tool"}, about, span=24, height=8)
