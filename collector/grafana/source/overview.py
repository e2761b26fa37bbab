"""The dashboard that shows where the tokens went: the six views of `otel-agent summary`, for a team."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel, VariableModel

from collector.grafana.source import names, panels
from collector.grafana.source.panels import ROWS, WIDTH, bars, choice, chosen, most, number, ranking
from otel_agent.semconv import (
    COST_USAGE,
    MESSAGE_COUNT,
    SESSION_COST_USAGE,
    SESSION_COUNT,
    SESSION_TOKEN_USAGE,
    TOKEN_USAGE,
    TOOL_CALL_COUNT,
    Attr,
    Metric,
)

_CHOICES: Final = {
    names.TEAM: "team",
    names.USER: "user",
    names.HOST: "host",
    names.PROJECT: "project",
    names.MODEL: "model",
    names.AGENT: "agent",
    names.SESSION: "session",
}
"""The dashboard variable that filters by each label."""
_FILTERED_BY: Final = {
    names.HOST: (names.TEAM,),
    names.USER: (names.TEAM,),
    names.PROJECT: (names.TEAM, names.USER, names.HOST),
    names.MODEL: (names.TEAM, names.USER, names.HOST),
    names.AGENT: (names.TEAM, names.USER, names.HOST),
    names.SESSION: (names.TEAM, names.USER, names.HOST, names.PROJECT, names.MODEL, names.AGENT),
}
"""The labels whose variables limit the values that the variable of another label offers."""
_WHO: Final = (names.TEAM, names.USER, names.HOST, names.PROJECT)
_CUT: Final = (*_WHO, names.MODEL, names.AGENT)
_LABELS_OF: Final = {
    SESSION_COUNT.name: _WHO,
    TOOL_CALL_COUNT.name: _WHO,
    SESSION_TOKEN_USAGE.name: (*_CUT, names.SESSION),
    SESSION_COST_USAGE.name: (*_CUT, names.SESSION),
}
"""The labels of a metric that variables can filter, if they differ from the ones of tokens (`_CUT`)."""


def used(metric: Metric, *by: str, where: str = "", window: str = "$__range") -> str:
    """Return the query for how much of a metric was used within a window, exactly, by these labels.

    `where` is one more matcher. The variables of the dashboard filter every label that the metric has.
    """
    by_choice = {label: _CHOICES[label] for label in _LABELS_OF.get(metric.name, _CUT)}
    matchers = chosen(by_choice, *([where] if where else []))
    inner = f"sum_over_time({names.gained(metric)}{matchers}[{window}])"
    return f"sum by ({', '.join(by)}) ({inner})" if by else f"sum({inner})"


def _table(title: str, headings: dict[str, str], attribute: str = "", *, limited: bool = False) -> Builder[Panel]:
    """Return a table of tokens, cost and messages by labels: `headings` has the heading of each label.

    `attribute` is the span attribute of the first label: each row links to its traces. `limited` shows only the top rows.
    """
    by = list(headings)
    columns = {
        "Tokens": used(TOKEN_USAGE, *by),
        "Cost, USD": used(COST_USAGE, *by),
        "Messages": used(MESSAGE_COUNT, *by),
    }
    if limited:
        columns = most(ROWS, columns["Tokens"], by, columns)
    return ranking(title, columns, headings, traces=attribute)


def board() -> Dashboard:
    """Build the dashboard."""
    made = panels.board(
        "otel-agent-overview",
        "OpenCode: where the tokens went",
        "What OpenCode used. Each message counts once; up to seven minutes behind.",
        since="now-24h",
        refresh="5m",
    )
    for label, name in _CHOICES.items():
        made = made.with_variable(_choice(label, name))
    made = made.with_row(Row("Overview"))
    for panel in _numbers():
        made = made.with_panel(panel)
    made = made.with_row(Row("Timeline"))
    step = "$__interval"
    made = made.with_panel(
        bars("Tokens", used(TOKEN_USAGE, names.TOKEN_TYPE, window=step), f"{{{{{names.TOKEN_TYPE}}}}}", "short")
    )
    made = made.with_panel(
        bars("Cost", used(COST_USAGE, names.MODEL, window=step), f"{{{{{names.MODEL}}}}}", "currencyUSD")
    )
    made = made.with_row(Row("Models and agents"))
    made = made.with_panel(_table("Models", {names.MODEL: "Model", names.PROVIDER: "Provider"}, Attr.MODEL))
    made = made.with_panel(_table("Agents", {names.AGENT: "Agent", names.KIND: "Kind"}, Attr.AGENT))
    made = made.with_row(Row("Projects and people"))
    made = made.with_panel(_table("Projects", {names.PROJECT: "Project"}, Attr.PROJECT, limited=True))
    made = made.with_panel(_table("People", {names.USER: "User", names.TEAM: "Team", names.HOST: "Host"}, limited=True))
    made = made.with_row(Row("Sessions and tools"))
    return made.with_panel(_sessions()).with_panel(_tools())


def _choice(label: str, name: str) -> Builder[VariableModel]:
    by_session = label == names.SESSION
    return choice(
        name,
        name.capitalize(),
        label,
        names.gained(SESSION_TOKEN_USAGE if by_session else TOKEN_USAGE),
        {each: _CHOICES[each] for each in _FILTERED_BY.get(label, ())},
        "Filters only the table of sessions: no other panel has a session." if by_session else "",
    )


def _numbers() -> Sequence[Builder[Panel]]:
    failed = used(MESSAGE_COUNT, where=f'{names.OUTCOME}="error"')
    return (
        number("Tokens", used(TOKEN_USAGE), "short", "All types, also those read from and written to a cache."),
        number("Cost", used(COST_USAGE), "currencyUSD", "As OpenCode recorded it."),
        number("Messages", used(MESSAGE_COUNT), "short"),
        number("Sessions", used(SESSION_COUNT), "short", "Sessions that began in this time, also those of sub-agents."),
        number("Tool calls", used(TOOL_CALL_COUNT), "short"),
        number("Errors", f"({failed} or vector(0)) / {used(MESSAGE_COUNT)}", "percentunit", "Share of all messages."),
    )


def _sessions() -> Builder[Panel]:
    by = names.SESSION, names.PROJECT
    columns = {"Tokens": used(SESSION_TOKEN_USAGE, *by), "Cost, USD": used(SESSION_COST_USAGE, *by)}
    headings = {names.SESSION: "Session", names.PROJECT: "Project"}
    return ranking("Sessions", most(ROWS, columns["Tokens"], by, columns), headings, traces=Attr.SESSION)


def _tools() -> Builder[Panel]:
    columns = {
        "Calls": used(TOOL_CALL_COUNT, names.TOOL),
        "Failed": used(TOOL_CALL_COUNT, names.TOOL, where=f'{names.TOOL_OUTCOME}!="ok"'),
    }
    return ranking("Tools", columns, {names.TOOL: "Tool"}, span=WIDTH // 2)
