"""The dashboard that shows where the tokens went: the six views of `otel-agent summary`, for a team."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from collector.grafana.source import names, panels
from collector.grafana.source.panels import bars, legend, number
from collector.grafana.source.queries import CHOICES, STEP, cached, share, used, with_choices
from collector.grafana.source.tables import DOLLARS, ROWS, Column, most, ranking
from otel_agent.semconv import (
    COST_USAGE,
    MESSAGE_COUNT,
    SESSION_COST_USAGE,
    SESSION_COUNT,
    SESSION_TOKEN_USAGE,
    TOKEN_USAGE,
    TOOL_CALL_COUNT,
)

_WIDTHS: Final = {"Provider": 130, "Kind": 90, "Team": 100}
"""Leave the rest to the first column. Pixels."""
FAILED = f'{names.OUTCOME}="error"'
"""The messages that failed."""


def board() -> Dashboard:
    """Build the dashboard."""
    made = panels.board(
        "otel-agent-overview",
        "OpenCode: where the tokens went",
        "What OpenCode used. Each message counts once; up to seven minutes behind.",
        since="now-24h",
        refresh="5m",
    )
    return panels.with_rows(
        with_choices(made, *CHOICES),
        {
            "Overview": _numbers(),
            "Timeline": _timeline(),
            "Models and agents": (
                _table("Models", {names.MODEL: "Model", names.PROVIDER: "Provider"}),
                _table("Agents", {names.AGENT: "Agent", names.KIND: "Kind"}),
            ),
            "Projects and people": (
                _table("Projects", {names.PROJECT: "Project", names.TEAM: "Team"}, limited=True),
                _table("People", {names.PERSON: "Person", names.TEAM: "Team"}, limited=True),
            ),
            "Sessions and tools": (_sessions(), _tools(), _sources()),
        },
    )


def _numbers() -> Sequence[Builder[Panel]]:
    failed = share(used(MESSAGE_COUNT, where=FAILED), used(MESSAGE_COUNT))
    return (
        number("Tokens", used(TOKEN_USAGE), "short", "All types, also those read from and written to a cache."),
        number("Cost", used(COST_USAGE), "currencyUSD", "As OpenCode recorded it."),
        number("Messages", used(MESSAGE_COUNT), "short"),
        number("Sessions", used(SESSION_COUNT), "short", "Sessions that began in this time, also those of sub-agents."),
        number("Cache hits", cached(), "percentunit", "Share of the prompts' tokens that came from a cache."),
        number(
            "Errors",
            failed,
            "percentunit",
            "Share of all messages.",
            steps=((None, "green"), (0.05, "yellow"), (0.2, "red")),
        ),
    )


def _timeline() -> Sequence[Builder[Panel]]:
    return (
        bars("Tokens", used(TOKEN_USAGE, names.TOKEN_TYPE, window=STEP), legend(names.TOKEN_TYPE), "short"),
        bars("Cost", used(COST_USAGE, names.MODEL, window=STEP), legend(names.MODEL), "currencyUSD"),
    )


def _table(title: str, headings: dict[str, str], *, limited: bool = False) -> Builder[Panel]:
    """Return a table of tokens, cost and messages by labels: `headings` has the heading of each label.

    `limited` shows only the rows with the most tokens.
    """
    by = list(headings)
    tokens = used(TOKEN_USAGE, *by)
    columns: Sequence[Column] = (
        Column("Tokens", tokens, bar=True),
        Column("Cost", used(COST_USAGE, *by), DOLLARS),
        Column("Messages", used(MESSAGE_COUNT, *by)),
    )
    return ranking(title, most(ROWS, tokens, by, columns) if limited else columns, headings, widths=_WIDTHS)


def _sessions() -> Builder[Panel]:
    by = names.SESSION, names.PROJECT
    tokens = used(SESSION_TOKEN_USAGE, *by)
    cost = used(SESSION_COST_USAGE, *by)
    columns = (Column("Tokens", tokens, bar=True, width=120), Column("Cost", cost, DOLLARS, width=75))
    headings = {names.SESSION: "Session", names.PROJECT: "Project"}
    return ranking("Sessions", most(ROWS, tokens, by, columns), headings, span=12, widths={"Session": 300})


def _tools() -> Builder[Panel]:
    calls = used(TOOL_CALL_COUNT, names.TOOL)
    failed = used(TOOL_CALL_COUNT, names.TOOL, where=f'{names.TOOL_OUTCOME}!="ok"')
    columns = (
        Column("Calls", calls, bar=True, width=100),
        Column("Failed", f"{failed} or {calls} * 0", width=65),
    )
    return ranking("Tools", columns, {names.TOOL: "Tool"}, span=6)


def _sources() -> Builder[Panel]:
    """Return the table that shows what tokens were for: messages, compactions, or nothing that OpenCode says."""
    by = names.TOKENS_OF
    columns = (
        Column("Tokens", used(TOKEN_USAGE, by), width=100),
        Column("Cost", used(COST_USAGE, by), DOLLARS, width=75),
    )
    about = "Unattributed is what only a session's total has; OpenCode names no message and no model for it."
    return ranking("What the tokens were for", columns, {by: "Used for"}, about, span=6)
